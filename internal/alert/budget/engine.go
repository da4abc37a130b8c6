package budget

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/pitot-dev/pitot/internal/llm"
)

const (
	// MaxAccounts is how many values of its dimension a budget keeps; what is past
	// it is counted under OtherAccount, and never enforced.
	MaxAccounts = 10_000
	// OtherAccount is the account of the values past MaxAccounts.
	OtherAccount = "__other__"
	// maxKey is the longest value of a dimension that is kept, in bytes.
	maxKey = 200
	// maxReservations bounds the calls on their way that are reserved for.
	maxReservations = 100_000
	// reservationTTL is when a reservation is given up whose call never ended.
	reservationTTL = time.Hour
)

// Options configure an Engine.
type Options struct {
	// Path is the snapshot file; empty keeps nothing.
	Path string
	// Notify sends notifications on. It is called from Run alone, and again with
	// the same ones where it returns an error.
	Notify func(context.Context, []Alert) error
	Logger *slog.Logger
	// Remember is how many calls are remembered as counted; default 100,000.
	Remember int
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Engine counts calls against budgets. Its methods are safe for concurrent use.
type Engine struct {
	opts Options
	now  func() time.Time
	log  *slog.Logger

	// active are the budgets in force. The slice and what decides whether a call
	// matches do not change, so that Allow reads them without a lock.
	active atomic.Pointer[[]*ledger]
	// enforced are those of them that Allow has to look at.
	enforced atomic.Pointer[[]*ledger]

	replaying sync.Mutex // held by Rebuild and Apply, before mu

	mu           sync.Mutex // guards all that follows, and the accounts
	recent       *recent
	reservations map[string]reservation
	changed      bool // since the last snapshot
	dirty        []dirtyAccount
	pending      []Alert // due and not yet delivered
	swept        time.Time

	counters counters
}

// counters count what did not go as it should.
type counters struct {
	overflow     atomic.Uint64 // calls counted under OtherAccount
	tooLate      atomic.Uint64 // calls of a period that is no longer kept
	duplicates   atomic.Uint64 // calls that were counted before
	failedOpen   atomic.Uint64 // calls admitted for want of a decision
	unreserved   atomic.Uint64 // calls admitted without a reservation
	saveErrors   atomic.Uint64
	notifyErrors atomic.Uint64
}

// ledger is a budget and its accounts.
type ledger struct {
	Budget
	period   period
	matchers []matcher
	each     dimension
	limit    int64

	accounts map[string]*account
	denied   uint64
	// born is the number of the first call in recent that it has counted itself,
	// and bornAt when that was; calls from replayFrom on may be missing from it.
	born       uint64
	bornAt     time.Time
	replayFrom time.Time
	// replayed are the calls from before its birth that a Rebuild has counted
	// which has not come to its end.
	replayed map[uint64]struct{}
}

type dirtyAccount struct {
	l *ledger
	a *account
}

type reservation struct {
	at    time.Time
	holds []hold
}

type hold struct {
	a      *account
	amount int64
}

// New makes an Engine with what the snapshot file has kept. A snapshot that
// cannot be read is put aside: the error is returned beside an Engine that
// works, and Replay fills it.
func New(c Config, o Options) (*Engine, error) {
	e := &Engine{opts: o, now: o.Now, log: o.Logger, recent: newRecent(cmp.Or(o.Remember, maxRecent)), reservations: map[string]reservation{}}
	if e.now == nil {
		e.now = time.Now
	}
	if e.log == nil {
		e.log = slog.New(slog.DiscardHandler)
	}
	e.setLedgers(nil)
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("budget: %w", err)
	}
	snap, err := readSnapshot(o.Path)
	e.mu.Lock()
	defer e.mu.Unlock()
	if snap != nil {
		e.recent.restore(snap.Recent)
		e.pending = snap.Pending
	}
	e.apply(c, snap)
	return e, err
}

// Apply replaces the budgets. One whose name, scope, unit and period are as
// before keeps its accounts; a new one begins at nothing until Replay.
func (e *Engine) Apply(c Config) error {
	if err := c.Validate(); err != nil {
		return fmt.Errorf("budget: %w", err)
	}
	e.replaying.Lock()
	defer e.replaying.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.apply(c, nil)
	return nil
}

func (e *Engine) apply(c Config, snap *snapshot) {
	now := e.now()
	old := map[string]*ledger{}
	for _, l := range *e.active.Load() {
		old[l.identity()] = l
	}
	next := make([]*ledger, 0, len(c.Budgets))
	for _, b := range c.Budgets {
		l := newLedger(b)
		switch prev := old[l.identity()]; {
		case prev != nil:
			l.accounts, l.denied = prev.accounts, prev.denied
			l.born, l.bornAt, l.replayFrom, l.replayed = prev.born, prev.bornAt, prev.replayFrom, prev.replayed
			l.carryNotified(prev.Thresholds)
		case snap.has(l):
			l.restore(snap, now)
		default:
			l.born, l.bornAt, l.replayFrom = e.recent.next, now, time.Unix(l.period.oldest(now), 0)
		}
		next = append(next, l)
	}
	e.dirty = nil
	for _, l := range next {
		for _, a := range l.accounts {
			a.dirty = false
			e.markDirty(l, a)
		}
	}
	e.changed = true
	e.setLedgers(next)
}

