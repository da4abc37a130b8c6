package pipeline

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/pitot-dev/pitot/internal/journal"
	"github.com/pitot-dev/pitot/internal/llm"
)

const (
	// insertRecords, insertBytes and linger bound a batch of rows for the store.
	insertRecords = 1000
	insertBytes   = 4 << 20
	linger        = 200 * time.Millisecond
	// commitEvery is how often at most the cursor moves, and how often at least the
	// store's epoch is looked at.
	commitEvery = time.Second
	// minBackoff and maxBackoff bound the waits between attempts on a store that
	// does not take rows.
	minBackoff = 100 * time.Millisecond
	maxBackoff = 5 * time.Second
	// drainPatience is how long a draining pipeline tries a store that takes
	// nothing.
	drainPatience = 2 * time.Second
	// readyTimeout bounds the question whether the store still lives.
	readyTimeout = 2 * time.Second
	// refusalEvery is how often at most a refused record is logged; the ledger counts all.
	refusalEvery = time.Minute
	// maxWindow bounds the batches that wait for SafeAge; more are merged.
	maxWindow = 4096
)

// errRestarted says that the store has restarted and the journal must be read again.
var errRestarted = errors.New("the store has restarted")

// writer takes records from the journal to the store. All its state belongs to
// its one goroutine, and to restore before that runs.
type writer struct {
	p      *Pipeline
	log    *slog.Logger
	store  Store
	cursor *journal.Cursor
	batch  journal.Batch
	head   int // records of batch that are delivered
	items  []stored
	tally  []byte
	past   decisions

	epoch string
	// maybe is the number up to which records may be in the store though the
	// cursor is before them: they are asked for before they are inserted.
	maybe uint64
	// attempted is the number up to which this process has sent records.
	attempted uint64
	// settled is the number up to which gaps are accounted for.
	settled uint64
	last    uint64 // number of the last record of the batch before

	window    []acked // acknowledged batches, oldest first, not yet surely on disk
	committed time.Time
	down      bool            // the store does not take rows; logged once
	draining  <-chan struct{} // closed when nothing more comes
	patience  time.Time       // while draining, when to leave the rest to the next start
	unread    bool            // the journal cannot be read; logged once
	untallied bool            // a call could not be tallied; logged once
	refusal   time.Time       // when a refused record was last logged

	verify verification
}

// stored is a record on its way into the store.
type stored struct {
	header
	seq     uint64
	row     []byte
	sampled bool // the row is a tally
}

// acked is a batch that the store has acknowledged.
type acked struct {
	pos      journal.Position
	at       time.Time
	stored   counts
	rejected counts
	sampled  counts
	lost     uint64
	upTo     uint64 // number of the last record, readable or lost
	ids      []delivered
	held     []string // ids of containers whose usage waited: the journal keeps it for them
}

// book counts a record that the store has.
func (a *acked) book(it stored) {
	if it.sampled {
		a.sampled.add(it.source, 1)
	} else {
		a.stored.add(it.source, 1)
	}
}

func newWriter(p *Pipeline, c *journal.Cursor) *writer {
	return &writer{p: p, log: p.log, store: p.opts.Store, cursor: c, epoch: p.opts.Store.Epoch(), verify: newVerification(&p.opts)}
}

// restore reads what an earlier process left in the journal, to account for it
// and to recognise duplicates of it, and goes back to its start.
func (w *writer) restore() error {
	last := w.p.journal.Stats().LastSeq
	w.last = w.cursor.Committed().Seq
	// Only what is there: New must not wait for records that may never come.
	now, cancel := context.WithCancel(context.Background())
	cancel()
	var waiting []header
	for w.cursor.Seq() < last {
		w.batch.Reset()
		err := w.cursor.Next(now, &w.batch, insertRecords, insertBytes)
		if errors.Is(err, context.Canceled) {
			break
		}
		if err != nil {
			return err
		}
		if n := w.batch.Lost; n > 0 {
			// Nobody knows any more where they came from.
			w.p.ledger.restore(unknownSource, n)
			w.p.ledger.settle(nil, nil, nil, n)
		}
		for _, r := range w.batch.Records {
			h, row, err := openEnvelope(r.Data)
			if err != nil {
				h.source = unknownSource
			} else {
				w.remember(h)
				if w.p.opts.Restored != nil {
					w.p.opts.Restored(JournalEntry{Kind: h.kind, Source: h.source, ID: h.id, Time: h.time, Row: row})
				}
			}
			if h.held != "" {
				waiting = append(waiting, h)
			}
			w.p.ledger.restore(h.source, 1)
		}
	}
	w.p.restoreHeld(waiting)
	w.batch.Reset()
	w.maybe, w.attempted, w.settled = last, last, last
	w.cursor.Rewind()
	return nil
}

