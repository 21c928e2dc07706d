// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"weir.dev/e2e/suite/harness"
)

// foreign is a client of tests/e2e/clients on one way.
type foreign struct {
	*harness.Process
	kind string
	way  *way
}

// foreignLine is one line of what it writes: one of these.
type foreignLine struct {
	Asks    string // list, watch
	Trouble string
	foreignEvent
	Final harness.Versions
}

type foreignEvent struct{ Type, Name, UID, Version, SHA256 string }

func startForeign(t *testing.T, kind string, w *way, command []string) *foreign {
	t.Helper()
	log := filepath.Join(testDir(t), kind+" "+w.name+".log")
	os.Remove(log) // of an earlier run of the same test
	process := need(harness.StartProcess(kind+", "+w.name, log, command[0], command[1:]...))(t)
	t.Cleanup(process.Kill)
	return &foreign{process, kind, w}
}

// lines is what it has written so far; what is no JSON is a library's log.
func (c *foreign) lines() ([]foreignLine, error) {
	content, err := os.ReadFile(c.LogFile)
	var lines []foreignLine
	whole := bytes.Split(content, []byte("\n"))
	for _, text := range whole[:len(whole)-1] {
		var line foreignLine
		if json.Unmarshal(text, &line) == nil {
			lines = append(lines, line)
		}
	}
	return lines, err
}

func events(lines []foreignLine) (all []foreignEvent) {
	for _, line := range lines {
		if line.Type != "" {
			all = append(all, line.foreignEvent)
		}
	}
	return all
}

// waitForEvents waits until it has been told of so many objects.
func (c *foreign) waitForEvents(n int) error {
	return harness.PollFor(60*time.Second, 50*time.Millisecond, func() error {
		lines, err := c.lines()
		if got := len(events(lines)); err == nil && got < n {
			err = fmt.Errorf("%s has been told of %d of %d objects", c.Name, got, n)
		}
		if err != nil && c.Exited() {
			err = harness.Final(fmt.Errorf("%s has ended:\n%s", c.Name, c.Tail(20)))
		}
		return err
	})
}

// finish waits until the client has seen the marker and ended, and returns all that it wrote.
func (c *foreign) finish(t *testing.T) []foreignLine {
	t.Helper()
	err := harness.PollFor(60*time.Second, 50*time.Millisecond, func() error {
		if !c.Exited() {
			return fmt.Errorf("%s has not seen the marker:\n%s", c.Name, c.Tail(5))
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	return need(c.lines())(t)
}

// changesUntil is what a watch has been told, up to an object.
func changesUntil(t *testing.T, watch *harness.RawWatch, last string) (all []foreignEvent) {
	t.Helper()
	must(t, harness.PollFor(30*time.Second, 50*time.Millisecond, func() error {
		all = nil
		for _, f := range watch.Frames() {
			all = append(all, foreignEvent{Type: f.Type, Name: f.Name, UID: f.UID, Version: strconv.FormatUint(f.Version, 10)})
		}
		if len(all) == 0 || all[len(all)-1].Name != last {
			return fmt.Errorf("no %s in %d events", last, len(all))
		}
		return nil
	}))
	return all
}

// checkChanges wants each change once, in order. What is older was listed.
func (c *foreign) checkChanges(t *testing.T, lines []foreignLine, since uint64, want []foreignEvent) {
	t.Helper()
	var got []foreignEvent
	for _, e := range events(lines) {
		if version, _ := strconv.ParseUint(e.Version, 10, 64); version > since {
			e.SHA256 = ""
			got = append(got, e)
		}
	}
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			t.Errorf("%s: of %d changes it was told %d; from number %d on they are\n%v\nand not\n%v",
				c.Name, len(want), len(got), i, few(got, i), few(want, i))
			return
		}
	}
}

func few(events []foreignEvent, from int) []foreignEvent {
	return events[min(from, len(events)):min(from+4, len(events))]
}

func (c *foreign) checkFinal(t *testing.T, lines []foreignLine, want harness.Versions) {
	t.Helper()
	if len(lines) == 0 || lines[len(lines)-1].Final == nil {
		t.Errorf("%s has no final state:\n%s", c.Name, c.Tail(20))
		return
	}
	if err := want.Differences(lines[len(lines)-1].Final); err != nil {
		t.Errorf("%s: %v", c.Name, err)
	}
}

// checkContents wants the same content of the same version of an object on all ways. The
// first way says what that is.
func (c *foreign) checkContents(t *testing.T, lines []foreignLine, all map[string]map[string]string) {
	t.Helper()
	if all[c.kind] == nil {
		all[c.kind] = map[string]string{}
	}
	for _, e := range events(lines) {
		id := e.Type + " " + e.Name + " " + e.Version
		if first, ok := all[c.kind][id]; ok && first != e.SHA256 {
			t.Errorf("%s: the content of %s differs from that of another way", c.Name, id)
			return
		}
		all[c.kind][id] = e.SHA256
	}
}

// checkRequests wants a client behind Weir not to notice the cut, and a direct one to: it
// was there.
func (c *foreign) checkRequests(t *testing.T, lines []foreignLine) {
	t.Helper()
	asked := map[string]int{}
	var troubles []string
	for _, line := range lines {
		asked[line.Asks]++
		if line.Trouble != "" {
			troubles = append(troubles, line.Trouble)
		}
	}
	t.Logf("%s: %d lists, %d watches, %d troubles", c.Name, asked["list"], asked["watch"], len(troubles))
	if asked["list"] != 1 {
		t.Errorf("%s has listed %d times", c.Name, asked["list"])
	}
	if c.way.weir == nil {
		if len(troubles) == 0 {
			t.Errorf("%s has not noticed the cut: was there one?", c.Name)
		}
		return
	}
	if len(troubles) > 0 {
		t.Errorf("%s is behind Weir and has noticed: %q", c.Name, troubles)
	}
	// Only this kind ends its watches itself.
	if c.kind != "stream" && asked["watch"] != 1 {
		t.Errorf("%s is behind Weir and has watched %d times", c.Name, asked["watch"])
	}
}
