package forward

import (
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

// item is a record on its way to a destination.
type item struct {
	rec  llm.Record
	kind Kind
	id   string
	time time.Time
	fate fate
	// reason says why the item was dropped.
	reason string
	// plain asks for a document without fields of the sender's naming, because the
	// index has refused it with them.
	plain bool
}

// fate is what became of an item.
type fate uint8

const (
	pending fate = iota // not yet acknowledged
	sent
	dropped
)

// The reasons of a drop.
const (
	reasonBacklog     = "backlog"     // max_backlog was reached
	reasonRejected    = "rejected"    // the destination refused the record or the request
	reasonTooLarge    = "too_large"   // alone and still too large for the destination
	reasonFailed      = "failed"      // the destination failed on it again and again
	reasonUndecodable = "undecodable" // cannot be read; a newer Pitot wrote it
	reasonJournal     = "journal"     // the journal had lost it
)

func reasons() []string {
	return []string{reasonBacklog, reasonRejected, reasonTooLarge, reasonFailed, reasonUndecodable, reasonJournal}
}

// itemOf returns the record as an item; ok is false for an empty one.
func itemOf(r llm.Record) (it item, service string, ok bool) {
	switch {
	case r.Call != nil:
		return item{rec: r, kind: KindCalls, id: r.Call.ID, time: r.Call.Time}, r.Call.Service, true
	case r.Span != nil:
		return item{rec: r, kind: KindSpans, id: r.Span.ID, time: r.Span.Time}, r.Span.Service, true
	case r.Log != nil:
		return item{rec: r, kind: KindLogs, id: r.Log.ID, time: r.Log.Time}, r.Log.Service, true
	}
	return item{}, "", false
}

// settle gives all items that are pending the same fate.
func settle(items []*item, f fate, reason string) {
	for _, it := range items {
		if it.fate == pending {
			it.fate, it.reason = f, reason
		}
	}
}

// stillPending returns the items that are, in the same array.
func stillPending(items []*item) []*item {
	out := items[:0]
	for _, it := range items {
		if it.fate == pending {
			out = append(out, it)
		}
	}
	clear(items[len(out):])
	return out
}

// class says what to do about items that are pending after a request.
type class uint8

const (
	// again: the destination is down, busy or wrongly configured, which says
	// nothing of the records.
	again class = iota
	// few: it may be the records; after a number of attempts they are dropped.
	few
	// split: the request was too large.
	split
)

// answer is what a request came to, besides the fates of its items.
type answer struct {
	err   error         // why items are pending; nil where none is
	class class         // of the pending ones
	after time.Duration // how long the destination wants to be left alone
	// refusal is why items were dropped; one of several reasons.
	refusal error
}

// merge adds the answer to another request for the same batch.
func (a *answer) merge(b answer) {
	if b.err != nil {
		switch {
		case a.err == nil:
			a.err, a.class = b.err, b.class
		case a.class != b.class:
			a.class = again // at least one of them has nothing to do with the records
		}
	}
	a.after = max(a.after, b.after)
	if a.refusal == nil {
		a.refusal = b.refusal
	}
}
