// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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

func openMetrics(t *testing.T, weir *harness.Weir) string {
	t.Helper()
	request := need(http.NewRequest(http.MethodGet, "http://"+weir.Admin+"/metrics", nil))(t)
	request.Header.Set("Accept", "application/openmetrics-text;version=1.0.0")
	response := need(http.DefaultClient.Do(request))(t)
	defer response.Body.Close()
	return string(need(io.ReadAll(response.Body))(t))
}

// stageOf is a stage of ConfigMaps; of nothing, if it never happened.
func stageOf(t *testing.T, weir *harness.Weir, stage string) lagStage {
	t.Helper()
	for _, resource := range adminJSON[lagPage](t, weir, "/lag").Resources {
		for _, s := range resource.Stages {
			if s.Stage == stage && (resource.Resource == "configmaps" || resource.Resource == "") {
				return s
			}
		}
	}
	return lagStage{}
}

// waitForStage waits until a stage has happened so many times.
func waitForStage(t *testing.T, weir *harness.Weir, stage string, count int) lagStage {
	t.Helper()
	var found lagStage
	must(t, harness.PollFor(20*time.Second, 50*time.Millisecond, func() error {
		if found = stageOf(t, weir, stage); found.Count < count {
			return fmt.Errorf("%s: %d of %d", stage, found.Count, count)
		}
		return nil
	}))
	return found
}

// recorded is a Weir whose client watches the ConfigMaps of a namespace of its own.
type recorded struct {
	weir      *harness.Weir
	namespace string
	watch     *harness.RawWatch
	operator  dynamic.ResourceInterface // the client itself
	others    dynamic.ResourceInterface // somebody else, through the same Weir
	outside   dynamic.ResourceInterface // somebody else, straight
}

func configMapsOf(t *testing.T, config *rest.Config, namespace string) dynamic.ResourceInterface {
	t.Helper()
	return need(dynamic.NewForConfig(config))(t).Resource(harness.ConfigMaps).Namespace(namespace)
}

