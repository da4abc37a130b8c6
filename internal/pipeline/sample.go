package pipeline

import (
	"math"

	"github.com/cespare/xxhash/v2"

	"github.com/pitot-dev/pitot/internal/llm"
)

// keep decides whether a record is stored in detail. The decision hangs on the
// trace where there is one, so that a trace is kept whole or not at all but for
// its errors and slow parts, and falls the same way in every replica and on
// every attempt. Logs are always kept.
func (c SamplingConfig) keep(r llm.Record) bool {
	if c.Rate >= 1 {
		return true
	}
	var id, trace string
	switch {
	case r.Call != nil:
		if r.Call.Status == llm.StatusError || c.Slow > 0 && r.Call.Duration >= c.Slow {
			return true
		}
		id, trace = r.Call.ID, r.Call.TraceID
	case r.Span != nil:
		if r.Span.Status == llm.StatusError || c.Slow > 0 && r.Span.Duration >= c.Slow {
			return true
		}
		id, trace = r.Span.ID, r.Span.TraceID
	default:
		return true
	}
	if trace != "" {
		id = trace
	}
	return float64(xxhash.Sum64String(id)) < c.Rate*math.MaxUint64
}