// remember restores what the steps know of a record.
func (w *writer) remember(h header) {
	key, parent := w.p.spanKeys(h)
	w.p.dedupe.seed(h, key)
	if key != 0 || parent != 0 {
		w.p.tree.seed(key, parent, h)
	}
	if h.flags&flagKeep != 0 && h.trace != "" {
		w.p.kept.add(w.p.tree.trace(scoped(h.tenant, h.trace)))
	}
}

// run works until next ends and the journal has nothing more, or until insert
// ends.
func (w *writer) run(next, insert context.Context) {
	for insert.Err() == nil {
		if e := w.store.Epoch(); e != w.epoch {
			w.restart(e)
		}
		w.commitSafe(insert)
		if w.heldOff(next, insert) {
			continue
		}
		if w.head == len(w.batch.Records) {
			err := w.fill(next)
			if len(w.batch.Records) == 0 && w.batch.Lost == 0 {
				switch {
				case errors.Is(err, journal.ErrClosed), next.Err() != nil:
					w.commitSafe(insert)
					if w.unverified() && wait(insert, verifyEvery) {
						continue
					}
					return
				case err != nil && !errors.Is(err, context.DeadlineExceeded):
					if !w.unread {
						w.log.Error("the journal cannot be read; trying again", "err", err)
						w.unread = true
					}
					wait(insert, maxBackoff)
				}
				continue
			}
			w.unread = false
		}
		n, after := w.due(next)
		if after > 0 {
			waitEither(next, insert, min(after, commitEvery))
			continue
		}
		if err := w.deliver(insert, n); errors.Is(err, errRestarted) {
			w.restart(w.store.Epoch())
		}
	}
}

// restart goes back to the cursor, because the store may have lost what came
// after it.
func (w *writer) restart(epoch string) {
	if n := w.attempted - min(w.cursor.Committed().Seq, w.attempted); n > 0 {
		w.log.Warn("the event store may have lost records: they are read again from the journal", "records", n)
	}
	w.verify.reset()
	w.p.metrics.replays.Inc()
	w.epoch = epoch
	w.maybe = max(w.maybe, w.attempted)
	w.window = nil
	w.batch.Reset()
	w.head = 0
	w.cursor.Rewind()
	w.last = w.cursor.Committed().Seq
}

// fill reads a batch: what is there, and what comes within linger after that.
func (w *writer) fill(ctx context.Context) error {
	w.batch.Reset()
	w.head = 0
	first, cancel := context.WithTimeout(ctx, min(commitEvery, max(w.p.opts.SafeAge, linger)))
	err := w.cursor.Next(first, &w.batch, insertRecords, insertBytes)
	cancel()
	if err != nil {
		return err
	}
	more, cancel := context.WithTimeout(ctx, linger)
	defer cancel()
	for len(w.batch.Records) < insertRecords && w.batch.Bytes < insertBytes {
		if err := w.cursor.Next(more, &w.batch, insertRecords, insertBytes); err != nil {
			break
		}
	}
	return nil
}

