// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"weir.dev/e2e/suite/differential"
	"weir.dev/e2e/suite/harness"
)

// Each fault is a differential run in which it happens again and again. No client of
// Weir's cache may notice any: no relist, no error, no end of a watch that it did not ask
// for. Watches that Weir forwards (see the README for which) share the fate of direct
// ones, and are counted as such.
const faultLength = 10 * time.Second

// repeat does something again and again until the run is over.
func repeat(ctx context.Context, least, most time.Duration, do func()) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(least + time.Duration(rand.Int63n(int64(most-least)))):
		}
		do()
	}
}

// Faults of the wire between the API server and its clients, one of which is Weir.
func TestDifferentialOnBadWires(t *testing.T) {
	server := diffCluster(t)
	for _, fault := range []struct {
		name  string
		hurts bool
		do    func(ctx context.Context, wires []*harness.Relay)
	}{
		{"cut", true, func(ctx context.Context, wires []*harness.Relay) {
			repeat(ctx, 500*time.Millisecond, 2*time.Second, func() {
				each(wires, (*harness.Relay).Cut)
				time.Sleep(time.Duration(rand.Intn(500)) * time.Millisecond)
				each(wires, (*harness.Relay).Heal)
			})
		}},
		{"broken anywhere", true, breakAnywhere(longest(t))},
		{"silent for a while", false, func(ctx context.Context, wires []*harness.Relay) {
			repeat(ctx, 500*time.Millisecond, 2*time.Second, func() {
				each(wires, (*harness.Relay).Silence)
				time.Sleep(time.Duration(rand.Intn(1500)) * time.Millisecond)
				each(wires, (*harness.Relay).Heal)
			})
		}},
		{"silent for good", true, func(ctx context.Context, wires []*harness.Relay) {
			repeat(ctx, 3*time.Second, 4*time.Second, func() { each(wires, (*harness.Relay).Forsake) })
			// Clients that do not ask whether anybody is there would wait for ever.
			each(wires, (*harness.Relay).Cut)
			each(wires, (*harness.Relay).Heal)
		}},
	} {
		t.Run(fault.name, func(t *testing.T) {
			trial := trial{options: exact, length: faultLength, hurts: fault.hurts, judge: (*differential.Summary).Undisturbed}
			trial.runOnBadWires(t, server, fault.do)
		})
	}
}

// An object that comes and goes while Weir's watch is down shows in no list: Weir may know
// already what the API server has, and must tell of it all the same.
func TestDifferentialOfWhatComesAndGoes(t *testing.T) {
	options := exact
	options.Habits = []differential.Habit{differential.StartsNew, differential.Stays}
	trial := trial{options: options, length: faultLength, hurts: true, passing: true, judge: (*differential.Summary).Undisturbed}
	trial.runOnBadWires(t, diffCluster(t), breakAnywhere(min(longest(t), 1_000_000)))
}

// longest is how many bytes a connection lives at most. What does not get through in one is asked
// for again in the next: in a run of minutes those who watch much would fall behind so far that
// they have to list, and no event more could be expected of them.
func longest(t *testing.T) int64 {
	if number(t, "E2E_DIFF_SECONDS", 0) > 0 {
		return 5_000_000
	}
	return 100_000
}

func breakAnywhere(longest int64) func(context.Context, []*harness.Relay) {
	return func(ctx context.Context, wires []*harness.Relay) {
		lifetime := func() int64 { return 1 + rand.Int63n(longest) }
		each(wires, func(r *harness.Relay) { r.Lifetimes(lifetime) })
		each(wires, (*harness.Relay).Cut)
		each(wires, (*harness.Relay).Heal)
		<-ctx.Done()
		each(wires, func(r *harness.Relay) { r.Lifetimes(nil) })
		each(wires, (*harness.Relay).Cut)
		each(wires, (*harness.Relay).Heal)
	}
}

