// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"k8s.io/client-go/dynamic"

	"weir.dev/e2e/suite/harness"
)

// What sample-controller lists and watches.
var watched = []string{"foos", "deployments"}

// stage is where the operator plays its part twice.
type stage struct {
	server   *harness.APIServer
	dir      string
	restarts int
	objects  int
}

// result is one column of the table.
type result struct {
	lists, watches, streamLists  int // from nothing to the first sync
	furtherLists, furtherWatches int // over the restarts
	furtherRequests              harness.Requests
	metricsAgree                 bool
	synced                       []time.Duration // the first start, then each restart
	firstBytes, furtherBytes     int64
	lag                          []time.Duration // sorted
}

// play starts the operator, restarts it, and measures. A proxy, if there is one,
// takes a kubeconfig for the API server and returns one for the operator.
func (s *stage) play(ctx context.Context, name string, proxy func(string) (string, error)) (*result, error) {
	dir := filepath.Join(s.dir, name)
	relay, err := harness.NewRelay(s.server.Address)
	if err != nil {
		return nil, err
	}
	user := s.server.NewOperator()
	kubeconfig := filepath.Join(dir, "kubeconfig")
	if err := s.server.WriteKubeconfig(kubeconfig, user, relay.Address); err != nil {
		return nil, err
	}
	begin := s.server.Mark()
	lists, watches, err := s.server.RequestTotals(watched...)
	if err != nil {
		return nil, err
	}
	if proxy != nil {
		if kubeconfig, err = proxy(kubeconfig); err != nil {
			return nil, err
		}
	}
	r := &result{}
	if err := s.starts(ctx, r, user, kubeconfig, dir, relay); err != nil {
		return nil, err
	}
	r.metricsAgree = s.crossCheck(begin, lists, watches)
	r.lag, err = s.measureLag(ctx, kubeconfig)
	return r, err
}

// starts runs the operator once, and then over and over.
func (s *stage) starts(ctx context.Context, r *result, user, kubeconfig, dir string, relay *harness.Relay) error {
	mark := s.server.Mark()
	bytes := relay.Bytes()
	if err := s.start(ctx, r, kubeconfig, dir); err != nil {
		return err
	}
	first, err := s.requests(mark, user)
	if err != nil {
		return err
	}
	r.lists, r.watches = first.Count("list"), first.Count("watch")
	r.streamLists = first.WholeStates() - r.lists
	r.firstBytes = relay.Bytes() - bytes

	mark, bytes = s.server.Mark(), relay.Bytes()
	for range s.restarts {
		if err := s.start(ctx, r, kubeconfig, dir); err != nil {
			return err
		}
	}
	if r.furtherRequests, err = s.requests(mark, user); err != nil {
		return err
	}
	r.furtherLists, r.furtherWatches = r.furtherRequests.Count("list"), r.furtherRequests.Count("watch")
	r.furtherBytes = relay.Bytes() - bytes
	return nil
}

// start runs the operator until it says that its caches are synced, lets it watch
// for a moment, and stops it.
func (s *stage) start(ctx context.Context, r *result, kubeconfig, dir string) error {
	binary, err := harness.Binary("sample-controller")
	if err != nil {
		return err
	}
	log := filepath.Join(dir, fmt.Sprintf("sample-controller-%d.log", len(r.synced)))
	operator, err := harness.StartProcess("sample-controller", log, binary, "--kubeconfig", kubeconfig)
	if err != nil {
		return err
	}
	defer operator.Kill()
	limited, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	at, err := operator.WaitForLog(limited, 0, "Starting workers")
	if err != nil {
		return err
	}
	r.synced = append(r.synced, at.Sub(operator.Started))
	fmt.Printf("demo:   start %d: synced after %d ms\n", len(r.synced)-1, at.Sub(operator.Started).Milliseconds())
	// Not a wait for a fact: an operator that lives this long has also asked for
	// whatever it asks for after its sync.
	time.Sleep(500 * time.Millisecond)
	_, err = operator.Stop(10 * time.Second)
	return err
}

func (s *stage) requests(mark harness.AuditMark, user string) (harness.Requests, error) {
	all, err := s.server.RequestsSince(mark)
	return all.Of(user, watched...), err
}

// crossCheck compares the audit log with the API server's own counters, which
// count everybody and lag a little.
func (s *stage) crossCheck(begin harness.AuditMark, listsBefore, watchesBefore int) bool {
	err := harness.PollFor(5*time.Second, 100*time.Millisecond, func() error {
		all, err := s.server.RequestsSince(begin)
		if err != nil {
			return err
		}
		audited := all.Of("", watched...)
		lists, watches, err := s.server.RequestTotals(watched...)
		if err != nil {
			return err
		}
		if lists-listsBefore != audited.Count("list") || watches-watchesBefore != audited.Count("watch") {
			return fmt.Errorf("apiserver_request_total has %d LISTs and %d WATCHes, the audit log %d and %d",
				lists-listsBefore, watches-watchesBefore, audited.Count("list"), audited.Count("watch"))
		}
		return nil
	})
	if err != nil {
		fmt.Println("demo:   the two counts differ:", err)
	}
	return err == nil
}

// measureLag watches Foos the operator's way and updates them straight: the lag is
// from sending the write to having the event.
func (s *stage) measureLag(ctx context.Context, kubeconfig string) ([]time.Duration, error) {
	const every = 20 * time.Millisecond
	updates := min(100, s.objects)
	config, err := harness.LoadKubeconfig(kubeconfig)
	if err != nil {
		return nil, err
	}
	client, err := harness.NewRawClient(config, false)
	if err != nil {
		return nil, err
	}
	watch, err := client.Watch(ctx, "/apis/samplecontroller.k8s.io/v1alpha1/foos?"+harness.FromTheStart(), harness.JSON)
	if err != nil {
		return nil, err
	}
	defer watch.Close()
	if err := watch.WaitFrames(s.objects, 30*time.Second); err != nil {
		return nil, err
	}
	writer, err := dynamic.NewForConfig(s.server.Config("admin"))
	if err != nil {
		return nil, err
	}
	sent := map[uint64]time.Time{}
	for i := range updates {
		began := time.Now()
		version, err := harness.TouchFoo(ctx, writer, namespace, i)
		if err != nil {
			return nil, err
		}
		sent[version] = began
		time.Sleep(time.Until(began.Add(every)))
	}
	var lag []time.Duration
	err = harness.PollFor(10*time.Second, 10*time.Millisecond, func() error {
		lag = lag[:0]
		for _, frame := range watch.Frames() {
			if began, ok := sent[frame.Version]; ok && frame.Type == "MODIFIED" {
				lag = append(lag, frame.At.Sub(began))
			}
		}
		if len(lag) < updates {
			return fmt.Errorf("%d of %d events have come", len(lag), updates)
		}
		return nil
	})
	slices.Sort(lag)
	return lag, err
}
