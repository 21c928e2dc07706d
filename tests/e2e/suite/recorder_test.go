// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"weir.dev/e2e/suite/harness"
)

// What the flight recorder says must be what was done to it.

// lagPage is /lag.
type lagPage struct {
	Resources []struct {
		Resource string
		Stages   []lagStage
	}
}

type lagStage struct {
	Stage      string
	Count      int
	P50Seconds float64
	P99Seconds float64
	MaxSeconds float64
}

func adminJSON[T any](t *testing.T, weir *harness.Weir, path string) T {
	t.Helper()
	var page T
	must(t, json.Unmarshal([]byte(need(weir.AdminPage(path))(t)), &page))
	return page
}

// stages are those of a resource and of the loops, by name; those that never happened are not there.
func stages(t *testing.T, weir *harness.Weir, resource string) map[string]lagStage {
	t.Helper()
	found := map[string]lagStage{}
	for _, r := range adminJSON[lagPage](t, weir, "/lag").Resources {
		if r.Resource != resource && r.Resource != "" {
			continue
		}
		for _, s := range r.Stages {
			found[s.Stage] = s
		}
	}
	return found
}

// waitForStage waits until a stage of ConfigMaps has happened so many times.
func waitForStage(t *testing.T, weir *harness.Weir, stage string, count int) lagStage {
	t.Helper()
	var found lagStage
	must(t, harness.PollFor(20*time.Second, 50*time.Millisecond, func() error {
		if found = stages(t, weir, "configmaps")[stage]; found.Count < count {
			return fmt.Errorf("%s: %d of %d", stage, found.Count, count)
		}
		return nil
	}))
	return found
}

// recorded is a Weir whose client watches the objects of one kind in a namespace of its own.
type recorded struct {
	weir      *harness.Weir
	namespace string
	watch     *harness.RawWatch
	operator  dynamic.ResourceInterface // the client itself
	others    dynamic.ResourceInterface // somebody else, through the same Weir
	outside   dynamic.ResourceInterface // somebody else, straight
	load      dynamic.Interface         // as others
}

func configMapsOf(t *testing.T, config *rest.Config, namespace string) dynamic.ResourceInterface {
	t.Helper()
	return need(dynamic.NewForConfig(config))(t).Resource(harness.ConfigMaps).Namespace(namespace)
}

type recordOptions struct {
	workers int // 0: one
	// What the API server sends to Weir itself comes so late; what it answers to others through
	// Weir does not.
	delay time.Duration
	kind  schema.GroupVersionResource // of none: ConfigMaps
}

func record(t *testing.T, server *harness.APIServer, o recordOptions) *recorded {
	t.Helper()
	needWeir(t, wayNames[1])
	if o.kind.Empty() {
		o.kind = harness.ConfigMaps
	}
	r := &recorded{namespace: newNamespace(t, server)}
	dir := filepath.Join(testDir(t), "recorded-"+r.namespace)
	relay := need(harness.NewRelay(server.Address))(t)
	t.Cleanup(relay.Close)
	relay.Delay(o.delay)
	kubeconfig := filepath.Join(dir, "kubeconfig")
	// With a certificate Weir's own connections are never those of others.
	must(t, server.WriteCertificateKubeconfig(kubeconfig, relay.Address, "recorded", "system:masters"))
	r.weir = startWeir(t, harness.WeirOptions{Dir: dir, Kubeconfig: kubeconfig, Workers: max(o.workers, 1)})
	config := need(r.weir.Config())(t)
	client := need(harness.NewRawClient(config, false))(t)
	r.watch = need(client.Watch(context.Background(), watchPath(o.kind, r.namespace), harness.JSON))(t)
	t.Cleanup(r.watch.Close)
	must(t, r.watch.WaitFor("BOOKMARK", 20*time.Second))
	// Others are forwarded on connections of their own, which are still to be made.
	relay.Delay(0)
	of := func(client dynamic.Interface) dynamic.ResourceInterface {
		return client.Resource(o.kind).Namespace(r.namespace)
	}
	r.operator = of(need(dynamic.NewForConfig(config))(t))
	other := rest.CopyConfig(config)
	other.BearerToken, other.BearerTokenFile = server.Config("admin").BearerToken, ""
	r.load = need(dynamic.NewForConfig(other))(t)
	r.others, r.outside = of(r.load), of(adminClient(t, server))
	return r
}

