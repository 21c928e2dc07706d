// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"weir.dev/e2e/suite/harness"
)

// Observer is one client that lists and watches, over and over.
type Observer struct {
	Name  string
	Shape Shape
	Scope Scope
	Start Opening
	Habit Habit

	run    *Run
	way    *Way
	http   *harness.RawClient
	random *rand.Rand
	delay  time.Duration // before it begins

	mu     sync.Mutex // held while an event is taken in
	client *Client
	counts Counts
	// of the run of events being collected for the History
	runFrom uint64
	changes []change

	noStreams bool      // the server knows no stream-lists
	expected  bool      // the watch ends because the observer made it
	until     time.Time // from then on a server may end the watch, which asked for no other time
	forwarded bool      // Weir did not serve the watch itself
	misled    bool      // by the API server itself; see Options.ServerErrs
	beyond    bool      // all that the client knows is from a forwarded answer, perhaps newer than Weir
	calm      bool      // writers have stopped: stay where you are
}

// shortestWatch is the API server's --min-request-timeout, and Weir's.
const shortestWatch = 30 * time.Minute

// An observer that begins from nothing waits as long after a refusal.
const retryAfter = 100 * time.Millisecond

// ServerFlag makes the API server put a header on all its answers, by which observers
// tell those that Weir forwards from those out of its memory.
const (
	ServerFlag      = "--strict-transport-security-directives=max-age=1"
	forwardedHeader = "Strict-Transport-Security"
)

// Watch runs until the context ends.
func (o *Observer) Watch(ctx context.Context) {
	o.pause(ctx, o.delay)
	for ctx.Err() == nil && !o.run.report.Enough() {
		o.mu.Lock()
		resume := o.client.Seen() > 0 && o.client.Live()
		o.mu.Unlock()
		var again bool
		if resume {
			again = o.session(ctx, o.resumeQuery())
		} else {
			again = o.begin(ctx)
		}
		if !again {
			o.pause(ctx, retryAfter)
		}
	}
}

func (o *Observer) pause(ctx context.Context, length time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(length):
	}
}

// fail reports a violation: with what the client was told before it.
func (o *Observer) fail(err error) {
	if o.run.options.ServerErrs && !o.way.Weir && !o.way.Truth {
		o.misled = true
		o.counts.Misled++
		return
	}
	o.run.report.Add(fmt.Sprintf("%s (%s, %s)", o.Name, o.Start, o.Habit), err, o.client.Recent())
}

// failUnlessLagging is fail, but for time travel that the API servers make and Weir only
// hands on.
func (o *Observer) failUnlessLagging(err error) {
	if o.run.options.Lags && o.forwarded && strings.HasPrefix(err.Error(), "time:") {
		o.counts.Disturbed++
		return
	}
	o.fail(err)
}

// noticed keeps what a client of Weir's cache was told when it met what Weir is to hide.
func (o *Observer) noticed() {
	if o.way.Weir {
		o.run.report.Notice(fmt.Sprintf("%s (%s, %s)", o.Name, o.Start, o.Habit), o.client.Recent())
	}
}

// begin gets a first state, and watches on.
func (o *Observer) begin(ctx context.Context) bool {
	o.mu.Lock()
	floor := strconv.FormatUint(max(o.client.Floor(), o.run.recent(o)), 10)
	o.mu.Unlock()
	watch := []string{"watch", "1", "allowWatchBookmarks", "true"}
	stream := append(watch, "sendInitialEvents", "true", "resourceVersionMatch", "NotOlderThan")
	if o.Habit == StartsNew && !o.noStreams {
		o.mu.Lock()
		o.Start = openings[o.random.Intn(len(openings))]
		o.mu.Unlock()
	}
	switch o.Start {
	case StreamListRecent:
		return o.session(ctx, append(stream, "resourceVersion", ""))
	case StreamListAny:
		return o.session(ctx, append(stream, "resourceVersion", "0"))
	case StreamListAtN:
		return o.session(ctx, append(stream, "resourceVersion", floor))
	case WatchAny:
		return o.session(ctx, append(watch, "resourceVersion", "0"))
	case WatchBare:
		return o.session(ctx, []string{"watch", "1", "resourceVersion", "0"})
	case ListAny:
		return o.list(ctx, "resourceVersion", "0", "limit", "500")
	case ListRecent:
		return o.list(ctx)
	case ListTwice:
		return o.list(ctx) && o.list(ctx, "resourceVersion", "0")
	default:
		return o.list(ctx, "resourceVersion", floor, "resourceVersionMatch", "NotOlderThan")
	}
}

