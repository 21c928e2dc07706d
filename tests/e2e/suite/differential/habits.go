// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"context"
	"time"
)

// Opening is how a client gets its first state.
type Opening string

const (
	StreamListRecent Opening = "stream-list"        // RV unset: the most recent state
	StreamListAny    Opening = "stream-list from 0" // RV 0: any state
	StreamListAtN    Opening = "stream-list from N" // not older than what the client has seen
	WatchAny         Opening = "watch from 0"       // with bookmarks
	WatchBare        Opening = "bare watch from 0"  // without bookmarks
	ListAny          Opening = "list of 0, watch"   // as informers do
	ListRecent       Opening = "list, watch"        // a consistent list
	ListTwice        Opening = "list, list of 0"    // at once: the second must not be older
	ListAtN          Opening = "list from N, watch" // not older than what the client has seen
)

var openings = []Opening{StreamListRecent, StreamListAny, StreamListAtN, WatchAny, WatchBare, ListAny, ListRecent, ListTwice, ListAtN}

// Habit is what a client does with its watch.
type Habit string

const (
	Stays     Habit = "stays"
	Resumes   Habit = "resumes"    // closes it at random, and goes on from the last version
	StartsNew Habit = "starts new" // closes it at random, and begins from nothing, in any way
	TimesOut  Habit = "times out"  // asks for an end after a second or two, then resumes
	Pauses    Habit = "pauses"     // stops reading now and then
)

var allHabits = []Habit{Stays, Resumes, StartsNew, TimesOut, Pauses}

// Counts is what an observer has met.
type Counts struct {
	Events, Bookmarks, Watches, Lists int

	Expired       int // errors in a watch that was live: the client must begin from nothing
	Refused       int // HTTP errors and lost connections when a watch was resumed
	RefusedStarts int // the same for lists and watches from nothing
	Unsupported   int // of those: stream-lists that Weir should have made itself
	CleanEnds     int // ends of a watch that nobody asked for
	EndsBeyond    int // the same of a watch that began at the version of a forwarded answer
	UncleanEnds   int
	Forwarded     int // watches that Weir let the API server answer
	Disturbed     int // ends and errors of those
	Misled        int // see Options.ServerErrs
}

// closeLater is the habit of closing watches.
func (o *Observer) closeLater(cancel context.CancelFunc) *time.Timer {
	o.mu.Lock()
	defer o.mu.Unlock()
	after := time.Duration(200+o.random.Intn(2500)) * time.Millisecond
	if o.Habit == StartsNew {
		after /= 4 // what is sent first is worth many looks
	}
	if o.Habit != Resumes && o.Habit != StartsNew || o.calm {
		after = time.Hour
	}
	return time.AfterFunc(after, func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		if o.calm {
			return
		}
		o.expected = true
		cancel()
	})
}

func (o *Observer) maybePause(ctx context.Context) {
	if o.Habit != Pauses || o.random.Intn(50) > 0 {
		return
	}
	o.mu.Lock()
	calm := o.calm
	o.mu.Unlock()
	if !calm {
		o.pause(ctx, time.Duration(500+o.random.Intn(3000))*time.Millisecond)
	}
}
