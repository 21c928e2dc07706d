// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"strings"
	"testing"
)

// The history of the tests: state s0 at 10, and events at 12, 15 and 19; then a gap, and
// state s9 at 40.
func newHistory() *History {
	h := &History{scope: "test"}
	h.Begin(10, 100)
	h.Tell(change{12, 1}, 101)
	h.Tell(change{15, 2}, 102)
	h.Tell(change{19, 3}, 103)
	h.Through(20)
	h.Begin(40, 109)
	return h
}

func TestHistory(t *testing.T) {
	state := func(version, state uint64) func(*History) {
		return func(h *History) { h.ClaimState("client", version, state) }
	}
	run := func(from, to uint64, changes ...change) func(*History) {
		return func(h *History) { h.ClaimRun("client", from, to, changes) }
	}
	for name, test := range map[string]struct {
		claim func(*History)
		want  string
	}{
		"a state":                     {state(10, 100), ""},
		"a state at an event":         {state(12, 101), ""},
		"a state between events":      {state(14, 101), ""},
		"a state beyond the last one": {state(20, 103), ""},
		"a state after a gap":         {state(40, 109), ""},
		"a state that comes late":     {state(15, 101), "I2"},
		"a state that comes early":    {state(14, 102), "I2"},
		"a state that never was":      {state(10, 7), "I2"},
		"all events":                  {run(10, 20, change{12, 1}, change{15, 2}, change{19, 3}), ""},
		"events of a part":            {run(12, 18, change{15, 2}), ""},
		"no events":                   {run(12, 14), ""},
		"the first is missing":        {run(10, 20, change{15, 2}, change{19, 3}), "I6"},
		"one is missing":              {run(10, 20, change{12, 1}, change{19, 3}), "I6"},
		"the last is missing":         {run(10, 20, change{12, 1}, change{15, 2}), "I6"},
		"one too many":                {run(10, 20, change{12, 1}, change{14, 9}, change{15, 2}, change{19, 3}), "I6"},
		"one too many at the end":     {run(10, 20, change{12, 1}, change{15, 2}, change{19, 3}, change{20, 3}), "I6"},
		"another one":                 {run(10, 20, change{12, 1}, change{15, 7}, change{19, 3}), "I6"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHistory()
			test.claim(h)
			wrong := h.Settle(false)
			if test.want == "" && (len(wrong) > 0 || h.States+h.Runs != 1) {
				t.Errorf("%v; %d states and %d runs proved", wrong, h.States, h.Runs)
			}
			if test.want != "" && (len(wrong) != 1 || !strings.Contains(wrong[0].Error(), test.want)) {
				t.Errorf("%v and not %s", wrong, test.want)
			}
		})
	}
}

func TestHistoryDoesNotKnowWhatWasInAGap(t *testing.T) {
	h := newHistory()
	h.ClaimState("client", 30, 1)
	h.ClaimRun("client", 12, 40, nil)
	if wrong := h.Settle(false); len(wrong) > 0 || h.Unknown != 2 {
		t.Errorf("%v, %d unknown", wrong, h.Unknown)
	}
}

func TestHistoryWaitsUntilItKnows(t *testing.T) {
	h := newHistory()
	h.ClaimState("client", 45, 7)
	if wrong := h.Settle(false); len(wrong) > 0 || h.States > 0 {
		t.Fatal(wrong)
	}
	h.Through(50)
	if wrong := h.Settle(false); len(wrong) != 1 {
		t.Error(wrong)
	}
}

// An event is the same one only if its type, object, uid and version are.
func TestChangeOf(t *testing.T) {
	same := Event{Type: Added, Object: object("n/a", "ua", 5, "")}
	for _, other := range []Event{
		{Type: Modified, Object: object("n/a", "ua", 5, "")}, {Type: Added, Object: object("n/b", "ua", 5, "")},
		{Type: Added, Object: object("n/a", "ub", 5, "")}, {Type: Added, Object: object("n/a", "ua", 6, "")},
	} {
		if changeOf(&same) == changeOf(&other) {
			t.Errorf("%v and %v are taken for the same", same, other)
		}
	}
	again := Event{Type: Added, Object: object("n/a", "ua", 5, "in another shape")}
	if changeOf(&same) != changeOf(&again) {
		t.Error("the same event in two shapes is taken for two")
	}
}

func TestLedger(t *testing.T) {
	json, protobuf := Shape{Resource: ConfigMaps}, Shape{Resource: ConfigMaps, Protobuf: true}
	l := NewLedger()
	note := func(direct bool, shape Shape, deleted bool, version uint64, content string) error {
		o := Object{Key: "n/a", UID: "ua", Version: version, Content: hashOf([]byte(content)), Bytes: []byte(content)}
		return l.Note("client", direct, shape, deleted, &o)
	}
	for i, err := range []error{
		note(true, json, false, 5, "five"), note(false, json, false, 5, "five"),
		note(false, json, false, 6, "six"), note(true, json, false, 6, "six"),
		note(false, protobuf, false, 5, "other"), note(false, json, true, 6, "deleted"), note(false, json, false, 7, "7"),
	} {
		if err != nil {
			t.Errorf("note %d: %v", i, err)
		}
	}
	if number, _ := l.Unconfirmed(); number != 2 || l.Checked != 2 {
		t.Errorf("%d unconfirmed, %d checked", number, l.Checked)
	}
	for i, err := range []error{note(false, json, false, 5, "fife"), note(true, json, false, 7, "sev")} {
		if err == nil || !strings.HasPrefix(err.Error(), "I8:") {
			t.Errorf("note %d of other bytes: %v", i, err)
		}
	}
}
