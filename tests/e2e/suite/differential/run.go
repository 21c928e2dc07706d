// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"context"
	"fmt"
	"math/rand"
	"sync"
	"time"

	"k8s.io/client-go/rest"

	"weir.dev/e2e/suite/harness"
)

// Way is how observers get to the API server.
type Way struct {
	Name   string
	Config *rest.Config
	Weir   bool // through Weir, and not straight

	// Never disturbed: what this way tells is what really happened.
	Truth bool
}

// Options of a run.
type Options struct {
	Seed int64
	// Observers of each way but the one of the truth.
	Observers int
	// Every event must come to every observer that reads it fast enough. Not so where
	// Weir, too, loses what happened: between two lists it can only tell the difference.
	Exact bool
	// Who reads too slowly may be told an object's last state instead of every event.
	Folds bool
	// What comes from Weir's memory must not even be older than what it has forwarded.
	Strict bool
	// Only these, and not all there are.
	Habits []Habit
	Scopes []Scope
	// What Weir forwards may come from a server that lags behind the others.
	Lags bool
	// What the API server tells its own clients may be wrong: those are counted.
	ServerErrs bool
}

// Run is observers on several ways, and writers that keep them busy.
type Run struct {
	options   Options
	ways      []*Way
	observers []*Observer
	teller    map[Scope]*Observer
	histories map[Scope]*History
	ledger    *Ledger
	report    *Report
	truth     *harness.RawClient

	cancel context.CancelFunc
	done   sync.WaitGroup
}

// Start starts the observers. One of the ways is the Truth's.
func Start(options Options, ways []*Way) (*Run, error) {
	ctx, cancel := context.WithCancel(context.Background())
	r := &Run{
		options: options, ways: ways, cancel: cancel,
		teller: map[Scope]*Observer{}, histories: map[Scope]*History{},
		ledger: NewLedger(), report: &Report{},
	}
	for _, scope := range Scopes {
		r.histories[scope] = &History{scope: scope.String()}
	}
	if options.Habits == nil {
		options.Habits = allHabits
	}
	if options.Scopes == nil {
		options.Scopes = Scopes
	}
	plans := plan(rand.New(rand.NewSource(options.Seed)), options)
	for i, way := range ways {
		if err := r.populate(i, way, plans); err != nil {
			cancel()
			return nil, err
		}
	}
	// What happens before the truth is known cannot be checked.
	r.start(ctx, true)
	if err := r.WaitStarted(30*time.Second, true); err != nil {
		cancel()
		return nil, err
	}
	r.start(ctx, false)
	r.done.Add(1)
	go func() { defer r.done.Done(); r.settleNowAndThen(ctx) }()
	return r, nil
}

// start starts the observers of the truth, or all the others.
func (r *Run) start(ctx context.Context, truth bool) {
	for _, o := range r.observers {
		if o.way.Truth != truth {
			continue
		}
		r.done.Add(1)
		go func() { defer r.done.Done(); o.Watch(ctx) }()
	}
}

// plan draws observers so that each scope, shape, start and habit has its turn.
func plan(random *rand.Rand, options Options) []Observer {
	scopes, habits := options.Scopes, options.Habits
	plans := make([]Observer, options.Observers)
	var scopeOrder, openingOrder, habitOrder []int
	for i := range plans {
		if i%len(scopes) == 0 {
			scopeOrder = random.Perm(len(scopes))
		}
		if i%len(openings) == 0 {
			openingOrder = random.Perm(len(openings))
		}
		if i%len(habits) == 0 {
			habitOrder = random.Perm(len(habits))
		}
		scope := scopes[scopeOrder[i%len(scopes)]]
		shapes := scope.Resource.Shapes()
		for _, shape := range shapes {
			if !shape.Metadata {
				shapes = append(shapes, shape) // more common, as with real clients
			}
		}
		plans[i] = Observer{
			Scope: scope,
			Shape: shapes[random.Intn(len(shapes))],
			Start: openings[openingOrder[i%len(openings)]],
			Habit: habits[habitOrder[i%len(habits)]],
		}
	}
	return plans
}

// truthPlan has one observer of each scope, and one of everything in each shape.
func truthPlan() []Observer {
	var plans []Observer
	for _, scope := range Scopes {
		shapes := []Shape{{scope.Resource, true, true}}
		if !scopeIsNarrow(scope) {
			shapes = scope.Resource.Shapes()
		}
		for _, shape := range shapes {
			plans = append(plans, Observer{Scope: scope, Shape: shape, Start: ListRecent, Habit: Stays})
		}
	}
	return plans
}

