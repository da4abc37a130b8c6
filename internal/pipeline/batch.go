package pipeline

import (
	"errors"
	"fmt"

	"github.com/pitot-dev/pitot/internal/journal"
	"github.com/pitot-dev/pitot/internal/llm"
)

const (
	// maxBatchRecords bounds what goes to the journal as one append.
	maxBatchRecords = 1000
	// workerBatch is how many queued records a worker takes at once: few, so that
	// all workers get some, enough to share the cost of a batch.
	workerBatch = 128
	// maxPooledArena is the most memory that a batch keeps for the next use.
	maxPooledArena = 4 << 20
)

// batch is records that go to the journal together.
type batch struct {
	arena     []byte // journal records, one behind the other
	ends      []int
	rows      [][]byte
	counts    counts
	claims    []keys
	outcome   *outcome
	calls     []*llm.Call // while somebody watches
	held      []heldCall  // usage of containers among the records
	records   int64       // of the budget
	bytes     int64
	submitted bool
}

func (p *Pipeline) newBatch(submitted bool) *batch {
	b, _ := p.batches.Get().(*batch)
	if b == nil {
		b = new(batch)
	}
	b.outcome, b.submitted = newOutcome(), submitted
	return b
}

func (p *Pipeline) recycle(b *batch) {
	clear(b.rows)
	clear(b.calls)
	clear(b.claims)
	clear(b.held)
	*b = batch{
		arena: b.arena[:0], ends: b.ends[:0], rows: b.rows[:0], counts: b.counts[:0],
		claims: b.claims[:0], calls: b.calls[:0], held: b.held[:0],
	}
	if cap(b.arena) <= maxPooledArena {
		p.batches.Put(b)
	}
}

// add takes a record through all steps into the batch. pending is the outcome
// of the batch whose record it duplicates, where that is open.
func (p *Pipeline) add(b *batch, r llm.Record, j joined, source string, size int64) (pending *outcome) {
	b.records++
	b.bytes += size
	start := len(b.arena)
	defer func() {
		if v := recover(); v != nil {
			// One record that trips a bug must not take the gateway with it.
			b.arena = b.arena[:start]
			p.ledger.drop(source, DropInternalError, 1)
			p.metrics.panicked(p.log, v)
		}
	}()
	reason, pending := p.step(b, &r, j)
	if reason != "" {
		b.arena = b.arena[:start]
		p.ledger.drop(source, reason, 1)
		return pending
	}
	b.ends = append(b.ends, len(b.arena))
	b.counts.add(source, 1)
	if r.Call != nil && p.live.active.Load() > 0 {
		b.calls = append(b.calls, r.Call)
	}
	return nil
}

// step runs the steps on one record and appends it to the arena; a Call that
// another record counts becomes a Span. reason says why it is not to be stored.
func (p *Pipeline) step(b *batch, r *llm.Record, j joined) (reason string, pending *outcome) {
	s := p.steps.Load()
	now := p.opts.Now()
	var states *llm.Call
	if r.Span != nil {
		states, r.Span.Aggregate = r.Span.Aggregate, nil
	}
	normalize(*r, now)
	var flags byte
	switch j.verdict {
	case sameSpan:
		return DropDuplicate, nil
	case overCall:
		flags |= p.demoteRecord(r, countedByDescendant)
	case underCall:
		flags |= p.demoteRecord(r, countedByAncestor)
	case besideCall:
		flags |= p.demoteRecord(r, countedByEnclosed)
	case counted, held:
	}
	h := headerOf(*r)
	if p.opts.Accepts != nil && !p.opts.Accepts(h.time) {
		return DropTooOld, nil
	}
	k := p.dedupe.keysOf(h, j.key)
	a := p.dedupe.claim(k, b.outcome)
	if a.duplicate {
		return DropDuplicate, a.pending
	}
	if a.another {
		k.hasPair, k.hasResponse = false, false
		flags |= p.demoteRecord(r, countedByResponse)
		h = headerOf(*r)
	}
	b.claims = append(b.claims, k)
	h.flags |= flags
	if j.container {
		h.flags |= flagContainer
	}
	rare := false
	if c := r.Call; c != nil {
		p.count(s, c, a.observed)
		rare = s.config.Sampling.RareModels > 0 && p.models.rare(c.Model(), now, s.config.Sampling.RareModels)
	}
	if s.config.Sampling.worthy(*r, rare) {
		h.flags |= flagKeep
		if h.trace != "" {
			p.kept.add(p.tree.trace(scoped(h.tenant, h.trace)))
		}
	}
	if states != nil && j.verdict == held {
		h.held = p.hold(b, r.Span, states, j, s.redactor)
	}
	redact(s.redactor, *r)
	return p.encode(b, *r, h), nil
}

