package explain

import (
	"context"
	"math"
	"time"
)

// Source streams the Calls of a selection. internal/events is one through
// FromLines; a slice is one through Rows.
type Source interface {
	// Scan passes every Call that q selects to yield, in any order, until yield
	// returns false. The Row belongs to the Source, which may use it again; its
	// strings stay as they are.
	Scan(ctx context.Context, q Query, yield func(*Row) bool) error
}

// Counter is a Source that knows quickly how many Calls there are, so that it
// need not send those that would be sampled out.
type Counter interface {
	Count(ctx context.Context, q Query) (int64, error)
}

// Query asks a Source for Calls.
type Query struct {
	Range Range
	// Selection's own ranges do not count here.
	Selection Selection
	// OneIn asks for a random one of so many Calls, without changing their
	// Weight; 0 and 1 ask for all. A Source that cannot sample may send all and
	// report false from Samples.
	OneIn int
	// IDs and trace ids are wanted.
	IDs bool
	// Nums are the numbers that are wanted; nil asks for all. The input tokens
	// are wanted always.
	Nums []Num
	// Timelines are wanted: NumStall.
	Timelines bool
	// Limit of Calls, any of those selected; 0 is without.
	Limit int
}

// Sampler is a Source that honours Query.OneIn.
type Sampler interface {
	Samples() bool
}

// Range is a half-open range of time [Start, End).
type Range struct {
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
}

// Length is how long the range is.
func (r Range) Length() time.Duration { return r.End.Sub(r.Start) }

// contains reports whether t is in the range; zero ends are open.
func (r Range) contains(t time.Time) bool {
	return (r.Start.IsZero() || !t.Before(r.Start)) && (r.End.IsZero() || t.Before(r.End))
}

// Rows is a Source over a slice, for tests and for Calls that are in memory.
type Rows []Row

// Scan passes the rows that q selects to yield.
func (s Rows) Scan(ctx context.Context, q Query, yield func(*Row) bool) error {
	sent := 0
	for i := range s {
		if i&1023 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		r := &s[i]
		if !q.Range.contains(r.Time) || !q.Selection.Match(r) {
			continue
		}
		if !yield(r) {
			return nil
		}
		if sent++; q.Limit > 0 && sent >= q.Limit {
			return nil
		}
	}
	return nil
}

// num returns a number of the row, including those that follow from others.
func (r *Row) num(n Num) float64 {
	switch n {
	case NumOne:
		return 1
	case NumErrors:
		if r.Values[DimStatus] == "error" {
			return 1
		}
		return 0
	case NumTotalTokens:
		in, out := r.Nums[NumInputTokens], r.Nums[NumOutputTokens]
		switch {
		case math.IsNaN(in):
			return out
		case math.IsNaN(out):
			return in
		}
		return in + out
	default: // as below
	}
	return r.Nums[n]
}
