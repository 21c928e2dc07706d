// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"errors"
	"fmt"
	"strings"
)

// Summary is what happened in a run.
type Summary struct {
	Ways map[string]Counts

	Inferred              int // deletions whose version Weir did not know
	Lower                 int // states from memory below a forwarded one, with the same objects
	States, Runs, Unknown int // of the histories
	Bytes                 int // objects whose bytes were compared

	observers int
	seldom    []string // observers that were told of no change
	weirs     []string
	notices   []string
}

func (r *Run) summary() *Summary {
	s := &Summary{Ways: map[string]Counts{}, Bytes: r.ledger.Checked, observers: len(r.observers), notices: r.report.notices}
	for _, h := range r.histories {
		s.States += h.States
		s.Runs += h.Runs
		s.Unknown += h.Unknown
	}
	for _, way := range r.ways {
		if way.Weir {
			s.weirs = append(s.weirs, way.Name)
		}
	}
	for _, o := range r.observers {
		total := s.Ways[o.way.Name]
		total.add(o.counts)
		s.Ways[o.way.Name] = total
		s.Inferred += o.client.Inferred
		s.Lower += o.client.Lower
		if o.counts.Events == 0 {
			s.seldom = append(s.seldom, o.Name)
		}
	}
	return s
}

func (c *Counts) add(other Counts) {
	c.Events += other.Events
	c.Bookmarks += other.Bookmarks
	c.Watches += other.Watches
	c.Lists += other.Lists
	c.Expired += other.Expired
	c.Refused += other.Refused
	c.RefusedStarts += other.RefusedStarts
	c.Unsupported += other.Unsupported
	c.CleanEnds += other.CleanEnds
	c.EndsBeyond += other.EndsBeyond
	c.UncleanEnds += other.UncleanEnds
	c.Forwarded += other.Forwarded
	c.Disturbed += other.Disturbed
	c.Misled += other.Misled
}

func (s *Summary) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "proved %d states, %d runs of events and %d objects' bytes; %d not to be known; %d inferred deletions; "+
		"from memory after forwarded: %d lower numbers",
		s.States, s.Runs, s.Bytes, s.Unknown, s.Inferred, s.Lower)
	for way, c := range s.Ways {
		fmt.Fprintf(&b, "\n  %-20s %v", way, c)
	}
	return b.String()
}

// String leaves out what has not happened.
func (c Counts) String() string {
	var parts []string
	for _, part := range []struct {
		name   string
		number int
	}{
		{"events", c.Events}, {"bookmarks", c.Bookmarks}, {"watches", c.Watches}, {"lists", c.Lists},
		{"expired", c.Expired}, {"refused", c.Refused}, {"refused starts", c.RefusedStarts},
		{"unsupported", c.Unsupported}, {"clean ends", c.CleanEnds}, {"ends of watches from forwarded versions", c.EndsBeyond},
		{"unclean ends", c.UncleanEnds},
		{"forwarded watches", c.Forwarded}, {"disturbances of those", c.Disturbed},
		{"wrong events from the API server itself", c.Misled},
	} {
		if part.number > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.number, part.name))
		}
	}
	return strings.Join(parts, ", ")
}

// Undisturbed wants that no client of Weir's cache has noticed anything: what a fault did
// to the API server's own clients is not asked. A watch that began at a version of a forwarded
// answer, beyond what Weir had, may be ended cleanly when Weir has to list: its client resumes it.
func (s *Summary) Undisturbed() error {
	var wrong []error
	for _, way := range s.weirs {
		c := s.Ways[way]
		if n := c.Expired + c.Refused + c.CleanEnds + c.UncleanEnds; n > 0 {
			wrong = append(wrong, fmt.Errorf("%s: clients noticed %d times: %v", way, n, c))
		}
	}
	if len(wrong) > 0 {
		wrong = append(wrong, errors.New(strings.Join(s.notices, "\n")))
	}
	return errors.Join(wrong...)
}

// Shimmed wants, too, that Weir has made every stream-list itself that it can make. It
// forwards one while it cannot reach the API server, which may then refuse it with 422:
// clients take that for an answer.
func (s *Summary) Shimmed() error {
	wrong := []error{s.Undisturbed()}
	for _, way := range s.weirs {
		if c := s.Ways[way]; c.Unsupported > 0 {
			wrong = append(wrong, fmt.Errorf("%s: stream-lists were refused: %v", way, c))
		}
	}
	return errors.Join(wrong...)
}

// Calm wants even more, that for which there must be no fault at all. Watches that are
// forwarded may end: the API server ends those that are read too slowly.
func (s *Summary) Calm() error {
	wrong := []error{s.Shimmed()}
	for _, way := range s.weirs {
		if c := s.Ways[way]; c.RefusedStarts > 0 {
			wrong = append(wrong, fmt.Errorf("%s: without any fault: %v", way, c))
		}
	}
	if s.Inferred > 0 {
		wrong = append(wrong, fmt.Errorf("%d deletions were inferred, without any fault", s.Inferred))
	}
	return errors.Join(wrong...)
}

// Meaningful wants that there was something to check.
func (s *Summary) Meaningful() error {
	if 4*len(s.seldom) > s.observers {
		return fmt.Errorf("%d of %d observers were told of no change, such as %s", len(s.seldom), s.observers, s.seldom[0])
	}
	if s.States == 0 || s.Bytes == 0 {
		return fmt.Errorf("nothing was proved: %v", s)
	}
	return nil
}