// deliver brings the next n records of the batch into the store, however long
// that takes, and notes them in the window. It fails when the store restarts or
// ctx ends.
func (w *writer) deliver(ctx context.Context, n int) error {
	w.items, w.tally = w.items[:0], w.tally[:0]
	a := acked{}
	last := w.last
	sampling := w.p.steps.Load().config.Sampling
	for _, r := range w.batch.Records[w.head : w.head+n] {
		a.pos = r.Pos
		a.lost += w.gap(last, r.Pos.Seq-1)
		last = r.Pos.Seq
		h, row, err := openEnvelope(r.Data)
		if err != nil {
			// Written by a newer Pitot, or a bug: no store would take it.
			a.rejected.add(unknownSource, 1)
			w.p.metrics.encodeFailed(w.log, err)
			continue
		}
		if h.held != "" {
			a.held = append(a.held, scoped(h.tenant, h.id))
		}
		it := stored{header: h, seq: r.Pos.Seq, row: row}
		if w.sampledOut(h, r.Pos.Seq, sampling) {
			w.toTally(&it)
		}
		if len(it.row) == 0 {
			a.book(it)
			continue
		}
		w.items = append(w.items, it)
	}
	if w.head+n == len(w.batch.Records) {
		// Lost at the end, with nothing readable behind.
		a.lost += w.gap(last, w.cursor.Seq())
		last = w.cursor.Seq()
	}
	a.upTo = last
	if err := w.insert(ctx, w.items, &a); err != nil {
		return err
	}
	a.at = w.p.opts.Now()
	w.last = last
	w.head += n
	if k := len(w.window); k >= maxWindow || k > 0 && n == 0 {
		w.window[k-1].merge(a)
	} else {
		w.window = append(w.window, a)
	}
	if w.head == len(w.batch.Records) {
		w.batch.Reset()
		w.head = 0
	}
	return nil
}

// gap counts the records after last up to to, which the journal has lost, that
// are not accounted for yet.
func (w *writer) gap(last, to uint64) uint64 {
	last = max(last, w.settled)
	if to <= last {
		return 0
	}
	return to - last
}

// merge adds a later batch.
func (a *acked) merge(b acked) {
	if b.pos.Seq > 0 {
		a.pos = b.pos
	}
	a.at, a.lost, a.upTo = b.at, a.lost+b.lost, b.upTo
	a.held = append(a.held, b.held...)
	a.ids = append(a.ids, b.ids...)
	for _, m := range [...]struct {
		to   *counts
		from counts
	}{{&a.stored, b.stored}, {&a.rejected, b.rejected}, {&a.sampled, b.sampled}} {
		for _, c := range m.from {
			m.to.add(c.source, c.n)
		}
	}
}

// insert brings items into the store and books them in a. It tries until the
// store takes them or refuses them for what they are.
func (w *writer) insert(ctx context.Context, items []stored, a *acked) error {
	backoff := minBackoff
	for unsure := false; len(items) > 0; unsure = true {
		if w.store.Epoch() != w.epoch {
			return errRestarted
		}
		err := w.attempt(ctx, &items, a, unsure && !w.verify.on())
		switch {
		case err == nil:
			w.up()
			return nil
		case errors.Is(err, errRestarted), ctx.Err() != nil:
			return err
		case permanent(err):
			w.p.metrics.inserts.WithLabelValues("rejected").Inc()
			return w.bisect(ctx, items, a, err)
		}
		w.p.metrics.inserts.WithLabelValues("error").Inc()
		if !w.down {
			w.log.Warn("the event store does not take records: they wait in the journal", "err", err)
			w.down = true
		}
		if w.leaves() {
			w.p.stopInsert()
			return context.Canceled
		}
		if !wait(ctx, backoff/2+rand.N(backoff/2)) {
			return ctx.Err()
		}
		backoff = min(2*backoff, maxBackoff)
	}
	return nil
}

// leaves says, after an attempt that failed, whether to leave the rest in the
// journal: the pipeline drains, and the store has been down for long enough. A
// server whose engine does not start must not be slow to stop as well.
func (w *writer) leaves() bool {
	select {
	case <-w.draining:
	default:
		return false
	}
	if w.patience.IsZero() {
		w.patience = time.Now().Add(drainPatience)
	}
	return time.Now().After(w.patience)
}

// up notes that the store takes records.
func (w *writer) up() {
	if w.down {
		w.log.Info("the event store takes records again")
		w.down = false
	}
}

