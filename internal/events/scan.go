package events

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

// CallBatches passes on Calls in batches, in the order of (time, id), until
// yield returns an error, which it returns.
type CallBatches func(ctx context.Context, yield func([]*llm.Call) error) error

const (
	// scanRows is about how many Calls a batch has.
	scanRows = 5000
	// scanSteps is how many steps a range is counted by at once.
	scanSteps = 1000
	// scanSplit is how many parts a step is split into that has too many Calls.
	scanSplit = 100
	// scanFinest is the shortest step: what has more Calls than a batch within it
	// is one large batch.
	scanFinest = time.Millisecond
	// scanTimeout bounds the reading of one batch.
	scanTimeout = time.Minute
)

// ScanCalls prepares to read all the Calls that f selects, without their
// content, and says how many there are. Where Calls lists pages, each of which
// looks through the whole range, this reads each part of the range once.
func (s *Store) ScanCalls(ctx context.Context, f CallFilter, oldest bool) (n int64, batches CallBatches, err error) {
	if err := f.validate(); err != nil {
		return 0, nil, err
	}
	f.Range = s.resolveOpen(f.Range)
	sc := scan{s: s, filter: f.logsql(), user: f.userFilters(), oldest: oldest}
	step := max((f.End.Sub(f.Start)/scanSteps).Truncate(scanFinest)+scanFinest, scanFinest)
	if err := sc.plan(ctx, f.Range, step); err != nil {
		return 0, nil, err
	}
	sc.finish(f.End)
	return sc.total, sc.each, nil
}

// scan is a range cut into windows that have about as many Calls each.
type scan struct {
	s       *Store
	filter  string
	user    []string
	oldest  bool
	windows []Range // ascending
	open    Range   // the window that is being filled
	rows    int64   // in it
	total   int64
}

// plan counts the Calls of r by steps, and adds r to the windows.
func (sc *scan) plan(ctx context.Context, r Range, step time.Duration) error {
	type bucket struct {
		Range
		n int64
	}
	var buckets []bucket
	err := sc.s.each(ctx, request{
		op: "count for a scan", query: sc.filter + " | stats by (" + strings.TrimSuffix(stepField(step), ", ") + ") count() n", filters: sc.user, r: r,
	}, func(m row) error {
		rr := newRowReader(m)
		at := rr.time("_time").UTC()
		b := bucket{Range{later(at, r.Start), at.Add(step)}, int64(rr.int("n"))}
		if b.End.After(r.End) {
			b.End = r.End
		}
		buckets = append(buckets, b)
		return rr.err
	})
	if err != nil {
		return err
	}
	slices.SortFunc(buckets, func(a, b bucket) int { return a.Start.Compare(b.Start) })
	if sc.open.Start.IsZero() {
		sc.open.Start = r.Start
	}
	for _, b := range buckets {
		if b.n > scanRows && step > scanFinest {
			if err := sc.plan(ctx, b.Range, max((step/scanSplit).Truncate(scanFinest), scanFinest)); err != nil {
				return err
			}
			continue
		}
		if sc.rows > 0 && sc.rows+b.n > scanRows {
			sc.finish(b.Start)
		}
		sc.rows += b.n
		sc.total += b.n
	}
	return nil
}

// finish ends the open window.
func (sc *scan) finish(end time.Time) {
	if sc.rows > 0 {
		sc.windows = append(sc.windows, Range{sc.open.Start, end})
	}
	sc.open.Start, sc.rows = end, 0
}

// each reads the windows one by one.
func (sc *scan) each(ctx context.Context, yield func([]*llm.Call) error) error {
	windows := slices.Clone(sc.windows)
	if !sc.oldest {
		slices.Reverse(windows)
	}
	for _, w := range windows {
		calls, err := sc.read(ctx, w)
		if err != nil {
			return err
		}
		if err := yield(calls); err != nil {
			return err
		}
	}
	return nil
}

// read returns the Calls of a window, in order.
func (sc *scan) read(ctx context.Context, w Range) ([]*llm.Call, error) {
	ctx, cancel := context.WithTimeout(ctx, scanTimeout)
	defer cancel()
	var calls []*llm.Call
	err := sc.s.each(ctx, request{op: "scan calls", query: sc.filter + " | fields " + listFields, filters: sc.user, r: w}, func(m row) error {
		c, err := decodeCall(m)
		if err == nil {
			calls = append(calls, c)
		}
		return err
	})
	slices.SortFunc(calls, func(a, b *llm.Call) int {
		c := cmp.Or(a.Time.Compare(b.Time), strings.Compare(a.ID, b.ID))
		if !sc.oldest {
			c = -c
		}
		return c
	})
	return calls, err
}