// populate makes the observers of a way.
func (r *Run) populate(wayIndex int, way *Way, plans []Observer) error {
	fast, err := harness.NewRawClient(way.Config, false)
	if err != nil {
		return err
	}
	stalling, err := harness.NewStallingClient(way.Config)
	if err != nil {
		return err
	}
	if way.Truth {
		r.truth = fast
		plans = truthPlan()
	}
	for i := range plans {
		o := &Observer{Scope: plans[i].Scope, Shape: plans[i].Shape, Start: plans[i].Start, Habit: plans[i].Habit}
		o.Name = fmt.Sprintf("observer %d, %s: %s, %s", i, way.Name, o.Scope, o.Shape)
		o.run, o.way, o.http = r, way, fast
		o.random = rand.New(rand.NewSource(r.options.Seed + int64(i)))
		// Weir serves a narrow scope out of a wide one that it has, or else asks for it
		// alone: one Weir is to do this, the other that, for about half of them.
		if narrow := scopeIsNarrow(o.Scope); narrow == (wayIndex%2 == 0) && !way.Truth {
			o.delay = time.Duration(500+o.random.Intn(1000)) * time.Millisecond
		}
		allowed := Allowances{
			InferredDeletions: way.Weir, Relists: way.Weir && !r.options.Exact,
			LowerThanForwarded: way.Weir && !r.options.Strict, Folds: way.Weir && r.options.Folds,
		}
		o.client = NewClient(allowed)
		if o.Habit == Pauses && o.random.Intn(2) == 0 {
			o.http = stalling
		} else if o.Habit == Pauses {
			if o.http, err = harness.NewSlowClient(way.Config); err != nil {
				return err
			}
		}
		if way.Truth && o.Shape.Metadata && o.Shape.Protobuf {
			r.teller[o.Scope] = o
		}
		r.observers = append(r.observers, o)
	}
	return nil
}

func scopeIsNarrow(scope Scope) bool { return scope != Scope{Resource: scope.Resource} }

// recent is a version that has been seen somewhere.
func (r *Run) recent(o *Observer) uint64 { return r.histories[o.Scope].End() }

func (r *Run) settleNowAndThen(ctx context.Context) {
	for ctx.Err() == nil {
		r.settle(false)
		select {
		case <-ctx.Done():
		case <-time.After(500 * time.Millisecond):
		}
	}
}

func (r *Run) settle(end bool) {
	for _, history := range r.histories {
		for _, err := range history.Settle(end) {
			r.report.Add("", err, "")
		}
	}
}

// WaitStarted waits until every observer, or every one of the truth, has a first state.
func (r *Run) WaitStarted(limit time.Duration, truth bool) error {
	return harness.PollFor(limit, 50*time.Millisecond, func() error {
		for _, o := range r.observers {
			if truth && !o.way.Truth {
				continue
			}
			o.mu.Lock()
			began := o.client.Floor() > 0 || o.Start == WatchBare
			recent := o.client.Recent()
			o.mu.Unlock()
			if !began {
				return fmt.Errorf("%s has not begun:\n%s", o.Name, recent)
			}
		}
		return nil
	})
}

// Finish waits, after the writers have stopped, until every observer holds what the API
// server has, ends them, and says what was wrong.
func (r *Run) Finish(limit time.Duration) (*Summary, error) {
	for _, o := range r.observers {
		o.Calm()
	}
	err := harness.PollFor(limit, 200*time.Millisecond, r.agree)
	if err != nil {
		r.report.Add("", fmt.Errorf("final state: %w", err), "")
	}
	r.cancel()
	r.done.Wait()
	for _, o := range r.observers {
		o.mu.Lock()
		o.claimRun()
		o.mu.Unlock()
	}
	r.settle(true)
	summary := r.summary()
	if n, example := r.ledger.Unconfirmed(); n > 0 && r.options.Exact {
		r.report.Add("", fmt.Errorf("I8: %d objects came through Weir that no direct observer has seen, such as %s", n, example), "")
	}
	return summary, r.report.Err()
}

// agree compares what each observer holds with a consistent list.
func (r *Run) agree() error {
	for _, scope := range Scopes {
		shape := Shape{scope.Resource, true, true}
		response, body, err := r.truth.Get(context.Background(), scope.URL(), "Accept", shape.Accept(true))
		if err != nil {
			return err
		}
		version, items, err := shape.ParseList(body)
		if err != nil {
			return fmt.Errorf("%s: %w", response.Status, err)
		}
		truth := make(map[string]Object, len(items))
		for _, item := range items {
			truth[item.Key] = item
		}
		for _, o := range r.observers {
			if o.Scope != scope {
				continue
			}
			if err := o.agrees(truth); err != nil {
				return err
			}
		}
		r.histories[scope].Through(version)
	}
	return nil
}

func (o *Observer) agrees(truth map[string]Object) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.misled {
		return nil
	}
	if err := o.client.Differences(truth); err != nil {
		return fmt.Errorf("%s (%s, %s): %w\n%s", o.Name, o.Start, o.Habit, err, o.client.Recent())
	}
	return nil
}
