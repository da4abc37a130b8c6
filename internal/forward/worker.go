package forward

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/pitot-dev/pitot/internal/journal"
	"github.com/pitot-dev/pitot/internal/llm"
)

// tuning are the times that tests shorten.
type tuning struct {
	minBackoff, maxBackoff time.Duration // between attempts
	watch                  time.Duration // how often the backlog is looked at
	commit                 time.Duration // how long the cursor may lag where nothing was sent
	grace                  time.Duration // for the request under way when Pitot stops
	quiet                  time.Duration // between log lines on what happens again and again
}

func defaultTuning() tuning {
	return tuning{
		minBackoff: 500 * time.Millisecond, maxBackoff: 30 * time.Second,
		watch: 250 * time.Millisecond, commit: time.Second, grace: 3 * time.Second, quiet: time.Minute,
	}
}

const (
	// maxTries is how often a request is sent that may itself be the reason of
	// its failures.
	maxTries = 5
	// skipRecords and skipBytes bound what is read at a time when it is skipped.
	skipRecords, skipBytes = 10_000, 8 << 20
)

// errBacklog ends a delivery because too much waits behind it.
var errBacklog = errors.New("max_backlog is reached")

// sender brings items to a destination, in one attempt. It sets the fate of each
// that is no more pending.
type sender interface {
	send(ctx context.Context, items []*item) answer
	close()
}

// worker takes records from the journal to one destination. All its state
// belongs to its one goroutine.
type worker struct {
	d       Destination
	sender  sender
	journal *journal.Journal
	cursor  *journal.Cursor
	kindOf  func([]byte) Kind
	decode  func([]byte) (llm.Record, error)
	acct    *account
	log     *slog.Logger
	tune    tuning

	batch     journal.Batch
	items     []*item
	done      journal.Position // all up to here is settled
	committed time.Time
	unread    bool                 // the journal cannot be read; logged once
	logged    map[string]time.Time // when something was last logged
}

// run works until ctx ends or the journal closes. The request that is under way
// then has a moment to finish, because what it carries would be sent again.
func (w *worker) run(ctx context.Context) {
	defer w.sender.close()
	w.logged = map[string]time.Time{}
	w.cursor.Rewind()
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(w.tune.grace, cancel) })()
	for ctx.Err() == nil {
		err := w.fill(ctx)
		switch {
		case errors.Is(err, journal.ErrClosed):
			return
		case err != nil && ctx.Err() == nil:
			if !w.unread {
				w.unread = true
				w.log.Error("the journal cannot be read; trying again", "err", err)
			}
			pause(ctx, w.tune.maxBackoff/5)
			continue
		}
		w.unread = false
		if len(w.batch.Records) == 0 {
			w.acct.drop(reasonJournal, w.batch.Lost)
			w.commit(true)
			continue
		}
		if ctx.Err() != nil {
			break
		}
		if w.overdue() {
			w.skip(ctx)
			continue
		}
		w.choose()
		if !w.deliver(ctx, work) {
			break
		}
		w.acct.drop(reasonJournal, w.batch.Lost)
		w.done = w.batch.Records[len(w.batch.Records)-1].Pos
		w.commit(len(w.items) > 0)
	}
	w.commit(true)
}

// fill reads a batch: what is there, and what comes within batch.wait after the
// first. It is empty where nothing came for a while.
func (w *worker) fill(ctx context.Context) error {
	w.batch.Reset()
	size := int(w.d.Batch.MaxBytes)
	first, cancel := context.WithTimeout(ctx, w.tune.commit)
	err := w.cursor.Next(first, &w.batch, w.d.Batch.MaxRecords, size)
	cancel()
	if errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	if err != nil {
		return err
	}
	more, cancel := context.WithTimeout(ctx, time.Duration(w.d.Batch.Wait))
	defer cancel()
	for len(w.batch.Records) < w.d.Batch.MaxRecords && w.batch.Bytes < size {
		if w.cursor.Next(more, &w.batch, w.d.Batch.MaxRecords, size) != nil {
			break // what there is will do; a real error comes again
		}
	}
	return nil
}

// choose decodes the records of the batch that the destination wants.
func (w *worker) choose() {
	w.items = w.items[:0]
	for _, r := range w.batch.Records {
		if !w.wants(r.Data) {
			continue
		}
		rec, err := w.decode(r.Data)
		if err != nil {
			w.acct.drop(reasonUndecodable, 1)
			w.acct.problem(err)
			w.say(slog.LevelError, "records of the journal cannot be read: they are not forwarded", err)
			continue
		}
		it, service, ok := itemOf(rec)
		if ok && slices.Contains(w.d.What, it.kind) && (len(w.d.Services) == 0 || slices.Contains(w.d.Services, service)) {
			w.items = append(w.items, &it)
		}
	}
}

// wants reports whether a record is of a kind that the destination takes, as far
// as that is known without decoding it.
func (w *worker) wants(data []byte) bool {
	if w.kindOf == nil {
		return true
	}
	k := w.kindOf(data)
	return k == "" || slices.Contains(w.d.What, k)
}

