// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"math/rand"
	"net/url"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/remotecommand"

	"weir.dev/e2e/suite/harness"
)

// TestStreamsOfPods has exec and logs: what is neither list nor watch, and long.
func TestStreamsOfPods(t *testing.T) {
	server := sharedCluster(t)
	kubelet := need(harness.StartKubelet(context.Background(), server))(t)
	t.Cleanup(kubelet.Close)
	eachWay(t, server, func(t *testing.T, w *way) {
		t.Run("exec by SPDY", func(t *testing.T) { execEcho(t, w.config, spdy) })
		t.Run("exec by WebSocket", func(t *testing.T) { execEcho(t, w.config, webSocket) })
		t.Run("followed log", func(t *testing.T) { followLog(t, w.config, kubelet) })
	})
}

type newExecutor func(config *rest.Config, path *url.URL) (remotecommand.Executor, error)

func spdy(config *rest.Config, path *url.URL) (remotecommand.Executor, error) {
	return remotecommand.NewSPDYExecutor(config, "POST", path)
}

func webSocket(config *rest.Config, path *url.URL) (remotecommand.Executor, error) {
	return remotecommand.NewWebSocketExecutor(config, "GET", path.String())
}

// execEcho sends 50 MB through a command that sends them back, and half-closes its
// input: the end of the output shows that the half-close arrived.
func execEcho(t *testing.T, config *rest.Config, newExecutor newExecutor) {
	const size = 50 << 20
	client := need(kubernetes.NewForConfig(config))(t)
	path := client.CoreV1().RESTClient().Post().
		Resource("pods").Namespace(harness.KubeletNamespace).Name(harness.KubeletPod).SubResource("exec").
		VersionedParams(&corev1.PodExecOptions{Container: "main", Command: []string{"cat"}, Stdin: true, Stdout: true, Stderr: true},
			scheme.ParameterCodec).URL()
	executor := need(newExecutor(config, path))(t)
	sent, received := &counter{hash: sha256.New()}, &counter{hash: sha256.New()}
	input := io.TeeReader(io.LimitReader(rand.New(rand.NewSource(7)), size), sent)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	began := time.Now()
	must(t, executor.StreamWithContext(ctx, remotecommand.StreamOptions{Stdin: input, Stdout: received, Stderr: io.Discard}))
	if sent.bytes != size || received.bytes != size {
		t.Fatalf("%d bytes were sent and %d came back, of %d", sent.bytes, received.bytes, size)
	}
	if !bytes.Equal(sent.hash.Sum(nil), received.hash.Sum(nil)) {
		t.Fatal("other bytes came back than were sent")
	}
	t.Logf("50 MB each way in %v", time.Since(began))
}

// counter hashes what passes.
type counter struct {
	hash  hash.Hash
	bytes int64
}

func (c *counter) Write(p []byte) (int, error) {
	c.bytes += int64(len(p))
	return c.hash.Write(p)
}

// followLog wants each line before the next one is written: nothing on the way may
// wait for more.
func followLog(t *testing.T, config *rest.Config, kubelet *harness.Kubelet) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	client := need(kubernetes.NewForConfig(config))(t)
	request := client.CoreV1().Pods(harness.KubeletNamespace).GetLogs(harness.KubeletPod, &corev1.PodLogOptions{Follow: true})
	// The API server answers only when the first line is there.
	first := make(chan struct{})
	go func() { kubelet.LogLines <- harness.LogLine(0); close(first) }()
	body := need(request.Stream(ctx))(t)
	defer body.Close()
	<-first
	lines := make(chan string)
	go harness.FollowLog(body, lines)
	for number := range 100 {
		if number > 0 {
			kubelet.LogLines <- harness.LogLine(number)
		}
		must(t, receive(lines, harness.LogLine(number)))
	}
}

func receive(lines <-chan string, want string) error {
	select {
	case got, more := <-lines:
		if !more {
			return fmt.Errorf("the log ended before %q", want)
		}
		if got != want {
			return fmt.Errorf("got %q and not %q", got, want)
		}
		return nil
	case <-time.After(5 * time.Second):
		return fmt.Errorf("%q was written, and has not come in 5 s", want)
	}
}