func (o *Observer) list(ctx context.Context, query ...string) bool {
	response, body, err := o.http.Get(ctx, o.Scope.URL(query...), "Accept", o.Shape.Accept(true))
	o.mu.Lock()
	defer o.mu.Unlock()
	if ctx.Err() != nil {
		return false
	}
	if err != nil || response.StatusCode != http.StatusOK {
		o.counts.RefusedStarts++
		o.client.Note("a list was refused: %v %.200s", err, body)
		return false
	}
	o.counts.Lists++
	version, items, err := o.Shape.ParseList(body)
	if err != nil {
		o.fail(err)
		return false
	}
	o.forwarded = response.Header.Get(forwardedHeader) != ""
	o.client.Forwarded(o.forwarded)
	if err := o.client.List(version, items); err != nil {
		o.failUnlessLagging(err)
	}
	for i := range items {
		o.check(false, &items[i])
	}
	o.begun(version)
	return true
}

func (o *Observer) resumeQuery() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	query := []string{"watch", "1", "allowWatchBookmarks", "true", "resourceVersion", strconv.FormatUint(o.client.Seen(), 10)}
	if o.Habit == TimesOut && !o.calm {
		query = append(query, "timeoutSeconds", strconv.Itoa(1+o.random.Intn(2)))
	}
	return query
}

// session is one watch, from its request to its end. It returns false if the server
// refused it.
func (o *Observer) session(ctx context.Context, query []string) bool {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	values := map[string]string{}
	for i := 0; i < len(query); i += 2 {
		values[query[i]] = query[i+1]
	}
	initial := values["sendInitialEvents"] == "true" || values["resourceVersion"] == "0"
	response, err := o.http.Do(ctx, http.MethodGet, o.Scope.URL(query...), nil, "Accept", o.Shape.Accept(false))
	forwarded := err == nil && response.Header.Get(forwardedHeader) != ""
	if err == nil && response.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(response.Body, 300))
		response.Body.Close()
		err = fmt.Errorf("%s: %s", response.Status, body)
	}
	if ctx.Err() != nil {
		return false
	}
	o.mu.Lock()
	if err != nil {
		o.refused(initial, err)
		o.mu.Unlock()
		return false
	}
	o.counts.Watches++
	o.expected = false
	o.until = time.Now().Add(shortestWatch)
	o.beyond = !initial && !forwarded && (o.forwarded || o.beyond)
	if o.forwarded = forwarded; forwarded {
		o.counts.Forwarded++
	}
	o.client.Note("a watch: %v, forwarded %v", values, forwarded)
	o.client.Forwarded(forwarded)
	if initial {
		o.client.BeginInitial(values["sendInitialEvents"] == "true")
	} else {
		o.client.BeginResume()
		o.runFrom, o.changes = o.client.Seen(), nil
	}
	o.mu.Unlock()
	defer response.Body.Close()
	o.read(ctx, cancel, response.Body, values["timeoutSeconds"] != "")
	return true
}