// watchPath is an informer's.
func watchPath(kind schema.GroupVersionResource, namespace string) string {
	root := "/apis/" + kind.Group
	if kind.Group == "" {
		root = "/api"
	}
	return root + "/" + kind.Version + "/namespaces/" + namespace + "/" + kind.Resource +
		"?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=0&allowWatchBookmarks=true"
}

func touchConfigMap(t *testing.T, client dynamic.ResourceInterface, name string) {
	t.Helper()
	patch := fmt.Appendf(nil, `{"data":{"touched":"%d"}}`, time.Now().UnixNano())
	_, err := client.Patch(context.Background(), name, types.MergePatchType, patch, metav1.PatchOptions{})
	must(t, err)
}

func createIn(t *testing.T, client dynamic.ResourceInterface, namespace, name string) {
	t.Helper()
	_, err := client.Create(context.Background(), harness.NewConfigMap(namespace, name, nil, 100), metav1.CreateOptions{})
	must(t, err)
}

// everyStage has all of /lag but the one that a test is about.
var everyStage = []string{"writeToWatch", "writeToWatchOthers", "ingest", "dispatch", "backlog", "eventToAction", "loopStall"}

// usual is what a stage takes for most of so many events: nothing, if most had none of it. A loop
// of a busy machine stalls now and then.
func usual(stage lagStage, events int) float64 {
	if stage.Count < events/2 {
		return 0
	}
	return stage.P50Seconds
}

// wantUnmoved wants every stage but some to take as long as before.
func wantUnmoved(t *testing.T, before, after map[string]lagStage, events int, except ...string) {
	t.Helper()
	for _, stage := range everyStage {
		if slices.Contains(except, stage) {
			continue
		}
		if moved := usual(after[stage], events) - usual(before[stage], events); math.Abs(moved) > 0.005 {
			t.Errorf("%s has moved by %.4f s: from %+v to %+v", stage, moved, before[stage], after[stage])
		}
	}
}

// A way to the API server that is slow by a quarter of a second is seen in write-to-watch and
// nowhere else.
func TestRecorderWriteToWatch(t *testing.T) {
	server := sharedCluster(t)
	const delay, writes = 250 * time.Millisecond, 40
	for _, workers := range []int{1, 3} {
		t.Run(fmt.Sprint(workers, "-workers"), func(t *testing.T) {
			at := map[time.Duration]map[string]lagStage{}
			for _, d := range []time.Duration{0, delay} {
				r := record(t, server, recordOptions{workers: workers, delay: d})
				// The recorder matches writes and events that two workers tell it of each 250 ms, and
				// knows the last four events of an object.
				const objects = 8
				for i := range objects {
					createIn(t, r.others, r.namespace, fmt.Sprint("a", i))
				}
				for i := range writes {
					touchConfigMap(t, r.others, fmt.Sprint("a", i%objects))
					time.Sleep(20 * time.Millisecond)
				}
				waitForStage(t, r.weir, "writeToWatch", objects+writes)
				at[d] = stages(t, r.weir, "configmaps")
				t.Logf("delay %v: %+v", d, at[d])
			}
			rise := at[delay]["writeToWatch"].P50Seconds - at[0]["writeToWatch"].P50Seconds
			if math.Abs(rise-delay.Seconds()) > 0.010 {
				t.Errorf("write-to-watch has risen by %.3f s", rise)
			}
			for _, stage := range []string{"ingest", "dispatch"} {
				if at[0][stage].Count < writes || at[delay][stage].Count < writes {
					t.Errorf("%s was not seen of every write", stage)
				}
			}
			wantUnmoved(t, at[0], at[delay], writes, "writeToWatch")
		})
	}
}

