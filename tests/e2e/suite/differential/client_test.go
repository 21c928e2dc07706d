// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"strings"
	"testing"
)

// step is one thing that a client is told.
type step func(c *Client) error

func object(key, uid string, version uint64, content string) Object {
	return Object{Key: key, UID: uid, Version: version,
		Content: hashOf([]byte(content), []byte{byte(version)}), Timeless: hashOf([]byte(content))}
}

func event(kind EventType, key, uid string, version uint64) step {
	return eventWith(kind, key, uid, version, "")
}

func eventWith(kind EventType, key, uid string, version uint64, content string) step {
	return func(c *Client) error {
		return c.Event(&Event{Type: kind, Object: object(key, uid, version, content)})
	}
}

func bookmark(version uint64) step {
	return func(c *Client) error { return c.Event(&Event{Type: Bookmark, Object: Object{Version: version}}) }
}

func initialEnd(version uint64) step {
	return func(c *Client) error {
		return c.Event(&Event{Type: Bookmark, Object: Object{Version: version}, InitialEnd: true})
	}
}

func list(version uint64, items ...Object) step {
	return func(c *Client) error { return c.List(version, items) }
}

func streamList(c *Client) error { c.BeginInitial(true); return nil }
func legacy(c *Client) error     { c.BeginInitial(false); return nil }
func resume(c *Client) error     { c.BeginResume(); return nil }
func forwarded(c *Client) error  { c.Forwarded(true); return nil }
func cached(c *Client) error     { c.Forwarded(false); return nil }
func ends(c *Client) error       { return c.EndInitial() }

var (
	throughWeir = Allowances{InferredDeletions: true, LowerThanForwarded: true}
	restarts    = Allowances{InferredDeletions: true, Relists: true}
	slow        = Allowances{InferredDeletions: true, Folds: true}
)

