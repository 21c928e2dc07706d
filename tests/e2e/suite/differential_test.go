// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"weir.dev/e2e/suite/differential"
	"weir.dev/e2e/suite/harness"
)

// number is a setting from the environment.
func number(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	return need(strconv.Atoi(text))(t)
}

// trial is one differential run: random writers, random observers on all ways, and
// perhaps a fault in the middle.
type trial struct {
	options differential.Options
	length  time.Duration             // without E2E_DIFF_SECONDS
	fault   func(ctx context.Context) // until the context ends; then all is well again
	payload int                       // bytes of a ConfigMap at most; 0: some
	passing bool                      // see differential.WriterOptions
	hurts   bool                      // the fault must be felt by those who have no Weir
	judge   func(*differential.Summary) error
}

// What passes is to be all that there is between two looks of Weir's at the API server, now and then.
func (trial *trial) writesPerSecond() int {
	if trial.passing {
		return 60
	}
	return 300
}

// run runs it on ways that are open. E2E_SEED repeats a run; E2E_DIFF_EVENTS or
// E2E_DIFF_SECONDS says how long it is.
func (trial *trial) run(t *testing.T, server *harness.APIServer, ways []*way) {
	t.Helper()
	seed := int64(number(t, "E2E_SEED", int(time.Now().UnixNano()%1_000_000)))
	events := number(t, "E2E_DIFF_EVENTS", 0)
	length := trial.length
	if seconds := number(t, "E2E_DIFF_SECONDS", 0); seconds > 0 {
		length = time.Duration(seconds) * time.Second
	}
	t.Logf("E2E_SEED=%d", seed)
	trial.options.Strict = os.Getenv("E2E_DIFF_STRICT") == "1"
	trial.options.ServerErrs = harness.ForgetsNames()
	trial.options.Seed, trial.options.Observers = seed, number(t, "E2E_DIFF_OBSERVERS", 24)

	all := []*differential.Way{{Name: "truth", Config: server.Config("admin"), Truth: true}}
	for _, w := range ways {
		all = append(all, &differential.Way{Name: w.name, Config: w.config, Weir: w.weir != nil})
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	writers := need(differential.StartWriters(ctx, server.Config("admin"), differential.WriterOptions{
		Seed: seed, PerSecond: trial.writesPerSecond(), Limit: events, Payload: max(trial.payload, 2000),
		Passing: trial.passing}))(t)
	run := need(differential.Start(trial.options, all))(t)
	began := time.Now()
	must(t, run.WaitStarted(30*time.Second, false))
	faults := make(chan struct{})
	go func() {
		defer close(faults)
		if trial.fault != nil {
			trial.fault(ctx)
		}
	}()
	for events == 0 && time.Since(began) < length || events > 0 && writers.Operations() < events {
		time.Sleep(50 * time.Millisecond)
	}
	cancel()
	<-faults
	must(t, writers.Stop())
	t.Logf("%d operations in %v", writers.Operations(), time.Since(began))
	summary, err := run.Finish(60 * time.Second)
	t.Log(summary)
	logCaches(t, ways)
	if felt := summary.Ways["direct"]; trial.hurts && felt.Disturbed == 0 {
		t.Error("the fault has not happened: direct clients have felt nothing")
	}
	for _, err := range []error{err, summary.Meaningful(), trial.judge(summary)} {
		if err != nil {
			t.Log(err)
			// Once more, since of a long output the end is what is kept.
			headline, _, _ := strings.Cut(err.Error(), "\n")
			t.Errorf("E2E_SEED=%d: %s\nlogs: %s", seed, headline, testDir(t))
		}
	}
}

// logCaches says how Weir's caches have fared: with a relist goes what happened before it.
func logCaches(t *testing.T, ways []*way) {
	t.Helper()
	for _, w := range ways {
		if w.weir == nil {
			continue
		}
		line := w.name + ":"
		for _, metric := range []string{"watches", "expired", "relists", "repairs", "proofs"} {
			value := need(w.weir.Metric("weir_cache_" + metric + "_total"))(t)
			line += fmt.Sprintf(" %.0f %s", value, metric)
		}
		t.Log(line, "forwarded watches:", need(w.weir.ForwardedWatches())(t))
	}
}

// diffCluster is a cluster of the test's own whose answers show that they are its own.
func diffCluster(t *testing.T, flags ...string) *harness.APIServer {
	t.Helper()
	return ownCluster(t, append(flags, differential.ServerFlag)...)
}

// diffWays is allWays with a configuration of Weir's.
func diffWays(t *testing.T, server *harness.APIServer, config string) []*way {
	t.Helper()
	return allWays(t, server, "--config", diffConfig(t, config))
}

// diffConfig is a file with a configuration of Weir's. In a run of minutes those who read slowly
// fall behind any window, and are told objects' last states; where each event is to come, the
// window is to hold them all.
func diffConfig(t *testing.T, config string) string {
	t.Helper()
	if number(t, "E2E_DIFF_SECONDS", 0) > 0 || number(t, "E2E_DIFF_EVENTS", 0) > 0 {
		config += "cache:\n  windowEvents: 1000000\n  windowBytes: 2Gi\n  byteBudget: 4Gi\n"
	}
	return configFile(t, config)
}

// exact is for runs in which no event is lost, since every watch can be resumed.
var exact = differential.Options{Exact: true}

// Whatever clients do, and whatever they watch in whatever form: Weir tells them what the
// API server would.
func TestDifferential(t *testing.T) {
	server := diffCluster(t)
	trial := trial{
		options: exact,
		length:  60 * time.Second,
		judge:   (*differential.Summary).Calm,
	}
	trial.run(t, server, diffWays(t, server, ""))
}
