// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	protocols "k8s.io/apimachinery/pkg/util/remotecommand"
	"k8s.io/client-go/kubernetes"
	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
)

// Kubelet is the part of a kubelet that kube-apiserver calls for exec and logs,
// made of the packages that the real one uses for it. The API server takes it for
// a node, so that what Weir forwards goes the real way: client, Weir, kube-apiserver
// (which translates WebSocket to SPDY), kubelet.
type Kubelet struct {
	// Lines of the followed log: each is sent when it is put in.
	LogLines chan string

	server *http.Server
}

const (
	kubeletNode      = "e2e-node"
	KubeletNamespace = "e2e-kubelet"
	KubeletPod       = "e2e-pod"
)

// StartKubelet makes a node and a pod on it, whose container does two things: exec
// sends its input back, and its log is LogLines.
func StartKubelet(ctx context.Context, server *APIServer) (*Kubelet, error) {
	certificate, key, err := server.CA.Serving("127.0.0.1")
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return nil, err
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}})
	if err != nil {
		return nil, err
	}
	k := &Kubelet{LogLines: make(chan string)}
	mux := http.NewServeMux()
	mux.HandleFunc("/exec/", k.exec)
	mux.HandleFunc("/containerLogs/", k.logs)
	k.server = &http.Server{Handler: mux}
	go k.server.Serve(listener)
	return k, register(ctx, server, listener.Addr().(*net.TCPAddr).Port)
}

func (k *Kubelet) Close() { k.server.Close() }

// echo is a container whose every command sends its input back.
type echo struct{}

func (echo) ExecInContainer(_ context.Context, _, _, _ string, _ []string, in io.Reader, out, _ io.WriteCloser,
	_ bool, _ <-chan remotecommand.TerminalSize, _ time.Duration) error {
	_, err := io.Copy(out, in)
	return err
}

func (k *Kubelet) exec(w http.ResponseWriter, r *http.Request) {
	options, err := remotecommand.NewOptions(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	remotecommand.ServeExec(w, r, echo{}, KubeletPod, "", "main", r.URL.Query()["command"], options,
		time.Minute, 30*time.Second, protocols.SupportedStreamingProtocols)
}

func (k *Kubelet) logs(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain")
	for {
		select {
		case line, more := <-k.LogLines:
			if !more {
				return
			}
			fmt.Fprintln(w, line)
			w.(http.Flusher).Flush()
		case <-r.Context().Done():
			return
		}
	}
}

// register tells the API server of the node and the pod.
func register(ctx context.Context, server *APIServer, port int) error {
	client, err := kubernetes.NewForConfig(server.Config("admin"))
	if err != nil {
		return err
	}
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: kubeletNode}}
	node, err = client.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	node.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "127.0.0.1"}}
	node.Status.DaemonEndpoints.KubeletEndpoint.Port = int32(port)
	if _, err := client.CoreV1().Nodes().UpdateStatus(ctx, node, metav1.UpdateOptions{}); err != nil {
		return err
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: KubeletNamespace}}
	_, err = client.CoreV1().Namespaces().Create(ctx, namespace, metav1.CreateOptions{})
	if err != nil && !errors.IsAlreadyExists(err) {
		return err
	}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: KubeletPod},
		Spec: corev1.PodSpec{
			NodeName:   kubeletNode,
			Containers: []corev1.Container{{Name: "main", Image: "none"}},
		},
	}
	_, err = client.CoreV1().Pods(KubeletNamespace).Create(ctx, pod, metav1.CreateOptions{})
	return err
}

// FollowLog reads lines as they come. The numbered lines make a gap or a mix-up
// show itself.
func FollowLog(body io.Reader, lines chan<- string) {
	defer close(lines)
	input := bufio.NewScanner(body)
	for input.Scan() {
		lines <- input.Text()
	}
}

// LogLine is the line of a number.
func LogLine(number int) string { return "line " + strconv.Itoa(number) + " of the log" }