// attempt tries once. unsure says that an earlier attempt may have succeeded in
// part. Items that turn out to be in the store are booked and taken out.
func (w *writer) attempt(ctx context.Context, items *[]stored, a *acked, unsure bool) error {
	if err := w.dropPresent(ctx, items, a, unsure); err != nil {
		return err
	}
	if len(*items) == 0 {
		return nil
	}
	rows := make([][]byte, len(*items))
	for i, it := range *items {
		rows[i] = it.row
		w.attempted = max(w.attempted, it.seq)
	}
	start := time.Now()
	if err := w.store.Insert(ctx, rows); err != nil {
		if !w.verify.trusts(ctx, err) {
			return err
		}
		// Whether it was carried out shows when the records are looked up: until then
		// others can go on.
		w.p.metrics.inserts.WithLabelValues("unsure").Inc()
		w.bookAll(*items, a)
		return nil
	}
	w.p.metrics.duration.Observe(time.Since(start).Seconds())
	if w.store.Epoch() != w.epoch {
		// Which run of the store acknowledged, nobody knows.
		return errRestarted
	}
	w.p.metrics.inserts.WithLabelValues("ok").Inc()
	w.bookAll(*items, a)
	return nil
}

// dropPresent asks the store for those items that may be in it already, and
// takes out and books those that are.
func (w *writer) dropPresent(ctx context.Context, items *[]stored, a *acked, unsure bool) error {
	ids := map[string][]string{} // by tenant
	var from, to time.Time
	for _, it := range *items {
		if !unsure && it.seq > w.maybe {
			continue
		}
		ids[it.tenant] = append(ids[it.tenant], it.id)
		if from.IsZero() || it.time.Before(from) {
			from = it.time
		}
		if to.IsZero() || it.time.After(to) {
			to = it.time
		}
	}
	if len(ids) == 0 {
		return nil
	}
	present := map[string]bool{}
	for tenant, own := range ids {
		found, err := w.store.Present(llm.WithTenant(ctx, tenant), own, from, to)
		if err != nil {
			return err
		}
		for id, is := range found {
			present[scoped(tenant, id)] = is
		}
	}
	if w.store.Epoch() != w.epoch {
		return errRestarted
	}
	absent := make([]stored, 0, len(*items))
	for _, it := range *items {
		if present[scoped(it.tenant, it.id)] && (unsure || it.seq <= w.maybe) {
			w.bookAll([]stored{it}, a)
			w.p.metrics.present.Inc()
			continue
		}
		absent = append(absent, it)
	}
	*items = absent
	return nil
}

// bisect finds the rows that the store refuses and inserts the others.
func (w *writer) bisect(ctx context.Context, items []stored, a *acked, cause error) error {
	if len(items) == 1 {
		if now := w.p.opts.Now(); now.Sub(w.refusal) >= refusalEvery {
			w.refusal = now
			w.log.Error("the event store refuses a record: dropped", "id", items[0].id, "bytes", len(items[0].row), "err", cause)
		}
		a.rejected.add(items[0].source, 1)
		return nil
	}
	half := len(items) / 2
	if err := w.insert(ctx, items[:half:half], a); err != nil {
		return err
	}
	return w.insert(ctx, items[half:], a)
}

// commitSafe moves the cursor past what the store acknowledged at least SafeAge
// ago, if the same run of the store still lives: its death within SafeAge would
// have cost those records.
func (w *writer) commitSafe(ctx context.Context) {
	now := w.p.opts.Now()
	if len(w.window) == 0 || now.Sub(w.committed) < min(commitEvery, w.p.opts.SafeAge) {
		return
	}
	n := 0
	for n < len(w.window) && now.Sub(w.window[n].at) >= w.p.opts.SafeAge && !w.waits(&w.window[n]) {
		n++
	}
	if n == 0 {
		return
	}
	w.committed = now
	if w.verify.on() && !w.verify.settled() {
		return
	}
	ready, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	if w.store.Ready(ready) != nil || w.store.Epoch() != w.epoch {
		return
	}
	if n = w.verified(ctx, n); n == 0 {
		return
	}
	all := acked{}
	for _, a := range w.window[:n] {
		all.merge(a)
	}
	if err := w.cursor.Commit(all.pos); err != nil {
		// Only the copy on disk is behind: after a crash more is read again.
		w.log.Warn("the journal cursor could not be saved", "err", err)
	}
	w.p.ledger.settle(all.stored, all.rejected, all.sampled, all.lost)
	w.past.forget(all.upTo)
	w.settled = max(w.settled, all.upTo)
	w.window = append(w.window[:0], w.window[n:]...)
}

// wait waits, and reports false when ctx ended.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
