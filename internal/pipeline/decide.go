package pipeline

import (
	"context"
	"slices"
	"time"
)

// decisions are those on records that the writer may read again: a record that
// was tallied must not be stored whole as well when the store has restarted.
type decisions struct {
	upTo    uint64   // number of the last record that was decided on
	sampled []uint64 // numbers of those that were sampled out, rising
}

// forget lets go of the decisions on records that are not read again.
func (d *decisions) forget(upTo uint64) {
	n, _ := slices.BinarySearch(d.sampled, upTo+1)
	d.sampled = slices.Delete(d.sampled, 0, n)
}

// due returns how many records of the batch can be decided on now, or after
// which time some can. A decision waits for what comes late of a trace, but for
// nothing when Pitot stops.
func (w *writer) due(next context.Context) (n int, after time.Duration) {
	recs := w.batch.Records[w.head:]
	delay := w.p.steps.Load().config.Sampling.delay()
	if delay == 0 || next.Err() != nil || len(recs) == 0 {
		return len(recs), 0
	}
	now := w.p.opts.Now()
	for n < len(recs) {
		age := now.Sub(recs[n].Time)
		// A clock that was set back must not hold records for longer.
		if age < delay && age > -delay && recs[n].Pos.Seq > w.past.upTo {
			break
		}
		n++
	}
	if n == len(recs) {
		return n, 0
	}
	// Not each as it comes of age: the store takes them together.
	first := recs[0]
	if after = first.Time.Add(delay + linger).Sub(now); after > 0 && first.Pos.Seq > w.past.upTo {
		return 0, after
	}
	return n, 0
}

// sampledOut decides on a record, once.
func (w *writer) sampledOut(h header, seq uint64, c SamplingConfig) bool {
	if seq <= w.past.upTo {
		_, out := slices.BinarySearch(w.past.sampled, seq)
		return out
	}
	w.past.upTo = seq
	if h.flags&flagKeep != 0 || c.draws(h) || h.trace != "" && w.p.kept.has(w.p.tree.trace(scoped(h.tenant, h.trace))) {
		return false
	}
	w.past.sampled = append(w.past.sampled, seq)
	return true
}

// toTally puts in the place of a Call's rows those that keep totals true; of
// anything else nothing remains.
func (w *writer) toTally(it *stored) {
	it.sampled = true
	if it.flags&flagCounted == 0 || w.p.opts.Tally == nil {
		it.row = nil
		return
	}
	start := len(w.tally)
	b, err := w.p.opts.Tally(w.tally, it.row)
	if err != nil {
		if !w.untallied {
			w.untallied = true
			w.log.Error("a sampled call cannot be reduced and is stored whole", "id", it.id, "err", err)
		}
		it.sampled = false
		return
	}
	w.tally = b
	it.row = b[start:len(b):len(b)]
}

// waits reports whether the journal must keep a batch because it holds what a
// container stated and nobody has counted yet.
func (w *writer) waits(a *acked) bool {
	a.held = slices.DeleteFunc(a.held, func(id string) bool { return !w.p.containers.isOpen(id) })
	return len(a.held) > 0
}

// waitEither waits, or until one of the contexts ends.
func waitEither(a, b context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-a.Done():
	case <-b.Done():
	}
}
