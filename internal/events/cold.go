package events

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// ColdDays brings days back that were moved to cold storage.
type ColdDays interface {
	// Want brings the days of a range back and returns those that are missing.
	Want(ctx context.Context, start, end time.Time) (missing []string)
}

type coldDays struct{ ColdDays }

// SetCold says who brings back cold days.
func (s *Store) SetCold(c ColdDays) { s.cold.Store(&coldDays{c}) }

// SetHot says since when rows are taken: older days are cold and do not change.
// When it returns none that is older is on its way to the engine any more: it
// would be missing from the cold copy, or begin the day anew beside it.
func (s *Store) SetHot(from time.Time) {
	s.hotGate.Lock()
	defer s.hotGate.Unlock()
	s.hotFrom.Store(from.UnixNano())
}

// errCold says that rows were not inserted because their day is cold now.
var errCold = errors.New("the day is cold and takes no rows")

// intoColdKey marks the context of who puts a cold day together.
type intoColdKey struct{}

// insertAt inserts rows of one time, unless its day is cold.
func (s *Store) insertAt(ctx context.Context, at time.Time, lines []byte) error {
	s.hotGate.RLock()
	defer s.hotGate.RUnlock()
	if at.UnixNano() < s.hotFrom.Load() && ctx.Value(intoColdKey{}) == nil {
		return errCold
	}
	return s.insert(ctx, lines)
}

// Partial collects the days that are missing from the answers to queries.
type Partial struct {
	mu      sync.Mutex
	missing []string
	later   bool // nothing is brought back yet
	wanted  bool // days could have been
}

// Wanted reports whether there is cold storage that a query of WithColdLater has
// done without.
func (p *Partial) Wanted() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.wanted
}

// Days are the days that are missing, oldest first.
func (p *Partial) Days() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.missing)
}

// PartialHeader is the header of an answer that lacks days in cold storage.
const PartialHeader = "Pitot-Partial"

// String says which days are missing; empty where none is.
func (p *Partial) String() string {
	days := p.Days()
	if len(days) == 0 {
		return ""
	}
	return fmt.Sprintf("%d days in cold storage are missing, %s to %s; they may be on their way: ask again, or for fewer days", len(days), days[0], days[len(days)-1])
}

// WithColdLater lets queries of a context see only what is at hand, and notes in p
// whether there is more.
func WithColdLater(ctx context.Context, p *Partial) context.Context {
	p.later = true
	return context.WithValue(ctx, partialKey{}, p)
}

type partialKey struct{}

// WithCold lets the queries of a context bring back cold days, and notes in p
// those that they had to do without. Queries of other contexts see what is at
// hand: those that run by themselves must not fetch months of data.
func WithCold(ctx context.Context, p *Partial) context.Context {
	return context.WithValue(ctx, partialKey{}, p)
}

// thaw brings back the cold days of a range where the context allows it.
func (s *Store) thaw(ctx context.Context, r Range) {
	c := s.cold.Load()
	p, _ := ctx.Value(partialKey{}).(*Partial)
	if c == nil || p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.later {
		p.wanted = true
		return
	}
	if len(p.missing) > 0 {
		return // one wait is enough for all queries of a request
	}
	if r.End.IsZero() {
		r.End = s.now()
	}
	p.missing = c.Want(ctx, r.Start, r.End)
}
