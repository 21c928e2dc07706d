// SPDX-License-Identifier: Apache-2.0

// reader is an operator that only reads: it keeps the four kinds of informer
// cache that controller-runtime programs use, and shows what is in them, so that
// a test can compare what two operators came to believe about one cluster.
//
// The same source is built against five generations of controller-runtime: 0.24
// (go.mod), and those whose go.mod is called after them (cr016.mod and so on).
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

type options struct {
	listen       string
	lease        string
	leaseSeconds int
}

func main() {
	// --kubeconfig is registered by controller-runtime itself.
	var o options
	flag.StringVar(&o.listen, "listen", "127.0.0.1:0", "where /cache and /status are served")
	flag.StringVar(&o.lease, "lease", "", "name of a Lease in namespace default to lead by; empty: no leader election")
	flag.IntVar(&o.leaseSeconds, "lease-seconds", 15, "how long the Lease holds without renewal")
	flag.Parse()
	ctrl.SetLogger(zap.New(zap.UseDevMode(true)))
	if err := run(ctrl.SetupSignalHandler(), o); err != nil {
		fmt.Fprintln(os.Stderr, "reader:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	began := time.Now()
	config, err := ctrl.GetConfig()
	if err != nil {
		return err
	}
	lease := time.Duration(o.leaseSeconds) * time.Second
	renew, retry := lease*2/3, lease*2/15
	manager, err := ctrl.NewManager(config, ctrl.Options{
		Metrics:                 metricsserver.Options{BindAddress: "0"},
		LeaderElection:          o.lease != "",
		LeaderElectionID:        o.lease,
		LeaderElectionNamespace: "default",
		// An operator that is asked to stop lets the next one lead at once.
		LeaderElectionReleaseOnCancel: true,
		LeaseDuration:                 &lease,
		RenewDeadline:                 &renew,
		RetryPeriod:                   &retry,
	})
	if err != nil {
		return err
	}
	views, err := newViews(ctx, manager)
	if err != nil {
		return err
	}
	status := &status{views: views, began: began}
	go status.waitForSync(ctx)
	if o.lease != "" {
		go func() {
			select {
			case <-manager.Elected():
				status.leader.Store(true)
			case <-ctx.Done():
			}
		}()
	}
	listener, err := net.Listen("tcp", o.listen)
	if err != nil {
		return err
	}
	go http.Serve(listener, status.handler())
	return manager.Start(ctx)
}

// status is what the two HTTP paths show.
type status struct {
	views    *views
	began    time.Time
	syncedMs atomic.Int64
	leader   atomic.Bool
}

func (s *status) waitForSync(ctx context.Context) {
	if s.views.waitForSync(ctx) {
		// Never 0 once synced, however fast it was.
		s.syncedMs.Store(max(1, time.Since(s.began).Milliseconds()))
	}
}

func (s *status) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/status", func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, map[string]any{
			"syncedMs":   s.syncedMs.Load(),
			"leader":     s.leader.Load(),
			"complaints": s.views.complaints(),
		})
	})
	mux.HandleFunc("/cache", func(w http.ResponseWriter, r *http.Request) {
		dump, err := s.views.dump(r.Context())
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		writeJSON(w, dump)
	})
	return mux
}