// demoteRecord makes a Span of a record's Call and returns what the journal is
// to know of it.
func (p *Pipeline) demoteRecord(r *llm.Record, by string) (flags byte) {
	if r.Call == nil {
		return 0
	}
	r.Span, r.Call = p.demote(r.Call, by), nil
	return flagCall
}

// count prices a Call and shows it to the observer.
func (p *Pipeline) count(s *steps, c *llm.Call, observed bool) {
	if s.config.EstimateUsage {
		estimateUsage(c)
	}
	if s.pricer != nil {
		c.Cost = s.pricer.Price(c)
	}
	if p.opts.Observer != nil && !observed {
		p.opts.Observer.ObserveCall(c)
	}
}

func redact(rd Redactor, r llm.Record) {
	switch {
	case r.Call != nil:
		rd.Call(r.Call)
	case r.Span != nil:
		rd.Span(r.Span)
	case r.Log != nil:
		rd.Log(r.Log)
	case r.Feedback != nil:
		rd.Feedback(r.Feedback)
	}
}

// encode appends the record's envelope and row; it cuts content until the row
// is small enough.
func (p *Pipeline) encode(b *batch, r llm.Record, h header) (reason string) {
	start := len(b.arena)
	b.arena = appendEnvelope(b.arena, h)
	row := len(b.arena)
	for step := 0; ; step++ {
		arena, err := p.opts.Encoder(b.arena[:row], r)
		if err == nil {
			b.arena = arena
			if len(arena)-start <= p.maxRow {
				return ""
			}
		}
		if step == len(shrinkSteps) {
			if err != nil {
				p.metrics.encodeFailed(p.log, err)
				return DropEncodeError
			}
			return DropTooLarge
		}
		if err != nil {
			step = len(shrinkSteps) - 1 // whatever is wrong with it: without content it may do
		}
		shrink(r, shrinkSteps[step])
	}
}

// full reports whether the batch must go before it gets another record.
func (p *Pipeline) full(b *batch) bool {
	return len(b.arena) >= p.maxBatch || len(b.ends) >= maxBatchRecords
}

// send hands the batch to the journal and forgets it.
func (p *Pipeline) send(b *batch) {
	if len(b.ends) == 0 {
		p.settled(b, nil)
		return
	}
	start := 0
	for _, end := range b.ends {
		b.rows = append(b.rows, b.arena[start:end])
		start = end
	}
	p.ledger.journal(b.counts)
	p.journal.AppendFunc(b.rows, func(err error) { p.settled(b, err) })
}

// settled books what became of a batch. It runs on the journal's goroutine.
func (p *Pipeline) settled(b *batch, err error) {
	switch {
	case err == nil:
		p.live.publish(b.calls)
	case b.submitted:
		p.ledger.dropJournaled(b.counts, DropRefused)
	case errors.Is(err, journal.ErrFull):
		p.ledger.dropJournaled(b.counts, DropJournalFull)
	default:
		p.ledger.dropJournaled(b.counts, DropJournalError)
	}
	p.dedupe.settle(b.claims, err)
	p.take(b.held, err)
	b.outcome.err = err
	close(b.outcome.done)
	p.budget.give(b.records, b.bytes, b.submitted)
	p.recycle(b)
}

// worker is what one goroutine needs to take offered records through the steps.
type worker struct {
	p    *Pipeline
	recs []llm.Record
	js   []joined
}

// work takes offered records through the steps until nothing more comes.
func (p *Pipeline) work() {
	w := worker{p: p}
	for {
		select {
		case it := <-p.queue:
			w.batch(it)
		case <-p.quit:
			for {
				select {
				case it := <-p.queue:
					w.batch(it)
				default:
					return
				}
			}
		}
	}
}

// batch processes a record and those that wait behind it.
func (w *worker) batch(it item) {
	w.recs = append(w.recs[:0], it.rec)
	size := it.size
more:
	for len(w.recs) < workerBatch && size < submitChunk {
		select {
		case it = <-w.p.queue:
			w.recs = append(w.recs, it.rec)
			size += it.size
		default:
			break more
		}
	}
	w.js = w.p.join(w.recs, w.js[:0])
	w.p.processChunk(w.recs, w.js, size, false)
	clear(w.recs)
}

// panicError makes an error of what a panic threw.
func panicError(v any) error {
	if err, ok := v.(error); ok {
		return err
	}
	return fmt.Errorf("%v", v)
}
