// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"weir.dev/e2e/suite/harness"
)

// Clients in other languages than Go. They read all ConfigMaps, and write down what they
// are told.

// The client of Python: its watch for two seconds at a time, a loop as people write it,
// and its own informer.
func TestPythonClient(t *testing.T) {
	python, program := harness.PythonClient()
	needProgram(t, python)
	commands := map[string]foreignCommand{}
	for _, kind := range []string{"stream", "loop", "informer"} {
		commands[kind] = func(w *way) []string { return []string{python, program, kind, w.kubeconfig} }
	}
	compareForeign(t, commands)
}

// The informer of @kubernetes/client-node, configured as in a pod: from the folder where a
// service account is mounted, and two variables.
func TestNodeClient(t *testing.T) {
	program := needNodeClient(t)
	compareForeign(t, map[string]foreignCommand{"informer": func(w *way) []string {
		host, port, err := net.SplitHostPort(strings.TrimPrefix(w.config.Host, "https://"))
		must(t, err)
		return []string{"env", "KUBERNETES_SERVICE_HOST=" + host, "KUBERNETES_SERVICE_PORT=" + port,
			"node", program, "cluster", podRoot(t, w)}
	}})
}

func needNodeClient(t *testing.T) string {
	t.Helper()
	program := harness.NodeClient()
	// There once all that it needs is.
	needProgram(t, filepath.Join(filepath.Dir(program), "installed"))
	return program
}

// podRoot is the root of a pod as far as a client reads it: Weir's client directory is the
// service account.
func podRoot(t *testing.T, w *way) string {
	t.Helper()
	root := filepath.Join(t.TempDir(), w.name)
	account := filepath.Join(root, "var", "run", "secrets", "kubernetes.io", "serviceaccount")
	must(t, os.MkdirAll(filepath.Dir(account), 0o755))
	if w.weir != nil {
		must(t, os.Symlink(w.weir.ClientDir, account))
		return root
	}
	must(t, os.Mkdir(account, 0o755))
	must(t, os.WriteFile(filepath.Join(account, "ca.crt"), w.config.CAData, 0o644))
	must(t, os.WriteFile(filepath.Join(account, "token"), []byte(w.config.BearerToken), 0o600))
	must(t, os.WriteFile(filepath.Join(account, "namespace"), []byte("default"), 0o644))
	return root
}

// foreignCommand is the line that starts a client on a way, less the name of the marker.
type foreignCommand func(*way) []string

// needProgram skips the test if it is not there, unless it must be. What tests/e2e/build had to
// leave out, for want of a registry, need not.
func needProgram(t *testing.T, path string) {
	t.Helper()
	for dir := filepath.Dir(path); dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "left-out")); err == nil {
			t.Skipf("%s was left out: its registry could not be reached", path)
		}
	}
	_, err := os.Stat(path)
	if err != nil && os.Getenv("WEIR_REQUIRED") != "1" {
		t.Skip(err)
	}
	must(t, err)
}

// compareForeign runs the clients on every way while a writer works and the wire to the API
// server is cut. All must be told all changes, in order and once; those behind Weir must not
// notice the cut.
func compareForeign(t *testing.T, commands map[string]foreignCommand) {
	server := sharedCluster(t)
	write(t, server, 40, 200)
	ways := allWays(t, server)
	admin := adminClient(t, server)
	list := need(admin.Resource(harness.ConfigMaps).List(context.Background(), metav1.ListOptions{}))(t)
	truth := need(need(harness.NewRawClient(server.Config("admin"), false))(t).Watch(context.Background(),
		"/api/v1/configmaps?watch=1&resourceVersion="+list.GetResourceVersion(), harness.JSON))(t)
	defer truth.Close()
	namespace := newNamespace(t, server)
	marker := "end-of-" + namespace

	for _, w := range ways {
		warmUp(t, w, len(list.Items))
	}
	var clients []*foreign
	for kind, command := range commands {
		for _, w := range ways {
			clients = append(clients, startForeign(t, kind, w, append(command(w), marker)))
		}
	}
	for _, c := range clients {
		must(t, c.waitForEvents(len(list.Items)))
	}
	for _, w := range ways {
		must(t, waitForStreams(w, 1+len(commands)))
	}
	whileWriting(t, server, 41, func() {
		cut(ways)
		write(t, server, 42, 200)
		heal(ways)
	})
	write(t, server, 43, 300)
	createConfigMap(t, admin, namespace, marker)

	since := need(strconv.ParseUint(list.GetResourceVersion(), 10, 64))(t)
	changes := changesUntil(t, truth, namespace+"/"+marker)
	final := need(harness.ListVersions(context.Background(), admin, harness.ConfigMaps, ""))(t)
	t.Logf("%d changes, after %d objects", len(changes), len(list.Items))
	contents := map[string]map[string]string{}
	for _, c := range clients {
		lines := c.finish(t)
		c.checkChanges(t, lines, since, changes)
		c.checkFinal(t, lines, final)
		c.checkRequests(t, lines)
		c.checkContents(t, lines, contents)
	}
}

// warmUp makes Weir hold all ConfigMaps before its clients list them. If it came to do so
// between a client's list and its watch, it would forward the watch, which then shares the fate
// of a direct one.
func warmUp(t *testing.T, w *way, objects int) {
	t.Helper()
	if w.weir == nil {
		return
	}
	watch := need(w.raw(t).Watch(context.Background(), "/api/v1/configmaps?watch=1&resourceVersion=0", harness.JSON))(t)
	t.Cleanup(watch.Close)
	must(t, watch.WaitFrames(objects, 30*time.Second))
}

// waitForStreams waits until so many watches are served from Weir's memory.
func waitForStreams(w *way, n int) error {
	if w.weir == nil {
		return nil
	}
	return harness.PollFor(30*time.Second, 50*time.Millisecond, func() error {
		open, err := w.weir.Metric("weir_downstream_watch_streams")
		if err == nil && int(open) < n {
			err = fmt.Errorf("%s serves %v of %d watches", w.name, open, n)
		}
		return err
	})
}