// record starts one; what the API server sends to Weir itself comes late by `delay`, what it
// answers to others through Weir does not.
func record(t *testing.T, server *harness.APIServer, delay time.Duration) *recorded {
	t.Helper()
	needWeir(t, wayNames[1])
	dir := filepath.Join(testDir(t), fmt.Sprint("delay-", delay))
	relay := need(harness.NewRelay(server.Address))(t)
	t.Cleanup(relay.Close)
	relay.Delay(delay)
	kubeconfig := filepath.Join(dir, "kubeconfig")
	// With a certificate Weir's own connections are never those of others.
	must(t, server.WriteCertificateKubeconfig(kubeconfig, relay.Address, "recorded", "system:masters"))
	r := &recorded{weir: startWeir(t, harness.WeirOptions{Dir: dir, Kubeconfig: kubeconfig, Workers: 1}), namespace: newNamespace(t, server)}
	config := need(r.weir.Config())(t)
	client := need(harness.NewRawClient(config, false))(t)
	r.watch = need(client.Watch(context.Background(), "/api/v1/namespaces/"+r.namespace+"/configmaps?watch=1"+
		"&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=0&allowWatchBookmarks=true", harness.JSON))(t)
	t.Cleanup(r.watch.Close)
	must(t, r.watch.WaitFor("BOOKMARK", 20*time.Second))
	// Others are forwarded on connections of their own, which are still to be made.
	relay.Delay(0)
	r.operator = configMapsOf(t, config, r.namespace)
	other := rest.CopyConfig(config)
	other.BearerToken, other.BearerTokenFile = server.Config("admin").BearerToken, ""
	r.others = configMapsOf(t, other, r.namespace)
	r.outside = configMapsOf(t, server.Config("admin"), r.namespace)
	return r
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

// A way to the API server that is slow by a quarter of a second is seen in write-to-watch and
// nowhere else.
func TestRecorderWriteToWatch(t *testing.T) {
	server := sharedCluster(t)
	const delay, writes = 250 * time.Millisecond, 40
	p50 := map[time.Duration]lagStage{}
	others := map[time.Duration][]lagStage{}
	for _, d := range []time.Duration{0, delay} {
		r := record(t, server, d)
		createIn(t, r.others, r.namespace, "a")
		for range writes {
			touchConfigMap(t, r.others, "a")
			time.Sleep(20 * time.Millisecond)
		}
		p50[d] = waitForStage(t, r.weir, "writeToWatch", writes)
		for _, stage := range []string{"ingest", "dispatch"} {
			others[d] = append(others[d], waitForStage(t, r.weir, stage, writes))
		}
		t.Logf("delay %v: %+v %+v", d, p50[d], others[d])
	}
	rise := p50[delay].P50Seconds - p50[0].P50Seconds
	if math.Abs(rise-delay.Seconds()) > 0.010 {
		t.Errorf("write-to-watch has risen by %.3f s", rise)
	}
	for i, stage := range others[delay] {
		if moved := stage.P50Seconds - others[0][i].P50Seconds; math.Abs(moved) > 0.005 {
			t.Errorf("%s has moved by %.4f s", stage.Stage, moved)
		}
	}
}

type stuckPage struct {
	ThresholdSeconds float64
	Objects          []struct {
		Resource, Namespace, Name, Asks string
		AgeSeconds                      float64
		Acts                            bool
	}
}

// An operator that sleeps before it does something.
func TestRecorderEventToAction(t *testing.T) {
	server := sharedCluster(t)
	r := record(t, server, 0)
	const nap = 15 * time.Second
	reconcile := func(name string, nap time.Duration, took *[]time.Duration) {
		began := time.Now()
		createIn(t, r.outside, r.namespace, name)
		must(t, harness.PollFor(10*time.Second, time.Millisecond, func() error {
			if !slices.ContainsFunc(r.watch.Frames(), func(f harness.Frame) bool { return f.Name == r.namespace+"/"+name }) {
				return fmt.Errorf("no event of %s", name)
			}
			return nil
		}))
		event := time.Now()
		time.Sleep(nap)
		touchConfigMap(t, r.operator, name)
		*took = append(*took, time.Since(event))
		t.Logf("%s: event after %v, action after %v", name, event.Sub(began), time.Since(event))
	}
	var quick, slow []time.Duration
	reconcile("quick", 0, &quick)
	waitForStage(t, r.weir, "eventToAction", 1)

	done := make(chan struct{})
	began := time.Now()
	go func() {
		defer close(done)
		reconcile("slow", nap, &slow)
	}()
	var named time.Duration
	must(t, harness.PollFor(14*time.Second, 50*time.Millisecond, func() error {
		page := adminJSON[stuckPage](t, r.weir, "/objects/stuck")
		for _, object := range page.Objects {
			if object.Resource == "configmaps" && object.Namespace == r.namespace && object.Name == "slow" {
				named = time.Since(began)
				if object.Asks != "created" || !object.Acts || object.AgeSeconds < page.ThresholdSeconds {
					return fmt.Errorf("wrong: %+v", object)
				}
				return nil
			}
		}
		return fmt.Errorf("not named: %+v", page)
	}))
	if named < 10*time.Second || named > 11*time.Second {
		t.Errorf("named as stuck after %v", named)
	}
	if stuck := need(r.weir.Metric("weir_record_objects_stuck"))(t); stuck > 1 {
		t.Errorf("%v objects are stuck", stuck)
	}
	<-done
	stage := waitForStage(t, r.weir, "eventToAction", 2)
	if exemplar := regexp.MustCompile(`weir_record_event_to_action_seconds_bucket\{.*\} \d+ # \{audit_id="[0-9a-f-]{36}"\} `); !exemplar.MatchString(openMetrics(t, r.weir)) {
		t.Error("the action cannot be looked up in the audit log")
	}
	if math.Abs(stage.MaxSeconds-nap.Seconds()) > 0.2 {
		t.Errorf("event-to-action was %.3f s at most, and the operator took %v", stage.MaxSeconds, slow)
	}
	must(t, harness.PollFor(5*time.Second, 100*time.Millisecond, func() error {
		if page := adminJSON[stuckPage](t, r.weir, "/objects/stuck"); len(page.Objects) > 0 {
			return fmt.Errorf("still stuck: %+v", page)
		}
		return nil
	}))
}

type busyPage struct {
	Objects []struct {
		Name                                string
		WritesPerSecond, OwnEventsPerSecond float64
		Loop                                bool
	}
}

// An operator that writes its object whenever it hears of it.
func TestRecorderWriteLoop(t *testing.T) {
	server := sharedCluster(t)
	r := record(t, server, 0)
	createIn(t, r.operator, r.namespace, "restless")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	writes := make(chan int, 1)
	go func() {
		count := 0
		for seen := 0; ctx.Err() == nil; time.Sleep(time.Millisecond) {
			if frames := len(r.watch.Frames()); frames > seen {
				seen = frames
				time.Sleep(100 * time.Millisecond) // it does some work, too
				patch := fmt.Appendf(nil, `{"data":{"touched":"%d"}}`, time.Now().UnixNano())
				if _, err := r.operator.Patch(ctx, "restless", types.MergePatchType, patch, metav1.PatchOptions{}); err == nil {
					count++
				}
			}
		}
		writes <- count
	}()
	began := time.Now()
	time.Sleep(5 * time.Second)
	page := adminJSON[busyPage](t, r.weir, "/objects/busy")
	elapsed := time.Since(began)
	cancel()
	rate := float64(<-writes) / elapsed.Seconds()
	t.Logf("%.2f writes a second, and Weir says %+v", rate, page)
	if len(page.Objects) != 1 || page.Objects[0].Name != "restless" || !page.Objects[0].Loop {
		t.Fatalf("no loop: %+v", page)
	}
	if told := page.Objects[0].WritesPerSecond; math.Abs(told-rate) > rate/5 {
		t.Errorf("%.2f writes a second, and Weir says %.2f", rate, told)
	}
	if own := need(r.weir.Metric("weir_record_own_events_total"))(t); own < 4 {
		t.Errorf("%v events were its own", own)
	}
}

// A client that reads slowly has a backlog of its own, and is nobody else's fault.
func TestRecorderBacklog(t *testing.T) {
	server := sharedCluster(t)
	r := record(t, server, 0)
	config := need(r.weir.Config())(t)
	slow := need(need(harness.NewSlowClient(config))(t).Watch(context.Background(),
		"/api/v1/namespaces/"+r.namespace+"/configmaps?watch=1&resourceVersion=0", harness.JSON))(t)
	t.Cleanup(slow.Close)
	slow.Pause()
	ctx := context.Background()
	load := need(harness.NewLoad(ctx, adminClient(t, server), r.namespace, 20, 20_000))(t)
	t.Cleanup(func() { must(t, load.Delete(ctx)) })
	need(load.Update(ctx, 100, 5*time.Second))(t)
	slow.Resume()
	backlog := waitForStage(t, r.weir, "backlog", 1)
	dispatch := waitForStage(t, r.weir, "dispatch", 100)
	t.Logf("backlog %+v, dispatch %+v", backlog, dispatch)
	if backlog.MaxSeconds < 1 {
		t.Errorf("a client that has read nothing for 5 s was %.3f s behind at most", backlog.MaxSeconds)
	}
	if dispatch.P99Seconds > backlog.MaxSeconds/4 {
		t.Errorf("the other client's events took %.3f s", dispatch.P99Seconds)
	}
}
