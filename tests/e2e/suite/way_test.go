// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"weir.dev/e2e/suite/harness"
)

// way is how clients get to the API server: straight, or through a Weir of their
// own. A wire that can be cut is in both, in front of the API server.
type way struct {
	name       string
	user       string // whom the API server sees, however it is reached
	kubeconfig string
	config     *rest.Config
	relay      *harness.Relay
	weir       *harness.Weir // nil: straight
}

// The ways there are. Weir is tried with one worker and with several.
var wayNames = []string{"direct", "weir", "weir with 3 workers"}

var workersOf = map[string]int{"weir": 1, "weir with 3 workers": 3}

// newWay opens one; the arguments are Weir's. It skips the test if there is no Weir to
// test, unless WEIR_REQUIRED says that there must be.
func newWay(t *testing.T, server *harness.APIServer, name string, args ...string) *way {
	t.Helper()
	return newWayOf(t, server, server.NewOperator(), name, args...)
}

// newWayOf is newWay for a user of the caller's choice.
func newWayOf(t *testing.T, server *harness.APIServer, user, name string, args ...string) *way {
	t.Helper()
	needWeir(t, name)
	w := &way{name: name, user: user}
	dir := filepath.Join(testDir(t), name)
	w.relay = need(harness.NewRelay(server.Address))(t)
	t.Cleanup(w.relay.Close)
	w.kubeconfig = filepath.Join(dir, "kubeconfig")
	must(t, server.WriteKubeconfig(w.kubeconfig, w.user, w.relay.Address))
	if workers := workersOf[name]; workers > 0 {
		w.weir = startWeir(t, harness.WeirOptions{Dir: dir, Kubeconfig: w.kubeconfig, Workers: workers, Args: args})
		w.kubeconfig = w.weir.Kubeconfig()
	}
	w.config = need(harness.LoadKubeconfig(w.kubeconfig))(t)
	return w
}

// startWeir runs Weir for one test, and wants a clean end of it.
func startWeir(t *testing.T, o harness.WeirOptions) *harness.Weir {
	t.Helper()
	weir := need(harness.StartWeir(o))(t)
	t.Cleanup(func() {
		if err := weir.Drain(); err != nil {
			t.Error(err)
		}
	})
	return weir
}

func needWeir(t *testing.T, name string) {
	t.Helper()
	if workersOf[name] == 0 {
		return
	}
	_, err := harness.WeirBinary()
	if errors.Is(err, harness.ErrNoWeir) && os.Getenv("WEIR_REQUIRED") != "1" {
		t.Skip(err)
	}
	must(t, err)
}

// eachWay runs a scenario once for each way, one after the other.
func eachWay(t *testing.T, server *harness.APIServer, scenario func(t *testing.T, w *way)) {
	t.Helper()
	for _, name := range wayNames {
		t.Run(name, func(t *testing.T) { scenario(t, newWay(t, server, name)) })
	}
}

// throughWeir runs what makes no sense without Weir.
func throughWeir(t *testing.T, server *harness.APIServer, scenario func(t *testing.T, w *way)) {
	t.Helper()
	for _, name := range wayNames[1:] {
		t.Run(name, func(t *testing.T) { scenario(t, newWay(t, server, name)) })
	}
}

// allWays opens all ways at once, for one disturbance that all of them live
// through. What is missing shows as a skipped (or failed) subtest.
func allWays(t *testing.T, server *harness.APIServer, args ...string) []*way {
	t.Helper()
	return allWaysOf(t, func(name string) *way { return newWay(t, server, name, args...) })
}

// allWaysOf is allWays with a way of opening one.
func allWaysOf(t *testing.T, open func(name string) *way) []*way {
	t.Helper()
	var ways []*way
	for _, name := range wayNames {
		ok := t.Run("open "+name, func(t *testing.T) { needWeir(t, name) })
		if _, err := harness.WeirBinary(); workersOf[name] > 0 && err != nil {
			continue
		}
		if !ok {
			t.FailNow()
		}
		ways = append(ways, open(name))
	}
	return ways
}

func (w *way) dynamic(t *testing.T) dynamic.Interface {
	t.Helper()
	return need(dynamic.NewForConfig(w.config))(t)
}

func (w *way) raw(t *testing.T) *harness.RawClient {
	t.Helper()
	return need(harness.NewRawClient(w.config, false))(t)
}

func adminClient(t *testing.T, server *harness.APIServer) dynamic.Interface {
	t.Helper()
	return need(dynamic.NewForConfig(server.Config("admin")))(t)
}
