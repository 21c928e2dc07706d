// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"fmt"
	"strings"
)

// Allowances is where a server may differ from the API server. Each use is counted.
type Allowances struct {
	// Deletions that were found by comparing two lists carry the version that the watch
	// has seen already, and come again to a client that resumes there. Nothing else may.
	InferredDeletions bool
	// Weir has had to list again, and what was between two lists is not known. An object that
	// has left a selector is deleted with the last state that Weir knows, which need not be
	// the last that it had. A client that leaves in the middle of such a difference has seen
	// no state that there ever was: the API server, which it is sent to when it comes back,
	// may tell it of the change or the end of an object that it has not been told of.
	Relists bool
	// What is answered from memory may have a lower version than what was forwarded before, a
	// bookmark for example, if the objects are the same. It must never be below what came from
	// memory.
	LowerThanForwarded bool
	// A client that reads too slowly gets an object's last state, not each: a deletion
	// then holds a state that this client has not seen.
	Folds bool
}

// held is what a client knows of one object.
type held struct {
	uid      string
	version  uint64
	timeless uint64
	identity uint64
}

// How far a watch is.
type phase int

const (
	// The initial objects are coming, and a bookmark will say where they end.
	initialMarked phase = iota
	// The initial objects are coming, and nothing may say where they end: they do at the
	// first event that cannot be one of them.
	initialOpen
	live
)

// source is where an answer comes from.
type source int

const (
	memory source = iota
	server        // forwarded, or straight
)

const recentEvents = 20

// Client is one client of one server for one scope, and checks all that it is told over
// all of its lists and watches. The names of the rules:
//
//	I1   versions rise on a watch, once the initial objects are over
//	I3   DELETED comes only for an object that is there
//	I4   ADDED comes only for an object that is not there, MODIFIED for one that is
//	I5   a bookmark is not below what came before it
//	I8   a deletion holds the object's last state
//	uid  an object's changes are of its own uid, and never older than what is known of it
//	end  there is exactly one end of the initial objects, and they are in the order of keys
//	time nothing that is told is older than what the client was told before
//
// I2 and I6 are the History's to check, the bytes (I8) the Ledger's.
type Client struct {
	allowed Allowances

	objects map[string]held
	state   uint64 // exclusive or of the identities
	seen    uint64 // all up to here has been told; 0: nothing to resume from

	source source
	floors [2]uint64 // the highest version of a whole state or an event, by source
	Lower  int       // states from memory below a forwarded one, with the same objects

	phase       phase
	lastKey     string // of the initial objects
	begin       uint64 // where the watch began or was resumed
	earlier     map[string]held
	stateBefore uint64 // of the objects in earlier
	Inferred    int    // deletions that needed the allowance
	torn        bool   // the last that came from memory may be the middle of a difference

	recent []string
	next   int
	last   string
}

func NewClient(allowed Allowances) *Client {
	return &Client{allowed: allowed, objects: map[string]held{}}
}

// Seen is the version to resume a watch from; 0: there is none.
func (c *Client) Seen() uint64 { return c.seen }

// Floor is the highest version that the client was ever told.
func (c *Client) Floor() uint64 { return max(c.floors[memory], c.floors[server]) }

// State is a hash of all the objects there are for this client.
func (c *Client) State() uint64 { return c.state }

// Live says whether the initial objects of the watch are known to be over.
func (c *Client) Live() bool { return c.phase == live }

// Recent is the last that the client was told, oldest first.
func (c *Client) Recent() string {
	lines := append(append([]string{}, c.recent[c.next:]...), c.recent[:c.next]...)
	return strings.Join(lines, "\n")
}

func (c *Client) note(line string) {
	if line == c.last {
		return // a refusal after the other says nothing new
	}
	c.last = line
	if len(c.recent) < recentEvents {
		c.recent = append(c.recent, line)
		return
	}
	c.recent[c.next] = line
	c.next = (c.next + 1) % recentEvents
}

// Note puts a line among the events, such as how a request was made.
func (c *Client) Note(format string, args ...any) {
	c.note("-- " + strings.TrimSpace(fmt.Sprintf(format, args...)))
}

