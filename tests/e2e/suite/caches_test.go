// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"weir.dev/e2e/suite/harness"
)

// resourceOf says which resource each view of a Reader holds.
var resourceOf = map[string]schema.GroupVersionResource{
	"configmaps as protobuf":    harness.ConfigMaps,
	"configmaps as JSON":        harness.ConfigMaps,
	"foos unstructured":         harness.Foos,
	"deployments metadata only": harness.Deployments,
}

// fleet is one operator of each generation on each way.
type fleet struct {
	generations []string
	ways        []*way
	readers     map[string]map[string]*harness.Reader // generation, way
}

// startFleet starts them all and waits until they are synced. With a lease prefix
// each of them leads on a Lease of its own.
func startFleet(t *testing.T, ways []*way, generations []string, lease string) *fleet {
	t.Helper()
	f := &fleet{generations: generations, ways: ways, readers: map[string]map[string]*harness.Reader{}}
	for g, generation := range generations {
		f.readers[generation] = map[string]*harness.Reader{}
		for i, w := range ways {
			o := harness.ReaderOptions{
				Generation: generation,
				Kubeconfig: w.kubeconfig,
				LogFile:    filepath.Join(testDir(t), fmt.Sprintf("%s %s.log", generation, w.name)),
			}
			if lease != "" {
				o.Lease = fmt.Sprintf("%s-%d-%d", lease, g, i)
			}
			f.readers[generation][w.name] = startReader(t, o)
		}
	}
	f.each(func(r *harness.Reader) {
		must(t, r.WaitSynced(60*time.Second))
		if lease != "" {
			must(t, r.WaitLeading(60*time.Second))
		}
	})
	return f
}

func startReader(t *testing.T, o harness.ReaderOptions) *harness.Reader {
	t.Helper()
	reader := need(harness.StartReader(o))(t)
	t.Cleanup(reader.Kill)
	return reader
}

func (f *fleet) each(do func(*harness.Reader)) {
	for _, generation := range f.generations {
		for _, w := range f.ways {
			do(f.readers[generation][w.name])
		}
	}
}

// agree waits until every operator holds exactly what the API server has, and
// then wants the same bytes of the same operator, whichever way it reads.
func (f *fleet) agree(t *testing.T, admin dynamic.Interface) {
	t.Helper()
	truth := map[schema.GroupVersionResource]harness.Versions{}
	for _, resource := range resourceOf {
		truth[resource] = need(harness.ListVersions(context.Background(), admin, resource, ""))(t)
	}
	for _, generation := range f.generations {
		var first harness.ReaderCaches
		for _, w := range f.ways {
			reader := f.readers[generation][w.name]
			caches := waitForTruth(t, reader, truth, generation+" "+w.name)
			if first == nil {
				first = caches
			} else if !reflect.DeepEqual(first, caches) {
				t.Errorf("%s: the caches of %q and %q have the same versions but not the same content",
					generation, f.ways[0].name, w.name)
			}
			status := need(reader.Status())(t)
			if len(status.Complaints) > 0 {
				t.Errorf("%s %s: %q", generation, w.name, status.Complaints)
			}
		}
	}
}

func waitForTruth(t *testing.T, reader *harness.Reader, truth map[schema.GroupVersionResource]harness.Versions, who string) harness.ReaderCaches {
	t.Helper()
	var caches harness.ReaderCaches
	err := harness.PollFor(60*time.Second, 50*time.Millisecond, func() error {
		if reader.Exited() {
			return harness.Final(fmt.Errorf("%s has ended:\n%s", who, reader.Tail(20)))
		}
		var err error
		if caches, err = reader.Caches(); err != nil {
			return err
		}
		for view, resource := range resourceOf {
			if err := truth[resource].Differences(caches.Versions(view)); err != nil {
				return fmt.Errorf("%s, %s: %w", who, view, err)
			}
		}
		return nil
	})
	must(t, err)
	return caches
}

// write lets a random writer do some operations.
func write(t *testing.T, server *harness.APIServer, seed int64, operations int) {
	t.Helper()
	began := time.Now()
	writer := need(harness.StartWriter(context.Background(), server.Config("admin"), seed, 200))(t)
	must(t, writer.Wait(operations))
	must(t, writer.Stop())
	t.Logf("the writer did %d operations in %v (seed %d)", writer.Operations(), time.Since(began), seed)
}

func TestFinalCachesAreEqual(t *testing.T) {
	server := sharedCluster(t)
	// Something to list before there is something to watch.
	write(t, server, 1, 400)
	// client-go then compares each stream-list with a list of its own, at the same version, and
	// looks for caches that were written to; it panics if anything differs.
	t.Setenv("KUBE_WATCHLIST_INCONSISTENCY_DETECTOR", "true")
	t.Setenv("KUBE_CACHE_MUTATION_DETECTOR", "true")
	fleet := startFleet(t, allWays(t, server), harness.AllReaderGenerations, "")
	write(t, server, 2, 1000)
	fleet.agree(t, adminClient(t, server))
}
