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

	"weir.dev/e2e/suite/harness"
)

const (
	slowObjects     = 2000
	slowObjectBytes = 4000
	slowPerSecond   = 1000
)

// stall is how long the slow client reads nothing: short, unless E2E_STALL_SECONDS
// says otherwise.
func stall(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("E2E_STALL_SECONDS")
	if text == "" {
		text = "5"
	}
	return time.Duration(need(strconv.Atoi(text))(t)) * time.Second
}

// A client that stops reading misses steps, but no object's last state, and what
// it gets is in order. It costs Weir memory for the objects, not for the events.
func TestSlowReader(t *testing.T) {
	server := sharedCluster(t)
	admin := adminClient(t, server)
	ctx := context.Background()
	load := need(harness.NewLoad(ctx, admin, newNamespace(t, server), slowObjects, slowObjectBytes))(t)
	t.Cleanup(func() { must(t, load.Delete(ctx)) })
	eachWay(t, server, func(t *testing.T, w *way) {
		reader := &slowReader{client: need(harness.NewSlowClient(w.config))(t),
			path: "/api/v1/namespaces/" + load.Namespace + "/configmaps?"}
		reader.open(t, harness.FromTheStart())
		defer func() { reader.watch.Close() }()
		must(t, reader.watch.WaitFrames(slowObjects, 30*time.Second))

		// First at full speed, so that what the window keeps anyway is there.
		update(t, load)
		before := residentBytes(t, w)
		reader.watch.Pause()
		updates := update(t, load)
		after := residentBytes(t, w)
		reader.watch.Resume()

		reader.catchUp(t, server, load)
		t.Logf("%d updates while nothing was read; %d watches in all; Weir grew from %d to %d KiB",
			updates, reader.watches, before>>10, after>>10)
		if w.weir == nil {
			return
		}
		if reader.watches != 1 {
			t.Errorf("the watch was ended %d times", reader.watches-1)
		}
		if limit := int64(2 * slowObjects * slowObjectBytes); after-before > limit {
			t.Errorf("the stalled reader cost %d bytes, more than twice the objects (%d)", after-before, limit)
		}
	})
}

func update(t *testing.T, load *harness.Load) int {
	t.Helper()
	updates := need(load.Update(context.Background(), slowPerSecond, stall(t)))(t)
	t.Logf("%.0f updates a second", float64(updates)/stall(t).Seconds())
	return updates
}

func residentBytes(t *testing.T, w *way) int64 {
	t.Helper()
	if w.weir == nil {
		return 0
	}
	return need(w.weir.ResidentBytes())(t)
}

// slowReader watches, and watches again from its last version when it is cut off,
// as the API server does with a client that does not read.
type slowReader struct {
	client  *harness.RawClient
	path    string
	watch   *harness.RawWatch
	watches int
	earlier []harness.Frame // of the watches that have ended
}

func (r *slowReader) open(t *testing.T, query string) {
	t.Helper()
	r.watch = need(r.client.Watch(context.Background(), r.path+query, harness.JSON))(t)
	r.watches++
}

func (r *slowReader) frames() []harness.Frame {
	return append(append([]harness.Frame{}, r.earlier...), r.watch.Frames()...)
}

// catchUp reads until it has what the API server has.
func (r *slowReader) catchUp(t *testing.T, server *harness.APIServer, load *harness.Load) {
	t.Helper()
	truth := need(harness.ListVersions(context.Background(), adminClient(t, server), harness.ConfigMaps, load.Namespace))(t)
	err := harness.PollFor(60*time.Second, 100*time.Millisecond, func() error {
		if ended, _ := r.watch.Ended(); ended {
			r.earlier = r.frames()
			r.watch.Close()
			r.open(t, fmt.Sprintf("watch=1&allowWatchBookmarks=true&resourceVersion=%d", r.earlier[len(r.earlier)-1].Version))
		}
		state, err := harness.Fold(r.frames())
		if err != nil {
			return harness.Final(err)
		}
		return truth.Differences(state)
	})
	if err != nil && len(r.earlier) > 0 && strings.Contains(err.Error(), "too old resource version") {
		// The API server has forgotten what this client has not read: it must list.
		t.Log("straight, the client had to list again:", err)
		return
	}
	must(t, err)
}
