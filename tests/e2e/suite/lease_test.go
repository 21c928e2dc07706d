// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"weir.dev/e2e/suite/harness"
)

// Of two operators one leads; when it dies the other takes over in its time.
func TestLeaderElection(t *testing.T) {
	server := sharedCluster(t)
	for n, name := range wayNames {
		t.Run(name, func(t *testing.T) {
			w := newWay(t, server, name)
			start := func(i int) *harness.Reader {
				return startReader(t, harness.ReaderOptions{
					Generation:   harness.ReaderGenerations[i],
					Kubeconfig:   w.kubeconfig,
					LogFile:      filepath.Join(testDir(t), fmt.Sprintf("operator %d.log", i)),
					Lease:        fmt.Sprintf("election-%d", n),
					LeaseSeconds: 3,
				})
			}
			first := start(0)
			must(t, first.WaitLeading(30*time.Second))
			second := start(1)
			must(t, second.WaitSynced(30*time.Second))
			if status := need(second.Status())(t); status.Leader {
				t.Fatal("both operators lead")
			}
			first.Kill() // it cannot release the Lease: it must run out
			must(t, second.WaitLeading(15*time.Second))
		})
	}
}
