// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"weir.dev/e2e/suite/harness"
)

const (
	latencyPerSecond = 100
	latencyPeriod    = 10 * time.Second
	// Timing decides no test, short of this.
	absurdLatency = 50 * time.Millisecond
)

// How much later an event comes through Weir than straight from the API server: two
// watches of the same changes, read in one process and stamped by one clock. The figures
// are in the log.
func TestAddedLatency(t *testing.T) {
	server := sharedCluster(t)
	admin := adminClient(t, server)
	ctx := context.Background()
	load := need(harness.NewLoad(ctx, admin, newNamespace(t, server), 100, 4000))(t)
	t.Cleanup(func() { must(t, load.Delete(ctx)) })
	for _, name := range wayNames[1:] {
		t.Run(name, func(t *testing.T) {
			needWeir(t, name)
			direct, through := watchesStraightAndThrough(t, server, workersOf[name], load.Namespace)
			updates := need(load.Update(ctx, latencyPerSecond, latencyPeriod))(t)
			added := addedLatencies(t, arrivals(t, direct, updates), arrivals(t, through, updates))
			p50, p99 := added[len(added)/2], added[len(added)*99/100]
			t.Logf("event latency added: p50 %v, p99 %v, %v to %v, %d events", p50, p99,
				added[0], added[len(added)-1], len(added))
			if p50 > absurdLatency {
				t.Errorf("half of the events came more than %v later through Weir", p50)
			}
		})
	}
}

// watchesStraightAndThrough opens two watches. There is no relay on either way, as it
// would cost more than Weir.
func watchesStraightAndThrough(t *testing.T, server *harness.APIServer, workers int, namespace string) (direct, through *harness.RawWatch) {
	t.Helper()
	dir := testDir(t)
	kubeconfig := filepath.Join(dir, "kubeconfig")
	must(t, server.WriteKubeconfig(kubeconfig, server.NewOperator(), server.Address))
	weir := startWeir(t, harness.WeirOptions{Dir: dir, Kubeconfig: kubeconfig, Workers: workers})
	open := func(kubeconfig string) *harness.RawWatch {
		config := need(harness.LoadKubeconfig(kubeconfig))(t)
		client := need(harness.NewRawClient(config, false))(t)
		watch := need(client.Watch(context.Background(), "/api/v1/namespaces/"+namespace+"/configmaps?"+harness.FromTheStart(),
			harness.JSON))(t)
		t.Cleanup(watch.Close)
		must(t, watch.WaitFrames(1, 20*time.Second))
		return watch
	}
	return open(kubeconfig), open(weir.Kubeconfig())
}

// arrivals waits for a number of changes, and says when each version came.
func arrivals(t *testing.T, watch *harness.RawWatch, number int) map[uint64]time.Time {
	t.Helper()
	at := map[uint64]time.Time{}
	must(t, harness.PollFor(10*time.Second, 10*time.Millisecond, func() error {
		for _, frame := range watch.Frames() {
			if frame.Type == "MODIFIED" {
				at[frame.Version] = frame.At
			}
		}
		if len(at) < number {
			return fmt.Errorf("%d of %d changes have come", len(at), number)
		}
		return nil
	}))
	return at
}

// addedLatencies compares the arrivals of each change; sorted.
func addedLatencies(t *testing.T, direct, through map[uint64]time.Time) []time.Duration {
	t.Helper()
	var added []time.Duration
	for version, at := range through {
		straight, ok := direct[version]
		if !ok {
			t.Fatalf("version %d came through Weir only", version)
		}
		added = append(added, at.Sub(straight))
	}
	slices.Sort(added)
	return added
}