func (o *Observer) refused(initial bool, err error) {
	o.client.Note("a watch was refused: %v", err)
	switch {
	case initial:
		o.counts.RefusedStarts++
		if strings.HasPrefix(err.Error(), "422") {
			// This server has no stream-list: go on without, as client-go does.
			if !o.mayBeForwarded() {
				o.counts.Unsupported++
			}
			o.Start, o.noStreams = ListAny, true
		}
	case o.forwarded || o.beyond: // Weir forwards it, when it does not get there soon
		o.counts.Disturbed++
	default:
		o.counts.Refused++
		o.noticed()
	}
}

// mayBeForwarded says whether Weir's README lets it forward such a watch.
func (o *Observer) mayBeForwarded() bool {
	fields := o.Scope.Fields != "" && !strings.HasPrefix(o.Scope.Fields, "metadata.")
	return o.Shape.Metadata || fields
}

// read takes in all events of a watch. timed: it ends when its time is over.
func (o *Observer) read(ctx context.Context, cancel context.CancelFunc, body io.Reader, timed bool) {
	timer := o.closeLater(cancel)
	defer timer.Stop()
	input := bufio.NewReaderSize(body, 32<<10)
	var buffer []byte
	for {
		o.maybePause(ctx)
		event, err := o.Shape.ReadEvent(input, &buffer)
		if ctx.Err() != nil {
			err = ctx.Err() // closed by this observer: what is left does not count
		}
		if err != nil {
			o.ended(err, timed)
			return
		}
		if !o.take(&event) {
			return
		}
	}
}

// take checks one event; false: there is nothing more to read.
func (o *Observer) take(event *Event) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if event.Type == Error {
		o.client.Note("%v", event)
		o.expired()
		return false
	}
	o.beyond = false
	wasLive, inferred := o.client.Live(), o.client.Inferred
	if err := o.client.Event(event); err != nil {
		o.failUnlessLagging(err)
	}
	switch {
	case event.Type == Bookmark:
		o.counts.Bookmarks++
		if event.InitialEnd {
			o.begun(event.Version)
		} else if o.client.Live() && wasLive {
			o.claimState()
		}
	default:
		o.counts.Events++
		// A deletion that was inferred has a version of Weir's own making, and one that was
		// folded or follows from two lists may hold the last state that this client has seen.
		deleted := event.Type == Deleted
		older := o.client.allowed.Folds || o.client.allowed.Relists
		if o.client.Inferred == inferred && !(deleted && older) {
			o.check(deleted, &event.Object)
		}
		if wasLive && o.client.Live() {
			o.changed(event)
		}
	}
	if !wasLive && o.client.Live() && !event.InitialEnd {
		// Only now it shows that the initial objects were over; when is not known.
		o.runFrom, o.changes = event.Version, nil
	}
	return true
}

// expired is an error in a watch: whatever it says, the client begins from nothing.
func (o *Observer) expired() {
	switch {
	case !o.client.Live():
		o.counts.RefusedStarts++
	case o.forwarded:
		o.counts.Disturbed++
	default:
		o.counts.Expired++
		o.noticed()
	}
	o.claimRun()
	o.client.Restart()
}

// ended is the end of a watch, by whomever.
func (o *Observer) ended(err error, timed bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.claimRun()
	over := timed || time.Now().After(o.until)
	asked := o.expected || errors.Is(err, context.Canceled) || over && err == io.EOF
	o.client.Note("the watch ended: %v", err)
	if !asked {
		switch {
		case o.forwarded:
			o.counts.Disturbed++
		case err == io.EOF && o.beyond:
			o.counts.EndsBeyond++
		case err == io.EOF:
			o.counts.CleanEnds++
			o.noticed()
			if err := o.client.EndInitial(); err != nil && o.way.Weir {
				o.fail(err)
			}
		default:
			o.counts.UncleanEnds++
			o.noticed()
		}
	}
	if o.expected && o.Habit == StartsNew || !o.client.Live() {
		o.client.Restart()
	}
}

// Calm makes the observer stay with the watch that it has.
func (o *Observer) Calm() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.calm = true
}