// runOnBadWires is run where the fault is one of the wires. Go's clients and Weir ask
// sooner than usual whether the other side is there.
func (trial *trial) runOnBadWires(t *testing.T, server *harness.APIServer, do func(context.Context, []*harness.Relay)) {
	t.Helper()
	t.Setenv("HTTP2_READ_IDLE_TIMEOUT_SECONDS", "1")
	t.Setenv("HTTP2_PING_TIMEOUT_SECONDS", "1")
	ways := diffWays(t, server, "upstream:\n  pingAfter: 1s\n  pingTimeout: 1s\n")
	var wires []*harness.Relay
	for _, w := range ways {
		wires = append(wires, w.relay)
	}
	trial.fault = func(ctx context.Context) { do(ctx, wires) }
	trial.run(t, server, ways)
}

func each(wires []*harness.Relay, do func(*harness.Relay)) {
	for _, wire := range wires {
		do(wire)
	}
}

func configFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(testDir(t), "weir.yaml")
	must(t, os.WriteFile(path, []byte(content), 0o644))
	return path
}

// The API server hangs, for as long as E2E_HANG_SECONDS says.
func TestDifferentialWithAHangingServer(t *testing.T) {
	server := diffCluster(t)
	hang := time.Duration(number(t, "E2E_HANG_SECONDS", 4)) * time.Second
	trial := trial{options: exact, length: 2*hang + 5*time.Second, judge: (*differential.Summary).Undisturbed,
		fault: func(ctx context.Context) {
			repeat(ctx, hang/4, hang/2, func() {
				server.Signal(syscall.SIGSTOP)
				time.Sleep(hang)
				server.Signal(syscall.SIGCONT)
			})
		}}
	trial.run(t, server, diffWays(t, server, ""))
}

// The API server is killed and started again. It has forgotten all versions before its
// start, so Weir must list: it can tell only what has changed between two lists.
func TestDifferentialWithRestarts(t *testing.T) {
	server := diffCluster(t)
	trial := trial{length: 2 * faultLength, hurts: true, judge: (*differential.Summary).Undisturbed,
		fault: func(ctx context.Context) {
			repeat(ctx, 2*time.Second, 5*time.Second, func() {
				if err := server.Restart(); err != nil {
					t.Error(err)
				}
			})
		}}
	trial.run(t, server, diffWays(t, server, ""))
}

// What the API server is configured to do to its clients.
func TestDifferentialWithServerFlags(t *testing.T) {
	for _, fault := range []struct {
		name  string
		hurts bool
		flags []string
	}{
		{"GOAWAY", false, []string{"--goaway-chance=0.02"}},
		{"short watches", true, []string{"--min-request-timeout=3"}},
		{"compaction", false, []string{"--etcd-compaction-interval=2s"}},
		{"no stream-list", false, []string{"--feature-gates=WatchList=false"}},
		{"no watch cache", false, []string{"--watch-cache=false"}},
		{"no watch cache of some", false, []string{"--watch-cache-sizes=configmaps#0,pods#0"}},
	} {
		t.Run(fault.name, func(t *testing.T) {
			server := diffCluster(t, fault.flags...)
			trial := trial{options: exact, length: faultLength, hurts: fault.hurts, judge: (*differential.Summary).Shimmed}
			trial.run(t, server, diffWays(t, server, ""))
		})
	}
}

// Restarts after which even etcd does not know the versions that Weir resumes from.
func TestDifferentialWithRestartsAndCompaction(t *testing.T) {
	server := diffCluster(t, "--etcd-compaction-interval=1s", "--feature-gates=WatchList=false")
	ways := diffWays(t, server, "")
	trial := trial{length: 2 * faultLength, hurts: true, judge: (*differential.Summary).Undisturbed,
		fault: func(ctx context.Context) {
			repeat(ctx, time.Second, 2*time.Second, func() {
				for _, w := range ways {
					w.relay.Cut()
				}
				time.Sleep(2 * time.Second)
				if err := server.Restart(); err != nil {
					t.Error(fmt.Errorf("the API server does not come back: %w", err))
				}
				for _, w := range ways {
					w.relay.Heal()
				}
			})
		}}
	trial.run(t, server, ways)
}
