package pipeline

import (
	"context"
	"errors"
	"time"
)

// A cluster of stores says "taken" of what one node has in memory, and a node
// that hangs may carry out an insert long after it was given up. So what is told
// of an insert decides nothing there. Every record counts as delivered when it
// was sent, and is looked up when it is SafeAge old: by then it is on a disk, or
// the crash that took it has been. Records that are not there are delivered
// again, after all others that were sent have had their time as well: the
// journal is read again from the cursor, and what is there is left out.

const (
	// maxUnverified bounds the records that wait to be looked up. With more, the
	// journal keeps what follows.
	maxUnverified = 200_000
	// verifyAtOnce bounds the records that are looked up at once.
	verifyAtOnce = 20_000
	// verifyTimeout bounds one such question.
	verifyTimeout = 30 * time.Second
	// verifyEvery is how often a writer that has nothing else to do looks.
	verifyEvery = 200 * time.Millisecond
	// maxVanished is how often a record may vanish before it is given up: a store
	// that takes a record and never has it refuses it.
	maxVanished = 3
)

// delivered is a record that was sent to the store.
type delivered struct {
	id, source string
	at         time.Time // of the record
	sampled    bool
}

// verification is the state of a writer whose store may lose what it took.
type verification struct {
	settled func() bool // nil: the store's word is enough
	safeAge time.Duration
	started time.Time
	now     func() time.Time
	waiting int // records that are not looked up yet
	// redeliver says that records have vanished.
	redeliver bool
	last      time.Time // when a record was last sent
	vanished  map[string]int
	silent    bool // the store did not answer; logged once
}

func newVerification(o *Options) verification {
	return verification{settled: o.Settled, safeAge: o.SafeAge, started: o.Now(), now: o.Now, vanished: map[string]int{}}
}

func (v *verification) on() bool { return v.settled != nil }

func (v *verification) reset() { v.waiting, v.redeliver = 0, false }

// trusts says whether a failed insert may be left to be looked up: it may have
// been carried out.
func (v *verification) trusts(ctx context.Context, err error) bool {
	return v.on() && ctx.Err() == nil && !permanent(err) && !notSent(err)
}

// notSent reports whether an insert surely had no effect.
func notSent(err error) bool {
	n, ok := errors.AsType[interface {
		error
		NotSent() bool
	}](err)
	return ok && n.NotSent()
}

// bookAll counts records that the store has, or may have.
func (w *writer) bookAll(items []stored, a *acked) {
	for _, it := range items {
		a.book(it)
		if w.verify.on() {
			a.ids = append(a.ids, delivered{it.id, it.source, it.time, it.sampled})
		}
	}
	if w.verify.on() {
		w.verify.waiting += len(items)
		w.verify.last = w.verify.now()
	}
}

// unverified says whether records wait to be looked up.
func (w *writer) unverified() bool {
	return w.verify.on() && (w.verify.waiting > 0 || w.verify.redeliver)
}

// heldOff waits a little where nothing may be sent now, and says whether it did.
func (w *writer) heldOff(next, insert context.Context) bool {
	v := &w.verify
	if !v.on() {
		return false
	}
	now := v.now()
	var until time.Duration
	switch {
	case v.redeliver:
		if until = v.last.Add(v.safeAge).Sub(now); until <= 0 && v.settled() {
			w.restart(w.epoch)
			return false
		}
		until = max(until, verifyEvery)
	case w.maybe > w.cursor.Committed().Seq && now.Before(v.started.Add(v.safeAge)):
		// What the process before this one had sent may still be under way.
		until = v.started.Add(v.safeAge).Sub(now)
	case v.waiting >= maxUnverified:
		until = verifyEvery
	default:
		return false
	}
	until = min(until, commitEvery)
	if next.Err() != nil {
		wait(insert, until)
	} else {
		waitEither(next, insert, until)
	}
	return true
}

// verified looks up the oldest of n batches, and returns how many of them the
// store has.
func (w *writer) verified(ctx context.Context, n int) int {
	v := &w.verify
	if !v.on() {
		return n
	}
	if !v.settled() || v.redeliver {
		return 0
	}
	size := 0
	for i := range n {
		if size += len(w.window[i].ids); size > verifyAtOnce && i > 0 {
			n = i
			break
		}
	}
	ids, from, to := idsOf(w.window[:n])
	ctx, cancel := context.WithTimeout(ctx, verifyTimeout)
	defer cancel()
	present, err := w.store.Present(ctx, ids, from, to)
	if err != nil {
		if !v.silent && ctx.Err() == nil {
			v.silent = true
			w.log.Warn("the event store does not say whether it has what it took: the journal keeps it", "err", err)
		}
		return 0
	}
	v.silent = false
	for i := range n {
		if !w.settleBatch(&w.window[i], present) {
			w.log.Warn("the event store has lost records that it had taken: they are delivered again")
			v.redeliver = true
			n = i
			break
		}
	}
	for i := range n {
		v.waiting -= len(w.window[i].ids)
		for _, d := range w.window[i].ids {
			delete(v.vanished, d.id)
		}
	}
	return n
}

// settleBatch says whether all records of a batch are in the store, or given up.
func (w *writer) settleBatch(a *acked, present map[string]bool) bool {
	complete := true
	for _, d := range a.ids {
		if present[d.id] {
			continue
		}
		w.p.metrics.vanished.Inc()
		w.verify.vanished[d.id]++
		complete = complete && w.verify.vanished[d.id] > maxVanished
	}
	if !complete {
		return false
	}
	for _, d := range a.ids {
		if present[d.id] {
			continue
		}
		if d.sampled {
			a.sampled.take(d.source)
		} else {
			a.stored.take(d.source)
		}
		a.rejected.add(d.source, 1)
		w.log.Error("the event store takes a record and does not keep it: dropped; see whether its retention is shorter than storage.events.retention", "id", d.id, "time", d.at)
	}
	return true
}

// idsOf returns the ids of batches and between which times their records are.
func idsOf(batches []acked) (ids []string, from, to time.Time) {
	for i := range batches {
		for _, d := range batches[i].ids {
			ids = append(ids, d.id)
			if from.IsZero() || d.at.Before(from) {
				from = d.at
			}
			if d.at.After(to) {
				to = d.at
			}
		}
	}
	return ids, from, to
}
