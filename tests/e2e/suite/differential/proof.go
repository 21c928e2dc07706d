// SPDX-License-Identifier: Apache-2.0

package differential

// What an observer hands on to be proved: bytes to the Ledger, states and runs of events
// to the History of its scope. All with the observer's lock held.

// A run of events is handed on in parts, so that no run grows without an end.
const runLength = 2000

func (o *Observer) check(deleted bool, object *Object) {
	if err := o.run.ledger.Note(o.Name, !o.way.Weir, o.Shape, deleted, object); err != nil {
		o.fail(err)
	}
}

// begun is when the whole state is known for the first time.
func (o *Observer) begun(version uint64) {
	o.runFrom, o.changes = version, nil
	if o.tells() {
		o.history().Begin(version, o.client.State())
		return
	}
	o.claimState()
}

// tells says whether this is the observer that the history is from.
func (o *Observer) tells() bool { return o.way.Truth && o.run.teller[o.Scope] == o }

func (o *Observer) history() *History { return o.run.histories[o.Scope] }

func (o *Observer) claimState() {
	if o.tells() {
		o.history().Through(o.client.Seen())
		return
	}
	o.history().ClaimState(o.Name, o.client.Seen(), o.client.State())
}

func (o *Observer) changed(event *Event) {
	c := changeOf(event)
	if o.tells() {
		o.history().Tell(c, o.client.State())
		return
	}
	o.changes = append(o.changes, c)
	if len(o.changes) >= runLength {
		o.claimRun()
	}
}

// claimRun hands on the events since the last time.
func (o *Observer) claimRun() {
	if o.tells() || !o.client.Live() || o.client.Seen() <= o.runFrom {
		return
	}
	if o.exact() {
		o.history().ClaimRun(o.Name, o.runFrom, o.client.Seen(), o.changes)
	}
	o.runFrom, o.changes = o.client.Seen(), nil
}

// exact says whether the observer must be told every event.
func (o *Observer) exact() bool { return o.run.options.Exact && !o.client.allowed.Folds }
