// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"weir.dev/e2e/suite/harness"
)

// A client that lists by itself and then watches from there, as kubectl and many programs that are
// not Go's do, is told the same by Weir as straight. Weir makes the cache of that watch when it
// comes, long after the list, and begins it at the list.
func TestWatchAfterAListOfItsOwn(t *testing.T) {
	server := sharedCluster(t)
	ways := allWays(t, server)
	for _, accept := range []string{harness.JSON, harness.Protobuf} {
		write(t, server, 50, 100)
		versions := map[*way]string{}
		for _, w := range ways {
			_, body, err := w.raw(t).Get(context.Background(), "/api/v1/configmaps", "Accept", accept)
			must(t, err)
			versions[w] = listVersion(body)
		}
		write(t, server, 51, 600)
		var straight []harness.Frame
		for _, w := range ways {
			watch := need(w.raw(t).Watch(context.Background(),
				"/api/v1/configmaps?watch=1&resourceVersion="+versions[w], accept))(t)
			t.Cleanup(watch.Close)
			if straight == nil {
				time.Sleep(time.Second) // All there is.
				straight = watch.Frames()
				if len(straight) < 50 {
					t.Fatalf("a straight watch was told %d changes", len(straight))
				}
				continue
			}
			must(t, watch.WaitFrames(len(straight), 10*time.Second))
			must(t, sameFrames(watch.Frames(), straight))
		}
	}
	for _, w := range ways {
		if w.weir == nil {
			continue
		}
		if forwarded := need(w.weir.ForwardedWatches())(t); len(forwarded) > 0 {
			t.Errorf("%s has forwarded watches: %v", w.name, forwarded)
		}
	}
}

func sameFrames(got, want []harness.Frame) error {
	if len(got) != len(want) {
		return fmt.Errorf("%d events, %d straight", len(got), len(want))
	}
	for i := range got {
		if !bytes.Equal(got[i].Bytes, want[i].Bytes) {
			return fmt.Errorf("event %d is\n%q, straight\n%q", i, got[i].Bytes, want[i].Bytes)
		}
	}
	return nil
}
