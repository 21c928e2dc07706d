// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"os"
	"slices"
	"strconv"
	"testing"

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
	compareForeign(t, map[string][]string{
		"stream":   {python, program, "stream"},
		"loop":     {python, program, "loop"},
		"informer": {python, program, "informer"},
	})
}

// needProgram skips the test if it is not there, unless it must be.
func needProgram(t *testing.T, path string) {
	t.Helper()
	_, err := os.Stat(path)
	if err != nil && os.Getenv("WEIR_REQUIRED") != "1" {
		t.Skip(err)
	}
	must(t, err)
}

// compareForeign runs the clients on every way while a writer works and the wire to the API
// server is cut. All must be told all changes, in order and once; those behind Weir must not
// notice the cut.
func compareForeign(t *testing.T, commands map[string][]string) {
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

	var clients []*foreign
	for kind, command := range commands {
		for _, w := range ways {
			clients = append(clients, startForeign(t, kind, w, slices.Concat(command, []string{w.kubeconfig, marker})))
		}
	}
	for _, c := range clients {
		must(t, c.waitForEvents(len(list.Items)))
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