// List is the answer to a list.
func (c *Client) List(version uint64, items []Object) error {
	c.note(fmt.Sprintf("a list of %d objects at %d", len(items), version))
	c.forget()
	var wrong error
	for i := range items {
		if err := c.initial(&items[i]); err != nil && wrong == nil {
			wrong = err
		}
		if items[i].Version > version && wrong == nil {
			wrong = fmt.Errorf("time: %s is at %d in a list at %d", items[i].Key, items[i].Version, version)
		}
	}
	if err := c.notOlder("a list", version); err != nil {
		wrong = err
	}
	c.reach(version)
	c.phase = live
	c.torn = false
	return wrong
}

// notOlder checks the version of a whole state against all that was told before.
func (c *Client) notOlder(what string, version uint64) error {
	if version >= c.Floor() {
		return nil
	}
	if !c.allowed.LowerThanForwarded || c.source == server || version < c.floors[memory] || c.state != c.stateBefore {
		return fmt.Errorf("time: %s at version %d after %d", what, version, c.Floor())
	}
	c.Lower++
	return nil
}

// Forwarded says whether what comes next is the API server's own answer.
func (c *Client) Forwarded(forwarded bool) {
	c.source = memory
	if forwarded {
		c.source = server
	}
}

// BeginInitial begins a watch that sends every object first. marked says that it ends them with a bookmark.
func (c *Client) BeginInitial(marked bool) {
	c.forget()
	c.seen = 0
	c.torn = false
	c.phase = initialOpen
	if marked {
		c.phase = initialMarked
	}
}

// BeginResume begins a watch from what has been seen.
func (c *Client) BeginResume() {
	c.phase = live
	c.begin = c.seen
}

// Restart is for a client that must or wants to begin from nothing next.
func (c *Client) Restart() {
	c.phase = initialOpen
	c.seen = 0
}

// forget makes room for a new state, but keeps the old to compare with.
func (c *Client) forget() {
	c.earlier, c.stateBefore = c.objects, c.state
	c.objects = make(map[string]held, len(c.earlier))
	c.state = 0
	c.lastKey = ""
	c.begin = 0
}

func (c *Client) reach(version uint64) {
	c.seen = version
	c.floors[c.source] = max(c.floors[c.source], version)
}

// initial takes one of the objects that there are to begin with.
func (c *Client) initial(o *Object) error {
	if o.Key <= c.lastKey {
		return fmt.Errorf("end: %s comes after %s", o.Key, c.lastKey)
	}
	c.lastKey = o.Key
	c.put(o)
	before, known := c.earlier[o.Key]
	if !known || before.uid != o.UID || o.Version >= before.version {
		return nil
	}
	return fmt.Errorf("time: %s is at %d, and was at %d", o.Key, o.Version, before.version)
}

func (c *Client) put(o *Object) {
	identity := o.identity()
	c.state ^= c.objects[o.Key].identity ^ identity
	c.objects[o.Key] = held{o.UID, o.Version, o.Timeless, identity}
}

func (c *Client) remove(key string) {
	c.state ^= c.objects[key].identity
	delete(c.objects, key)
}

// Event is the next event of a watch; errors of the server are not for here.
func (c *Client) Event(e *Event) error {
	c.note(e.String())
	if c.phase != live {
		if done, err := c.initialEvent(e); done || err != nil {
			return err
		}
	}
	if e.Type == Bookmark {
		return c.bookmark(e)
	}
	if err := c.versionRises(e); err != nil {
		return err
	}
	if err := c.change(e); err != nil {
		return err
	}
	c.torn = c.torn || c.source == memory
	c.reach(e.Version)
	return nil
}