func TestClient(t *testing.T) {
	a5, b6 := object("n/a", "ua", 5, ""), object("n/b", "ub", 6, "")
	for name, test := range map[string]struct {
		allowed Allowances
		steps   []step
		want    string // empty: all is right; otherwise what the last step says
	}{
		"everything in order": {steps: []step{
			streamList, event(Added, "n/a", "ua", 5), event(Added, "n/b", "ub", 4), initialEnd(7),
			event(Modified, "n/a", "ua", 8), bookmark(9), bookmark(9), event(Deleted, "n/b", "ub", 10),
			event(Added, "n/b", "ub2", 11), ends, resume, event(Deleted, "n/b", "ub2", 12),
			list(12, object("n/a", "ua", 8, "")), event(Deleted, "n/a", "ua", 13)}},
		"initial objects without an end": {steps: []step{
			legacy, event(Added, "n/a", "ua", 5), event(Added, "n/b", "ub", 4), event(Added, "n/a0", "uc", 6), bookmark(6)}},

		"I1, a version again": {steps: []step{list(5, a5), event(Modified, "n/a", "ua", 6), event(Modified, "n/a", "ua", 6)}, want: "I1"},
		"I1, a version of another object": {steps: []step{list(6, a5, b6), event(Modified, "n/a", "ua", 8), event(Modified, "n/b", "ub", 7)},
			want: "I1"},
		"I1, below the list":     {steps: []step{list(7, a5), event(Added, "n/b", "ub", 7)}, want: "I1"},
		"I1, below the bookmark": {steps: []step{list(5, a5), bookmark(9), event(Modified, "n/a", "ua", 8)}, want: "I1"},
		"I1, below the initial end": {steps: []step{streamList, event(Added, "n/a", "ua", 5), initialEnd(9), event(Modified, "n/a", "ua", 8)},
			want: "I1"},
		"I1, after initial objects without an end": {steps: []step{legacy, event(Added, "n/a", "ua", 5), event(Added, "n/b", "ub", 9),
			event(Modified, "n/a", "ua", 8)}, want: "I1"},
		"I1, below where it resumed": {steps: []step{list(5, a5), bookmark(9), resume, event(Modified, "n/a", "ua", 9)}, want: "I1"},
		"I1, a deletion without the allowance": {steps: []step{list(7, a5), event(Deleted, "n/a", "ua", 7)},
			want: "I1"},
		"an inferred deletion":           {allowed: throughWeir, steps: []step{list(7, a5), event(Deleted, "n/a", "ua", 7)}},
		"I1, an inferred deletion below": {allowed: throughWeir, steps: []step{list(7, a5), event(Deleted, "n/a", "ua", 6)}, want: "I1"},
		"I1, an inferred change":         {allowed: throughWeir, steps: []step{list(7, a5), event(Modified, "n/a", "ua", 7)}, want: "I1"},
		"an inferred deletion again": {allowed: throughWeir, steps: []step{list(7, a5), event(Deleted, "n/a", "ua", 7), resume,
			event(Deleted, "n/a", "ua", 7)}},
		"I3, an inferred deletion again on the same watch": {allowed: throughWeir, steps: []step{list(7, a5), bookmark(8),
			event(Deleted, "n/a", "ua", 8), event(Deleted, "n/a", "ua", 8)}, want: "I3"},
		"half a difference, then the rest from the API server": {allowed: restarts, steps: []step{list(5, a5),
			event(Deleted, "n/a", "ua", 5), event(Added, "n/c", "uc", 8), forwarded, resume,
			event(Modified, "n/b", "ub", 9), event(Deleted, "n/a", "ua", 10), event(Deleted, "n/d", "ud", 11)}},
		"I3, half a difference where there can be none": {allowed: throughWeir, steps: []step{list(5, a5),
			event(Added, "n/c", "uc", 8), forwarded, resume, event(Deleted, "n/b", "ub", 9)}, want: "I3"},
		"I3, a whole difference": {allowed: restarts, steps: []step{list(5, a5), event(Added, "n/c", "uc", 8),
			bookmark(9), forwarded, resume, event(Deleted, "n/b", "ub", 10)}, want: "I3"},
		"I4, half a difference, but not from the API server": {allowed: restarts, steps: []step{list(5, a5),
			event(Added, "n/c", "uc", 8), resume, event(Modified, "n/b", "ub", 9)}, want: "I4"},

		"I3":                             {steps: []step{list(5, a5), event(Deleted, "n/b", "ub", 6)}, want: "I3"},
		"I3, twice":                      {steps: []step{list(5, a5), event(Deleted, "n/a", "ua", 6), event(Deleted, "n/a", "ua", 7)}, want: "I3"},
		"I4, added twice":                {steps: []step{list(5, a5), event(Added, "n/a", "ua", 6)}, want: "I4"},
		"I4, uid folded":                 {steps: []step{list(5, a5), event(Added, "n/a", "u2", 6)}, want: "I4"},
		"I4, modified":                   {steps: []step{list(5, a5), event(Modified, "n/b", "ub", 6)}, want: "I4"},
		"I5, back":                       {steps: []step{list(5, a5), event(Modified, "n/a", "ua", 8), bookmark(7)}, want: "I5"},
		"I5, below a list":               {steps: []step{list(5, a5), bookmark(4)}, want: "I5"},
		"I5, initial end":                {steps: []step{streamList, event(Added, "n/a", "ua", 5), initialEnd(4)}, want: "I5"},
		"I8, other content":              {steps: []step{list(5, a5), eventWith(Deleted, "n/a", "ua", 6, "other")}, want: "I8"},
		"other content of a slow client": {allowed: slow, steps: []step{list(5, a5), eventWith(Deleted, "n/a", "ua", 6, "other")}},
		"uid of a change":                {steps: []step{list(5, a5), event(Modified, "n/a", "u2", 6)}, want: "uid"},
		"uid of a deletion":              {steps: []step{list(5, a5), event(Deleted, "n/a", "u2", 6)}, want: "uid"},

		"end, two":       {steps: []step{streamList, initialEnd(5), initialEnd(6)}, want: "end"},
		"end, none":      {steps: []step{streamList, event(Added, "n/a", "ua", 5), ends}, want: "end"},
		"end, uncalled":  {steps: []step{list(5, a5), resume, initialEnd(6)}, want: "end"},
		"end, bookmark":  {steps: []step{streamList, bookmark(5)}, want: "end"},
		"end, modified":  {steps: []step{streamList, event(Added, "n/a", "ua", 5), event(Modified, "n/a", "ua", 6)}, want: "end"},
		"end, order":     {steps: []step{streamList, event(Added, "n/b", "ub", 5), event(Added, "n/a", "ua", 4)}, want: "end"},
		"end, namespace": {steps: []step{streamList, event(Added, "n/b", "ub", 5), event(Added, "n-a/b", "ua", 4)}, want: "end"},

		"time, an older list":        {steps: []step{list(5, a5), list(4)}, want: "time"},
		"time, after a bookmark":     {steps: []step{list(5, a5), bookmark(9), list(8, a5)}, want: "time"},
		"time, after an event":       {steps: []step{list(5, a5), event(Modified, "n/a", "ua", 8), list(7, a5)}, want: "time"},
		"time, an older stream-list": {steps: []step{list(5, a5), bookmark(9), streamList, initialEnd(8)}, want: "time"},
		"time, an older object":      {steps: []step{list(5, a5), legacy, event(Added, "n/a", "ua", 4)}, want: "time"},
		"time, newer than its list":  {steps: []step{list(4, a5)}, want: "time"},
		"a lower number after a forwarded list": {allowed: throughWeir,
			steps: []step{forwarded, list(9, a5), cached, list(8, a5), streamList, event(Added, "n/a", "ua", 5), initialEnd(8)}},
		"time, another state after a forwarded list": {allowed: throughWeir,
			steps: []step{forwarded, list(9, a5), cached, list(8, a5, b6)}, want: "time"},
		"time, an object from before a forwarded list": {allowed: throughWeir,
			steps: []step{forwarded, list(9, object("n/a", "ua", 9, "")), cached, streamList, event(Added, "n/a", "ua", 5)}, want: "time"},
		"time, back to before the last from memory": {allowed: throughWeir,
			steps: []step{list(8, a5), forwarded, list(9, a5), cached, list(7, a5)}, want: "time"},
		"time, an object from memory goes back": {allowed: throughWeir,
			steps: []step{list(8, object("n/a", "ua", 7, "")), forwarded, list(9, a5)}, want: "time"},
		"time, a lower number after one from memory": {allowed: throughWeir, steps: []step{list(9, a5), list(8, a5)}, want: "time"},
		"time, a lower number that is forwarded": {allowed: throughWeir,
			steps: []step{forwarded, list(9, a5), list(8, a5)}, want: "time"},
		"an older object, another uid": {steps: []step{list(5, a5), legacy, event(Added, "n/a", "u2", 4)}},
	} {
		t.Run(name, func(t *testing.T) {
			c := NewClient(test.allowed)
			for i, step := range test.steps {
				err := step(c)
				last := i == len(test.steps)-1
				switch {
				case err != nil && (!last || test.want == ""):
					t.Fatalf("step %d: %v\n%s", i, err, c.Recent())
				case last && test.want != "" && (err == nil || !strings.HasPrefix(err.Error(), test.want+":")):
					t.Fatalf("the last step says %v and not %s\n%s", err, test.want, c.Recent())
				}
			}
		})
	}
}

