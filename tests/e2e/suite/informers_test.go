// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	coreinformers "k8s.io/client-go/informers/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"weir.dev/e2e/suite/harness"
)

const (
	informerConnections   = 10
	informersOnConnection = 20
)

// A herd of informers must cost the API server no more than one.
func TestInformersAtOnceCostOneList(t *testing.T) {
	server := sharedCluster(t)
	write(t, server, 3, 200)
	eachWay(t, server, func(t *testing.T, w *way) {
		mark := server.Mark()
		startInformers(t, w.config)
		requests := need(server.RequestsSince(mark))(t).Of(w.user, "configmaps")
		if w.weir == nil {
			if requests.WholeStates() != informerConnections*informersOnConnection {
				t.Fatalf("straight informers must all be counted, but the log has\n%s", requests)
			}
			return
		}
		if requests.WholeStates() != 1 || requests.Count("watch") > 1 {
			t.Errorf("want one LIST and one WATCH, or one stream-list; the API server received\n%s\nand Weir says\n%s",
				requests, answers(t, w))
		}
	})
}

// answers is what Weir says of what it answered from where, and why.
func answers(t *testing.T, w *way) string {
	t.Helper()
	var lines []string
	for _, line := range strings.Split(need(w.weir.AdminPage("/metrics"))(t), "\n") {
		if strings.HasPrefix(line, "weir_downstream_requests_total{") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

// startInformers returns once all of them are synced.
func startInformers(t *testing.T, config *rest.Config) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	t.Cleanup(cancel)
	var synced []cache.InformerSynced
	for range informerConnections {
		own := rest.CopyConfig(config)
		// Clients whose dialer is their own do not share a connection.
		own.Dial = (&net.Dialer{}).DialContext
		own.ContentType = harness.Protobuf
		client := need(kubernetes.NewForConfig(own))(t)
		for range informersOnConnection {
			informer := coreinformers.NewConfigMapInformer(client, "", 0, cache.Indexers{})
			synced = append(synced, informer.HasSynced)
			go informer.Run(ctx.Done())
		}
	}
	if !cache.WaitForCacheSync(ctx.Done(), synced...) {
		t.Fatalf("%d informers were not synced in a minute", len(synced))
	}
}

// An operator that starts again finds everything in Weir.
func TestRestartedOperatorCostsNothing(t *testing.T) {
	server := sharedCluster(t)
	write(t, server, 4, 200)
	eachWay(t, server, func(t *testing.T, w *way) {
		for _, generation := range harness.ReaderGenerations {
			t.Run(generation, func(t *testing.T) { restartReader(t, server, w, generation) })
		}
	})
}

func restartReader(t *testing.T, server *harness.APIServer, w *way, generation string) {
	const restarts = 3
	var mark harness.AuditMark
	for i := range 1 + restarts {
		if i == 1 {
			mark = server.Mark()
		}
		reader := startReader(t, harness.ReaderOptions{
			Generation: generation,
			Kubeconfig: w.kubeconfig,
			LogFile:    filepath.Join(testDir(t), fmt.Sprintf("%s %d.log", generation, i)),
		})
		must(t, reader.WaitSynced(60*time.Second))
		status := need(reader.Status())(t)
		t.Logf("start %d: synced after %d ms", i, status.SyncedMs)
		reader.Kill()
	}
	resources := []string{"configmaps", "foos", "deployments"}
	if w.weir != nil {
		// The reader's Deployments are metadata only, which Weir forwards.
		resources = resources[:2]
	}
	requests := need(server.RequestsSince(mark))(t).Of(w.user, resources...)
	if w.weir == nil && requests.WholeStates() < restarts*len(resourceOf) {
		t.Errorf("straight restarts must cost lists, but the log has only\n%s", requests)
	}
	if w.weir != nil && len(requests) > 0 {
		t.Errorf("%d restarts must cost nothing, but the API server received\n%s", restarts, requests)
	}
}

// What a client has written, it finds in the next list, cached or not.
func TestReadYourWrites(t *testing.T) {
	server := sharedCluster(t)
	throughWeir(t, server, func(t *testing.T, w *way) {
		client, raw := w.dynamic(t), w.raw(t)
		namespace := newNamespace(t, server)
		path := "/api/v1/namespaces/" + namespace + "/configmaps?resourceVersion=0"
		for i := range 50 {
			name := fmt.Sprintf("mine-%02d", i)
			createConfigMap(t, client, namespace, name)
			_, body, err := raw.Get(context.Background(), path, "Accept", harness.JSON)
			must(t, err)
			if !strings.Contains(string(body), `"`+name+`"`) {
				t.Fatalf("%s was created through Weir, and is not in the list after it", name)
			}
		}
	})
}
