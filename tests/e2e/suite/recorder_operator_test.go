// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"weir.dev/e2e/suite/harness"
)

// What the flight recorder says of an operator must be what the operator does.

func openMetrics(t *testing.T, weir *harness.Weir) string {
	t.Helper()
	request := need(http.NewRequest(http.MethodGet, "http://"+weir.Admin+"/metrics", nil))(t)
	request.Header.Set("Accept", "application/openmetrics-text;version=1.0.0")
	response := need(http.DefaultClient.Do(request))(t)
	defer response.Body.Close()
	return string(need(io.ReadAll(response.Body))(t))
}

type stuckPage struct {
	ThresholdSeconds float64
	Objects          []struct {
		Resource, Namespace, Name, Asks string
		AgeSeconds                      float64
		Acts                            bool
	}
}

// napFor creates objects that the sleeper sleeps so long for.
func (r *recorded) napFor(t *testing.T, nap time.Duration, names ...string) {
	for _, name := range names {
		object := harness.NewConfigMap(r.namespace, name, nil, 100)
		object.SetAnnotations(map[string]string{"sleeper/nap": nap.String()})
		_, err := r.outside.Create(context.Background(), object, metav1.CreateOptions{})
		must(t, err)
	}
}

// An operator that sleeps in Reconcile, built with controller-runtime, with several workers.
func TestRecorderEventToAction(t *testing.T) {
	server := sharedCluster(t)
	r := record(t, server, recordOptions{})
	const nap = 15 * time.Second
	slow := []string{"slow-a", "slow-b", "slow-c", "slow-d", "slow-e"}
	binary := need(harness.Binary("sleeper"))(t)
	sleeper := need(harness.StartProcess("sleeper", filepath.Join(testDir(t), "sleeper.log"), binary,
		"--kubeconfig", r.weir.Kubeconfig(), "--namespace", r.namespace, "--workers", fmt.Sprint(len(slow))))(t)
	t.Cleanup(sleeper.Kill)
	// Once it has answered something it has its informer, and is known to act.
	r.napFor(t, 0, "quick")
	waitForStage(t, r.weir, "eventToAction", 1)

	began := time.Now()
	r.napFor(t, nap, slow...)
	var named time.Duration
	must(t, harness.PollFor(14*time.Second, 50*time.Millisecond, func() error {
		page := adminJSON[stuckPage](t, r.weir, "/objects/stuck")
		for _, object := range page.Objects {
			if object.Resource == "configmaps" && object.Namespace == r.namespace && object.Name == slow[0] {
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
	if stuck := need(r.weir.Metric("weir_record_objects_stuck"))(t); stuck > float64(len(slow)) {
		t.Errorf("%v objects are stuck", stuck)
	}
	stage := waitForStage(t, r.weir, "eventToAction", 1+len(slow))
	t.Logf("%+v", stage)
	if exemplar := regexp.MustCompile(`weir_record_event_to_action_seconds_bucket\{.*\} \d+ # \{audit_id="[0-9a-f-]{36}"\} `); !exemplar.MatchString(openMetrics(t, r.weir)) {
		t.Error("the action cannot be looked up in the audit log")
	}
	if math.Abs(stage.P50Seconds-nap.Seconds()) > 0.2 {
		t.Errorf("the operator takes %v, and event-to-action is %.3f s", nap, stage.P50Seconds)
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

// An operator that writes its object's status whenever it hears of the object.
func TestRecorderWriteLoop(t *testing.T) {
	server := sharedCluster(t)
	r := record(t, server, recordOptions{kind: harness.Foos})
	_, err := r.operator.Create(context.Background(), harness.NewFoo(r.namespace, "restless", 1), metav1.CreateOptions{})
	must(t, err)
	began := time.Now()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	writes := make(chan []time.Time, 1)
	go func() {
		var times []time.Time
		for seen := 0; ctx.Err() == nil; time.Sleep(time.Millisecond) {
			if frames := len(r.watch.Frames()); frames > seen {
				seen = frames
				time.Sleep(100 * time.Millisecond) // it does some work, too
				patch := fmt.Appendf(nil, `{"status":{"availableReplicas":%d}}`, seen)
				at := time.Now()
				if _, err := r.operator.Patch(ctx, "restless", types.MergePatchType, patch, metav1.PatchOptions{}, "status"); err == nil {
					times = append(times, at)
				}
			}
		}
		writes <- times
	}()
	// Long enough for a rate, and no longer than an SRE is to wait.
	time.Sleep(time.Until(began.Add(4900 * time.Millisecond)))
	page := adminJSON[busyPage](t, r.weir, "/objects/busy")
	told := time.Since(began)
	cancel()
	times := <-writes
	rate := float64(len(times)-1) / times[len(times)-1].Sub(times[0]).Seconds()
	t.Logf("%d writes, %.2f a second, and after %v Weir says %+v", len(times), rate, told, page)
	if told > 5*time.Second {
		t.Errorf("it was told after %v", told)
	}
	if len(page.Objects) != 1 || page.Objects[0].Name != "restless" || !page.Objects[0].Loop {
		t.Fatalf("no loop: %+v", page)
	}
	if told := page.Objects[0].WritesPerSecond; math.Abs(told-rate) > rate/20 {
		t.Errorf("%.2f writes a second, and Weir says %.2f", rate, told)
	}
	if own := need(r.weir.Metric("weir_record_own_events_total"))(t); own < 4 {
		t.Errorf("%v events were its own", own)
	}
}
