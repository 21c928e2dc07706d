// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"weir.dev/e2e/suite/harness"
)

// Operators that lead on Leases, and raw watches, live through what breaks a
// connection. In the end every cache is right, no operator has lost its Lease, and
// the watches that go through Weir have not even ended.
func TestWatchesResume(t *testing.T) {
	server := ownCluster(t)
	write(t, server, 10, 300)
	ways := allWays(t, server)
	fleet := startFleet(t, ways, harness.ReaderGenerations, "resume")
	witnesses := openWitnesses(t, ways)

	disturbances := []struct {
		name    string
		disturb func(t *testing.T)
	}{
		{"after a cut", func(t *testing.T) {
			whileWriting(t, server, 11, func() { cut(ways); heal(ways) })
		}},
		{"after a cut with changes behind it", func(t *testing.T) {
			cut(ways)
			write(t, server, 12, 300)
			heal(ways)
		}},
		{"after a restart", func(t *testing.T) {
			whileWriting(t, server, 13, func() { must(t, server.Restart()) })
		}},
		// The API server forgets what happened before its start: resuming gives 410,
		// and what was deleted meanwhile shows only in a new list.
		{"after a restart with changes behind a cut", func(t *testing.T) {
			cut(ways)
			write(t, server, 14, 300)
			must(t, server.Restart())
			heal(ways)
			write(t, server, 15, 100)
		}},
	}
	for _, d := range disturbances {
		t.Run(d.name, func(t *testing.T) {
			d.disturb(t)
			fleet.agree(t, adminClient(t, server))
			fleet.leads(t)
			witnesses.agree(t, server)
		})
	}
}

// Every fiftieth request makes the API server ask its client to move to a new connection.
func TestWatchesResumeAfterGoaway(t *testing.T) {
	server := ownCluster(t, "--goaway-chance=0.02")
	write(t, server, 20, 200)
	ways := allWays(t, server)
	fleet := startFleet(t, ways, harness.ReaderGenerations, "goaway")
	witnesses := openWitnesses(t, ways)
	whileWriting(t, server, 21, func() {
		for _, w := range ways {
			client := w.raw(t)
			for range 400 {
				_, _, err := client.Get(context.Background(), "/api/v1/namespaces/writer", "Accept", harness.JSON)
				must(t, err)
			}
		}
	})
	fleet.agree(t, adminClient(t, server))
	fleet.leads(t)
	witnesses.agree(t, server)
}

func cut(ways []*way) {
	for _, w := range ways {
		w.relay.Cut()
	}
}

func heal(ways []*way) {
	for _, w := range ways {
		w.relay.Heal()
	}
}

// whileWriting does something in the middle of random writes.
func whileWriting(t *testing.T, server *harness.APIServer, seed int64, do func()) {
	t.Helper()
	writer := need(harness.StartWriter(context.Background(), server.Config("admin"), seed, 200))(t)
	must(t, writer.Wait(100))
	do()
	must(t, writer.Wait(writer.Operations()+100))
	must(t, writer.Stop())
}

func (f *fleet) leads(t *testing.T) {
	t.Helper()
	f.each(func(r *harness.Reader) { must(t, r.WaitLeading(5*time.Second)) })
}

// witness is a raw watch through Weir, which must outlive everything.
type witness struct {
	name     string
	resource schema.GroupVersionResource
	watch    *harness.RawWatch
}

type witnesses []witness

// openWitnesses opens them on the ways that go through Weir.
func openWitnesses(t *testing.T, ways []*way) witnesses {
	t.Helper()
	const query = "?watch=1&resourceVersion=0&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
	paths := []struct {
		path, accept string
		resource     schema.GroupVersionResource
	}{
		{"/api/v1/configmaps", harness.JSON, harness.ConfigMaps},
		{"/api/v1/configmaps", harness.Protobuf, harness.ConfigMaps},
		{"/apis/samplecontroller.k8s.io/v1alpha1/foos", harness.JSON, harness.Foos},
	}
	var all witnesses
	for _, w := range ways {
		if w.weir == nil {
			continue // the API server ends its watches when it stops
		}
		for _, p := range paths {
			watch := need(w.raw(t).Watch(context.Background(), p.path+query, p.accept))(t)
			t.Cleanup(watch.Close)
			name := fmt.Sprintf("%s as %s, %s", p.path, p.accept, w.name)
			all = append(all, witness{name, p.resource, watch})
		}
	}
	return all
}

// agree waits until all that was sent on each watch adds up to what there is.
func (ws witnesses) agree(t *testing.T, server *harness.APIServer) {
	t.Helper()
	admin := adminClient(t, server)
	for _, w := range ws {
		truth := need(harness.ListVersions(context.Background(), admin, w.resource, ""))(t)
		err := harness.PollFor(30*time.Second, 50*time.Millisecond, func() error {
			state, err := harness.Fold(w.watch.Frames())
			if err != nil {
				return harness.Final(err)
			}
			if ended, err := w.watch.Ended(); ended {
				return harness.Final(fmt.Errorf("the watch has ended: %w", err))
			}
			return truth.Differences(state)
		})
		if err != nil {
			t.Errorf("%s: %v", w.name, err)
		}
	}
}