// deliver sends the items until each is acknowledged or dropped. It returns
// false when ctx has ended before that: the batch is then to be sent again.
func (w *worker) deliver(ctx, work context.Context) bool {
	if len(w.items) == 0 {
		return true
	}
	sending, cancel := context.WithCancelCause(work)
	defer cancel(nil)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		t := time.NewTicker(w.tune.watch)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				if w.overdue() {
					cancel(errBacklog)
					return
				}
			case <-sending.Done():
				return
			}
		}
	}()
	defer func() {
		cancel(nil)
		<-watched
	}()
	return w.attempt(ctx, sending, w.items)
}

// attempt sends items until each is acknowledged or dropped, or sending or ctx
// has ended.
func (w *worker) attempt(ctx, sending context.Context, items []*item) bool {
	tries, backoff := 0, w.tune.minBackoff
	items = slices.Clone(items)
	for {
		a := w.sender.send(sending, items)
		w.acct.book(items)
		if a.refusal != nil {
			w.acct.problem(a.refusal)
			w.say(slog.LevelWarn, "destination refuses records: they are dropped", a.refusal)
		}
		if items = stillPending(items); len(items) == 0 {
			if w.acct.state(false) {
				w.log.Info("destination takes records again")
			}
			return true
		}
		if a.err == nil {
			a.err = errors.New("the answer does not speak of all records")
		}
		if cause := context.Cause(sending); cause != nil {
			if !errors.Is(cause, errBacklog) {
				return false
			}
			w.drop(items, reasonBacklog)
			return true
		}
		w.failing(a.err)
		switch a.class {
		case split:
			if len(items) == 1 {
				w.drop(items, reasonTooLarge)
				return true
			}
			half := len(items) / 2
			if !w.attempt(ctx, sending, items[:half]) {
				return false
			}
			items, tries, backoff = items[half:], 0, w.tune.minBackoff
			continue
		case few:
			if tries++; tries >= maxTries {
				w.drop(items, reasonFailed)
				return true
			}
		case again:
		}
		w.acct.retry()
		// Half of it is chance, so that many senders do not come back at once.
		wait := max(backoff/2+rand.N(backoff/2+1), a.after)
		backoff = min(2*backoff, w.tune.maxBackoff)
		if !pauseEither(ctx, sending, wait) {
			return false
		}
	}
}

func (w *worker) drop(items []*item, reason string) {
	settle(items, dropped, reason)
	w.acct.book(items)
}

// failing logs the first failure of a row; the status has the last.
func (w *worker) failing(err error) {
	w.acct.problem(err)
	if w.acct.state(true) {
		w.log.Warn("destination does not take records; trying again", "url", redacted(w.d.URL), "err", err)
	}
}

// say logs what can happen often, now and then.
func (w *worker) say(level slog.Level, msg string, err error) {
	if t, ok := w.logged[msg]; ok && time.Since(t) < w.tune.quiet {
		return
	}
	w.logged[msg] = time.Now()
	w.log.Log(context.Background(), level, msg, "err", err) //nolint:sloglint // the messages are those of the callers
}

// lag is about how much of the journal waits for the destination.
func (w *worker) lag() int64 {
	for _, c := range w.journal.Stats().Cursors {
		if c.Name == cursorPrefix+w.d.Name {
			return c.LagBytes
		}
	}
	return 0
}

func (w *worker) overdue() bool { return w.lag() > int64(w.d.MaxBacklog) }

// skip drops the oldest records, from the batch on, until a tenth of the room is
// free again.
func (w *worker) skip(ctx context.Context) {
	least := int64(w.d.MaxBacklog) / 10 * 9
	total := uint64(0)
	now, cancel := context.WithCancel(ctx)
	cancel() // what is there, without waiting
	for len(w.batch.Records) > 0 && ctx.Err() == nil {
		n := uint64(0)
		for _, r := range w.batch.Records {
			if w.wants(r.Data) {
				n++
			}
		}
		w.acct.drop(reasonBacklog, n)
		w.acct.drop(reasonJournal, w.batch.Lost)
		total += n
		w.done = w.batch.Records[len(w.batch.Records)-1].Pos
		w.commit(true)
		if w.lag() <= least {
			break
		}
		w.batch.Reset()
		// In small steps, so that no more is lost than must be.
		if w.cursor.Next(now, &w.batch, skipRecords, min(skipBytes, int(w.d.MaxBacklog)/20)) != nil {
			break
		}
	}
	w.acct.problem(errBacklog)
	if t, ok := w.logged["backlog"]; !ok || time.Since(t) >= w.tune.quiet {
		w.logged["backlog"] = time.Now()
		w.log.Warn("destination is too far behind: the oldest records are skipped", "records", total, "max_backlog", int64(w.d.MaxBacklog))
	}
}

// commit moves the cursor to what is settled; unless now is set not at once,
// because each time costs a sync of the disk.
func (w *worker) commit(now bool) {
	if w.done.Seq == 0 || !now && time.Since(w.committed) < w.tune.commit {
		return
	}
	w.committed = time.Now()
	if err := w.cursor.Commit(w.done); err != nil && !errors.Is(err, journal.ErrClosed) {
		w.say(slog.LevelError, "the place in the journal cannot be saved: after a restart records are sent again", err)
	}
}

// pause waits, at most until ctx ends.
func pause(ctx context.Context, d time.Duration) bool { return pauseEither(ctx, ctx, d) }

// pauseEither waits, at most until one of them ends, and reports whether a, the
// first, has not.
func pauseEither(a, b context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-a.Done():
	case <-b.Done():
	}
	return a.Err() == nil
}
