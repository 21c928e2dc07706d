// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"sort"
	"sync"
)

// change is one event as a watch tells it: a hash of its type, key, uid and version.
type change struct{ version, event uint64 }

func changeOf(e *Event) change {
	var h maphash.Hash
	h.SetSeed(seed)
	h.WriteByte(byte(e.Type))
	var identity [8]byte
	binary.LittleEndian.PutUint64(identity[:], e.identity())
	h.Write(identity[:])
	return change{e.Version, h.Sum64()}
}

// told is a change, and the state that it leads to.
type told struct {
	change
	state uint64
}

// chapter is a part of the history without a gap: the state at `from`, and all changes
// up to `through`.
type chapter struct {
	from, through uint64
	before        uint64 // the state at from
	changes       []told
}

// stateAt is the state at a version of the chapter.
func (c *chapter) stateAt(version uint64) uint64 {
	after := sort.Search(len(c.changes), func(i int) bool { return c.changes[i].version > version })
	if after == 0 {
		return c.before
	}
	return c.changes[after-1].state
}

// between is the changes after one version, up to another.
func (c *chapter) between(from, to uint64) []told {
	first := sort.Search(len(c.changes), func(i int) bool { return c.changes[i].version > from })
	last := sort.Search(len(c.changes), func(i int) bool { return c.changes[i].version > to })
	return c.changes[first:last]
}

// claim is what some client was told: a state (a list, the end of initial objects, a
// bookmark), or all that changed after one version up to another.
type claim struct {
	who      string
	from, to uint64 // equal for a state
	state    uint64
	changes  []change
}

// History is what really happened in one scope, as direct watches that are never disturbed
// tell it, and holds against it what the observers were told (I2 and I6). Where the
// API server itself was gone there is a gap, about which nothing can be said.
type History struct {
	scope string

	mu       sync.Mutex
	chapters []*chapter
	claims   []claim

	States, Runs, Unknown int // what was proved right, and what could not be told
}

// Begin begins a chapter: the state at a version, by a list or the end of initial objects.
func (h *History) Begin(version, state uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.chapters = append(h.chapters, &chapter{from: version, through: version, before: state})
}

// Tell appends a change of the chapter that was begun last.
func (h *History) Tell(c change, state uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	last := h.chapters[len(h.chapters)-1]
	last.changes = append(last.changes, told{c, state})
	last.through = c.version
}

// Through says that all up to a version has been told.
func (h *History) Through(version uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	last := h.chapters[len(h.chapters)-1]
	last.through = max(last.through, version)
}

// End is how far the history has come.
func (h *History) End() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.chapters) == 0 {
		return 0
	}
	return h.chapters[len(h.chapters)-1].through
}

// ClaimState is to be proved by Settle.
func (h *History) ClaimState(who string, version, state uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.claims = append(h.claims, claim{who: who, from: version, to: version, state: state})
}

// ClaimRun is to be proved by Settle: these are all changes after from, up to to.
func (h *History) ClaimRun(who string, from, to uint64, changes []change) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.claims = append(h.claims, claim{who: who, from: from, to: to, changes: changes})
}

// Settle checks every claim that the history has come to, and returns the wrong ones. At
// the end nothing is left for later.
func (h *History) Settle(end bool) []error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.chapters) == 0 {
		return nil
	}
	through := h.chapters[len(h.chapters)-1].through
	var wrong []error
	var later []claim
	for _, c := range h.claims {
		if c.to > through && !end {
			later = append(later, c)
			continue
		}
		if err := h.check(c); err != nil {
			wrong = append(wrong, fmt.Errorf("%s, %s: %w", h.scope, c.who, err))
		}
	}
	h.claims = later
	return wrong
}

func (h *History) check(c claim) error {
	about := h.chapterOf(c.from, c.to)
	if about == nil {
		h.Unknown++
		return nil
	}
	if c.from == c.to && c.changes == nil {
		h.States++
		if about.stateAt(c.to) != c.state {
			return fmt.Errorf("I2: the state at version %d is not what the API server's watch says it was", c.to)
		}
		return nil
	}
	h.Runs++
	want := about.between(c.from, c.to)
	for i := range max(len(want), len(c.changes)) {
		switch {
		case i == len(want):
			return fmt.Errorf("I6: from %d to %d: there is no event at %d", c.from, c.to, c.changes[i].version)
		case i == len(c.changes) || c.changes[i].version > want[i].version:
			return fmt.Errorf("I6: from %d to %d: the event at %d is missing", c.from, c.to, want[i].version)
		case c.changes[i].version < want[i].version:
			return fmt.Errorf("I6: from %d to %d: there is no event at %d", c.from, c.to, c.changes[i].version)
		case c.changes[i] != want[i].change:
			return fmt.Errorf("I6: from %d to %d: the event at %d is another one", c.from, c.to, want[i].version)
		}
	}
	return nil
}

func (h *History) chapterOf(from, to uint64) *chapter {
	for _, c := range h.chapters {
		if c.from <= from && to <= c.through {
			return c
		}
	}
	return nil
}