func (e *Engine) setLedgers(all []*ledger) {
	var enforced []*ledger
	for _, l := range all {
		if l.Enforce == Soft || l.Enforce == Hard {
			enforced = append(enforced, l)
		}
	}
	e.active.Store(&all)
	e.enforced.Store(&enforced)
}

// newLedger makes the ledger of a budget, which was validated.
func newLedger(b Budget) *ledger {
	b = b.withDefaults()
	l := &ledger{Budget: b, each: newDimension(b.Each), limit: b.Unit.units(b.Limit), accounts: map[string]*account{}}
	l.period, _ = newPeriod(b.Period, b.TimeZone)
	for _, name := range slices.Sorted(maps.Keys(b.Scope)) {
		m, _ := newMatcher(name, b.Scope[name])
		l.matchers = append(l.matchers, m)
	}
	return l
}

// identity is what may not change for accounts to stay what they are.
func (l *ledger) identity() string {
	parts := []string{l.Name, l.Each, string(l.Unit), l.Period, l.TimeZone}
	for _, name := range slices.Sorted(maps.Keys(l.Scope)) {
		parts = append(parts, name)
		parts = append(parts, l.Scope[name]...)
	}
	return strings.Join(parts, "\x00")
}

func (l *ledger) matches(r *Request) bool {
	for i := range l.matchers {
		if !l.matchers[i].matches(r) {
			return false
		}
	}
	return true
}

// account returns the account that a request belongs to; nil where it has no
// value of the dimension. make says whether one is made.
func (l *ledger) account(r *Request, make bool) *account {
	key := ""
	if l.Each != "" {
		if key = l.each.of(r); key == "" {
			return nil
		}
		key = cleanKey(key)
	}
	a := l.accounts[key]
	if a != nil || !make {
		return a
	}
	if len(l.accounts) >= MaxAccounts {
		if key = OtherAccount; l.accounts[key] != nil {
			return l.accounts[key]
		}
	}
	key = strings.Clone(key) // do not hold on to the request that it was cut from
	a = &account{key: key}
	l.accounts[key] = a
	return a
}

// cleanKey makes a value of bounded length that metrics can carry.
func cleanKey(key string) string {
	if len(key) > maxKey {
		key = key[:maxKey]
	}
	if !utf8.ValidString(key) {
		key = strings.ToValidUTF8(key, "\uFFFD")
	}
	return key
}

// Record counts a call that has ended. It keeps nothing of it.
func (e *Engine) Record(c *llm.Call) {
	all := *e.active.Load()
	if len(all) == 0 {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.release(c.ID)
	now := e.now()
	if _, seen := e.recent.seen(c.ID); seen {
		e.counters.duplicates.Add(1)
		return
	}
	e.recent.add(c.ID, c.Time)
	r := RequestOf(c)
	for _, l := range *e.active.Load() {
		e.count(l, c, &r, now)
	}
}

// count adds a call to a budget that it belongs to.
func (e *Engine) count(l *ledger, c *llm.Call, r *Request, now time.Time) {
	if !l.matches(r) {
		return
	}
	amount, priced := l.amountOf(c)
	if !priced && c.Status == llm.StatusError {
		return // a failure without usage costs nothing
	}
	at := c.Time
	if at.After(now) {
		at = now // a sender's clock is ahead
	}
	start := l.period.slotStart(at)
	if start < l.period.oldest(now) {
		e.counters.tooLate.Add(1)
		return
	}
	a := l.account(r, true)
	if a == nil {
		return
	}
	if a.key == OtherAccount {
		e.counters.overflow.Add(1)
	}
	s := a.slot(start)
	n := int64(math.Round(weight(c)))
	s.Calls += n
	if priced {
		s.Amount = add(s.Amount, amount)
	} else {
		s.Unpriced += n
	}
	e.changed = true
	e.markDirty(l, a)
}

func (e *Engine) markDirty(l *ledger, a *account) {
	if !a.dirty {
		a.dirty = true
		e.dirty = append(e.dirty, dirtyAccount{l, a})
	}
}

// maxWeight bounds how many calls one may stand for, as the metrics do.
const maxWeight = 1e6

func weight(c *llm.Call) float64 { return min(c.Count(), maxWeight) }

// amountOf is what a call has spent; false where that is not known.
func (l *ledger) amountOf(c *llm.Call) (int64, bool) {
	if l.Unit == USD {
		usd, ok := c.Cost.USD.Get()
		return USD.units(usd * weight(c)), ok
	}
	in, okIn := c.Usage.InputTokens.Get()
	out, okOut := c.Usage.OutputTokens.Get()
	return Tokens.units((float64(max(in, 0)) + float64(max(out, 0))) * weight(c)), okIn || okOut
}
