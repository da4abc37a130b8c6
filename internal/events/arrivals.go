package events

import (
	"context"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

// Arrival is what came in by one door from one kind of sender.
type Arrival struct {
	Kind     string // call, span, log, feedback; the tallies of Calls count as calls
	Source   llm.Source
	Upstream string // of the gateway
	Dialect  string
	Scope    string
	Count    int64
	First    time.Time
	Last     time.Time
}

// Arrivals says what is stored of a range, by where it came from.
func (s *Store) Arrivals(ctx context.Context, r Range) ([]Arrival, error) {
	out := []Arrival{}
	err := s.each(ctx, request{
		op:    "count arrivals",
		query: recordStreams + " id:* | stats by (kind, source, upstream, dialect, scope) count() n, min(_time) first, max(_time) last",
		r:     s.resolveOpen(r), fresh: true,
	}, func(m row) error {
		rr := newRowReader(m)
		a := Arrival{
			Kind: m["kind"], Source: llm.Source(m["source"]), Upstream: m["upstream"], Dialect: m["dialect"], Scope: m["scope"],
			Count: int64(rr.int("n")), First: rr.time("first").UTC(), Last: rr.time("last").UTC(),
		}
		if a.Kind == kindTally {
			a.Kind = kindCall
		}
		out = append(out, a)
		return rr.err
	})
	return out, err
}
