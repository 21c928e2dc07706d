// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"sync"
)

// line says which bytes are meant: an object in a shape, as it was at a version, or as it
// was deleted at that version (when it left a selector it is both, with different bytes).
type line struct {
	shape   Shape
	deleted bool
	uid     uint64
	version uint64
}

type entry struct {
	content   uint64
	confirmed bool   // the API server itself has said so
	who       string // that wrote it first
	bytes     []byte // nil: not kept any more
}

// Ledger knows the bytes of every version of every object, whoever got them first, and
// finds who gets others (I8).
type Ledger struct {
	mu      sync.Mutex
	entries map[line]*entry
	kept    []*entry // those with bytes, oldest first
	size    int
	Checked int // bytes that were compared with what the API server had said, or said then
}

// So many bytes are kept to show what is different.
const ledgerBytes = 64 << 20

func NewLedger() *Ledger { return &Ledger{entries: map[line]*entry{}} }

// Note compares the bytes of an object with those of others. direct: they come from the
// API server and not through Weir.
func (l *Ledger) Note(who string, direct bool, shape Shape, deleted bool, o *Object) error {
	key := line{shape, deleted, maphash.String(seed, o.UID), o.Version}
	l.mu.Lock()
	defer l.mu.Unlock()
	known := l.entries[key]
	if known == nil {
		known = &entry{content: o.Content, confirmed: direct, who: who, bytes: bytes.Clone(o.Bytes)}
		l.entries[key] = known
		l.keep(known)
		return nil
	}
	if known.content != o.Content {
		return fmt.Errorf("I8: %s of uid %s at %d has other bytes than %s got: %w",
			o.Key, o.UID, o.Version, known.who, Difference(known.bytes, o.Bytes))
	}
	if direct || known.confirmed {
		l.Checked++
	}
	known.confirmed = known.confirmed || direct
	return nil
}

func (l *Ledger) keep(e *entry) {
	l.kept = append(l.kept, e)
	l.size += len(e.bytes)
	for l.size > ledgerBytes {
		l.size -= len(l.kept[0].bytes)
		l.kept[0].bytes = nil
		l.kept = l.kept[1:]
	}
}

// Unconfirmed is how many bytes came through Weir that the API server has never shown to
// a direct observer, and an example. Deletions are left out: an object that leaves a
// selector is a deletion only to those who watch with it just then, and its content is
// compared with what the client had.
func (l *Ledger) Unconfirmed() (number int, example string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for key, e := range l.entries {
		if e.confirmed || key.deleted {
			continue
		}
		number++
		example = fmt.Sprintf("%s, version %d (deleted: %v), which %s got", key.shape, key.version, key.deleted, e.who)
	}
	return number, example
}

// Difference says where two texts differ.
func Difference(want, got []byte) error {
	if want == nil {
		return fmt.Errorf("(the former are not kept) %.400q", got)
	}
	at := 0
	for at < len(want) && at < len(got) && want[at] == got[at] {
		at++
	}
	around := func(b []byte) []byte { return b[max(0, min(at-60, len(b))):min(at+60, len(b))] }
	return fmt.Errorf("%d and %d bytes, different from byte %d:\n%q\n%q", len(want), len(got), at, around(want), around(got))
}