// Writes that do not pass Weir are known by managedFields, and are not mistaken for those that do.
func TestRecorderWriteToWatchOthers(t *testing.T) {
	server := sharedCluster(t)
	r := record(t, server, recordOptions{})
	const writes = 4
	createIn(t, r.outside, r.namespace, "a")
	for range writes - 1 {
		time.Sleep(1100 * time.Millisecond) // another second in managedFields
		touchConfigMap(t, r.outside, "a")
	}
	waitForStage(t, r.weir, "writeToWatchOthers", writes)
	at := stages(t, r.weir, "configmaps")
	t.Logf("%+v", at)
	if others := at["writeToWatchOthers"]; others.Count != writes || others.MaxSeconds > 1.5 {
		t.Errorf("%d writes made straight at the API server are told of as %+v", writes, others)
	}
	if own := at["writeToWatch"]; own.Count != 0 {
		t.Errorf("no write passed Weir, and it tells of %+v", own)
	}
}

type streamsPage struct {
	Streams []streamRow
}

type streamRow struct {
	ID, EventsBehind int
	SecondsBehind    float64
}

// A client that reads slowly has a backlog of its own, and is nobody else's fault.
func TestRecorderBacklog(t *testing.T) {
	server := sharedCluster(t)
	const perSecond, period = 60, 5 * time.Second
	ctx := context.Background()
	run := func(paused bool) (map[string]lagStage, int) {
		r := record(t, server, recordOptions{})
		quick := adminJSON[streamsPage](t, r.weir, "/streams").Streams
		if len(quick) != 1 {
			t.Fatalf("there is one stream, and /streams has %+v", quick)
		}
		slow := need(need(harness.NewSlowClient(need(r.weir.Config())(t)))(t).Watch(ctx,
			"/api/v1/namespaces/"+r.namespace+"/configmaps?watch=1&resourceVersion=0", harness.JSON))(t)
		t.Cleanup(slow.Close)
		if paused {
			slow.Pause()
		}
		load := need(harness.NewLoad(ctx, r.load, r.namespace, 20, 20_000))(t)
		t.Cleanup(func() { must(t, load.Delete(ctx)) })
		updates := need(load.Update(ctx, perSecond, period))(t)
		waitForStage(t, r.weir, "writeToWatch", updates)
		if paused {
			wantOnlyItsOwnBacklog(t, r.weir, quick[0].ID)
			slow.Resume()
			if backlog := waitForStage(t, r.weir, "backlog", 1); backlog.MaxSeconds < 1 {
				t.Errorf("a client that has read nothing for %v was %.3f s behind at most", period, backlog.MaxSeconds)
			}
		}
		return stages(t, r.weir, "configmaps"), updates
	}
	before, updates := run(false)
	after, _ := run(true)
	t.Logf("before %+v, after %+v", before, after)
	wantUnmoved(t, before, after, updates, "backlog")
	if before["backlog"].Count > updates/10 {
		t.Errorf("clients that read have a backlog of %+v", before["backlog"])
	}
}

// wantOnlyItsOwnBacklog wants one row of two to be behind, and it is not the quick one's.
func wantOnlyItsOwnBacklog(t *testing.T, weir *harness.Weir, quick int) {
	t.Helper()
	page := adminJSON[streamsPage](t, weir, "/streams")
	if len(page.Streams) != 2 {
		t.Errorf("there are two streams, and /streams has %+v", page)
	}
	for _, row := range page.Streams {
		if row.ID == quick && (row.EventsBehind != 0 || row.SecondsBehind != 0) {
			t.Errorf("the client that reads is behind: %+v", row)
		}
		if row.ID != quick && (row.EventsBehind == 0 || row.SecondsBehind < 1) {
			t.Errorf("the client that does not read is not behind: %+v", row)
		}
	}
}
