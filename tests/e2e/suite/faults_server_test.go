// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"testing"
	"time"

	"weir.dev/e2e/suite/differential"
	"weir.dev/e2e/suite/harness"
)

// The API server answers one request at a time and refuses all others with 429: those of
// Weir, too, whose user is nobody special.
func TestDifferentialWithTooManyRequests(t *testing.T) {
	server := diffCluster(t, "--enable-priority-and-fairness=false", "--max-requests-inflight=1", "--max-mutating-requests-inflight=1")
	const user = "limited"
	must(t, harness.MakeAdmin(context.Background(), server.Config("admin"), user))
	config := diffConfig(t, "")
	ways := allWaysOf(t, func(name string) *way { return newWayOf(t, server, user, name, "--config", config) })
	client := need(harness.NewRawClient(server.Config(user), false))(t)
	trial := trial{options: exact, length: faultLength, hurts: true, judge: (*differential.Summary).Undisturbed,
		fault: func(ctx context.Context) {
			for range 4 { // the place is always taken
				go repeat(ctx, time.Millisecond, 2*time.Millisecond, func() {
					client.Get(ctx, configMapsEverywhere, "Accept", harness.JSON)
				})
			}
			repeat(ctx, time.Second, 2*time.Second, func() {
				for _, w := range ways {
					w.relay.Cut()
					w.relay.Heal()
				}
			})
		}}
	trial.run(t, server, ways)
}

// Two API servers, of which one learns everything late. Connections of Weir go to either,
// and change between them: what Weir has told must never be taken back.
func TestDifferentialWithALaggingServer(t *testing.T) {
	server := diffCluster(t)
	etcd := need(harness.NewRelay(server.Etcd))(t)
	t.Cleanup(etcd.Close)
	second := need(server.StartSecond(etcd.Address))(t)
	t.Cleanup(second.Stop)
	fillCaches(t, second)
	etcd.Delay(700 * time.Millisecond)
	etcd.Cut()
	etcd.Heal()
	ways := diffWays(t, server, "")
	for _, w := range ways {
		if w.weir != nil { // who asks both directly does travel in time
			w.relay.Balance(server.Address, second.Address)
		}
	}
	options := differential.Options{Exact: true, Lags: true}
	ahead := need(harness.NewRawClient(server.Config("admin"), false))(t)
	behind := need(harness.NewRawClient(second.Config("admin"), false))(t)
	lagged := 0
	trial := trial{options: options, length: 2 * faultLength, judge: (*differential.Summary).Undisturbed,
		fault: func(ctx context.Context) {
			repeat(ctx, time.Second, 2*time.Second, func() {
				for _, w := range ways {
					w.relay.Cut()
					w.relay.Heal()
				}
				before, after := newestVersion(ctx, ahead), newestVersion(ctx, behind)
				if after < before {
					lagged++
				}
			})
		}}
	trial.run(t, server, ways)
	if lagged < 3 {
		t.Errorf("the second API server was behind %d times", lagged)
	}
}

// fillCaches has an API server remember changes of all resources from now on. Of a custom one
// it would do so only once somebody asks, and know no version from before.
func fillCaches(t *testing.T, server *harness.APIServer) {
	t.Helper()
	client := need(harness.NewRawClient(server.Config("admin"), false))(t)
	for _, scope := range differential.Scopes {
		must(t, harness.PollFor(30*time.Second, 50*time.Millisecond, func() error {
			response, body, err := client.Get(context.Background(), scope.Path()+"?resourceVersion=0", "Accept", harness.JSON)
			if err == nil && response.StatusCode != http.StatusOK {
				err = fmt.Errorf("%s: %.200s", response.Status, body)
			}
			return err
		}))
	}
}

// newestVersion is what an API server's cache has, 0 if it does not say.
func newestVersion(ctx context.Context, client *harness.RawClient) uint64 {
	_, list, err := client.Get(ctx, configMapsEverywhere+"?resourceVersion=0", "Accept", harness.JSON)
	if err != nil {
		return 0
	}
	version, _ := strconv.ParseUint(listVersion(list), 10, 64)
	return version
}

// Readers that fall behind what Weir keeps are told the difference.
func TestDifferentialWithATinyWindow(t *testing.T) {
	server := diffCluster(t)
	ways := allWays(t, server, "--config", configFile(t, "cache:\n  windowEvents: 5\n"))
	options := differential.Options{
		Folds:  true,
		Habits: []differential.Habit{differential.Pauses},
		Scopes: []differential.Scope{{Resource: differential.ConfigMaps}, {Resource: differential.ConfigMaps, Labels: "color=red"}},
	}
	trial := trial{options: options, length: faultLength, payload: 20_000, judge: (*differential.Summary).Undisturbed}
	trial.run(t, server, ways)
	for _, w := range ways {
		if w.weir == nil {
			continue
		}
		if need(w.weir.Metric("weir_downstream_watch_differences_total"))(t) == 0 {
			t.Errorf("%s: no reader fell behind", w.name)
		}
	}
}