// initialEvent takes what comes before the watch is live. Not done: it is live now, and
// this is its first event.
func (c *Client) initialEvent(e *Event) (done bool, err error) {
	switch {
	case e.Type == Bookmark && e.InitialEnd:
		err := c.notOlder("the end of the initial objects", e.Version)
		if e.Version < c.seen {
			err = fmt.Errorf("I5: the initial objects end at version %d, and one is at %d", e.Version, c.seen)
		}
		c.phase = live
		c.reach(e.Version)
		return true, err
	case c.phase == initialMarked && e.Type != Added:
		return true, fmt.Errorf("end: %s among the initial objects", e.Type)
	case e.Type == Added && (c.phase == initialMarked || e.Key > c.lastKey):
		err := c.initial(&e.Object)
		c.seen = max(c.seen, e.Version)
		return true, err
	}
	c.phase = live
	return false, nil
}

func (c *Client) bookmark(e *Event) error {
	if e.InitialEnd {
		return fmt.Errorf("end: a second end of the initial objects, at %d", e.Version)
	}
	if e.Version < c.seen {
		return fmt.Errorf("I5: a bookmark at %d after %d", e.Version, c.seen)
	}
	c.torn = c.torn && c.source != memory
	c.reach(e.Version)
	return nil
}

func (c *Client) versionRises(e *Event) error {
	if e.Version > c.seen {
		return nil
	}
	if e.Version == c.seen && e.Type == Deleted && c.allowed.InferredDeletions {
		c.Inferred++
		return nil
	}
	return fmt.Errorf("I1: %s of %s at %d after %d", e.Type, e.Key, e.Version, c.seen)
}

func (c *Client) change(e *Event) error {
	before, present := c.objects[e.Key]
	unknown := !present && c.torn && c.source == server && c.allowed.Relists
	switch e.Type {
	case Added:
		if present {
			return fmt.Errorf("I4: ADDED of %s at %d, which is there at %d", e.Key, e.Version, before.version)
		}
		c.put(&e.Object)
		return nil
	case Modified:
		if unknown {
			c.put(&e.Object)
			return nil
		}
		if !present {
			return fmt.Errorf("I4: MODIFIED of %s at %d, which is not there", e.Key, e.Version)
		}
	case Deleted:
		again := c.allowed.InferredDeletions && e.Version == c.begin
		if unknown || !present && again {
			return nil
		}
		if !present {
			return fmt.Errorf("I3: DELETED of %s at %d, which is not there", e.Key, e.Version)
		}
	}
	if before.uid != e.UID {
		return fmt.Errorf("uid: %s of %s at %d is of uid %s, and there is %s", e.Type, e.Key, e.Version, e.UID, before.uid)
	}
	if e.Version < before.version {
		return fmt.Errorf("uid: %s of %s at %d, and it was at %d", e.Type, e.Key, e.Version, before.version)
	}
	if e.Type == Modified {
		c.put(&e.Object)
		return nil
	}
	c.remove(e.Key)
	if before.timeless != e.Timeless && !c.allowed.Folds {
		return fmt.Errorf("I8: DELETED of %s at %d does not hold its state of version %d", e.Key, e.Version, before.version)
	}
	return nil
}

// EndInitial says what a watch that has ended lacks; a watch may end at any time after that.
func (c *Client) EndInitial() error {
	if c.phase == initialMarked {
		return fmt.Errorf("end: the watch ended before the end of the initial objects")
	}
	return nil
}

// Differences says how the client's objects differ from the truth, which is by key.
func (c *Client) Differences(truth map[string]Object) error {
	var wrong []string
	for key, o := range truth {
		got, present := c.objects[key]
		if !present {
			wrong = append(wrong, fmt.Sprintf("%s is missing (at %d)", key, o.Version))
		} else if got.uid != o.UID || got.version != o.Version {
			wrong = append(wrong, fmt.Sprintf("%s is %s at %d and not %s at %d", key, got.uid, got.version, o.UID, o.Version))
		}
	}
	for key, got := range c.objects {
		if _, ok := truth[key]; !ok {
			wrong = append(wrong, fmt.Sprintf("%s is there at %d and should not", key, got.version))
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	return fmt.Errorf("%d of %d objects are wrong: %s", len(wrong), len(truth), strings.Join(wrong[:min(5, len(wrong))], "; "))
}