// The hash of a state is that of the objects there are, whichever way they came.
func TestClientState(t *testing.T) {
	a, b := NewClient(Allowances{}), NewClient(Allowances{})
	for _, do := range []step{list(5, object("n/a", "ua", 5, "")), event(Added, "n/b", "ub", 6), event(Modified, "n/a", "ua", 7),
		event(Added, "n/c", "uc", 8), event(Deleted, "n/c", "uc", 9)} {
		if err := do(a); err != nil {
			t.Fatal(err)
		}
	}
	if err := list(9, object("n/a", "ua", 7, ""), object("n/b", "ub", 6, ""))(b); err != nil {
		t.Fatal(err)
	}
	if a.State() != b.State() {
		t.Error("the same objects make different states")
	}
	truth := map[string]Object{"n/a": object("n/a", "ua", 7, ""), "n/b": object("n/b", "ub", 6, "")}
	if err := a.Differences(truth); err != nil {
		t.Error(err)
	}
	for _, other := range []Object{object("n/a", "ua", 8, ""), object("n/a", "u2", 7, ""), object("n/d", "ud", 7, "")} {
		truth := map[string]Object{"n/b": object("n/b", "ub", 6, ""), other.Key: other}
		if a.Differences(truth) == nil {
			t.Errorf("%v is not missed", other)
		}
	}
	delete(truth, "n/b")
	if a.Differences(truth) == nil {
		t.Error("an object too many is not found")
	}
}

func TestClientShowsTheLastEvents(t *testing.T) {
	c := NewClient(Allowances{})
	c.BeginResume()
	for version := range uint64(50) {
		if err := bookmark(version)(c); err != nil {
			t.Fatal(err)
		}
	}
	lines := strings.Split(c.Recent(), "\n")
	if len(lines) != recentEvents || lines[0] != "BOOKMARK 30" || lines[19] != "BOOKMARK 49" {
		t.Error(c.Recent())
	}
}
