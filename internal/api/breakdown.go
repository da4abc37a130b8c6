package api

import (
	"cmp"
	"errors"
	"net/http"
	"time"

	"github.com/pitot-dev/pitot/internal/breakdown"
	"github.com/pitot-dev/pitot/internal/events"
	"github.com/pitot-dev/pitot/internal/llm"
)

func (s *server) breakdown(r *http.Request) (any, error) {
	if err := newParams(r, s.Now()).check(); err != nil {
		return nil, err
	}
	id, ok := parseCallID(r.PathValue("id"))
	if !ok {
		return nil, badParameter("id", r.PathValue("id"), callIDForm)
	}
	d, err := s.Events.Call(r.Context(), id)
	if errors.Is(err, events.ErrNotFound) {
		return nil, notFound("call", id, "it may be older than the retention, not stored yet, or sampled out")
	}
	if err != nil {
		return nil, err
	}
	e := breakdown.Evidence{Call: d.Call}
	if e.Client, err = s.callerOf(r, d.Call); err != nil {
		return nil, err
	}
	e.Queue, e.Prefill = s.serverTimes(r.Context(), d.Call)
	b := breakdown.Of(e)
	return &b, nil
}

// callerRange is how far from a Call the span of its caller is looked for.
const callerRange = time.Hour

// callerOf finds the caller's own view of a Call: the outermost of the model or
// HTTP client spans right above it.
func (s *server) callerOf(r *http.Request, c *llm.Call) (*breakdown.Client, error) {
	if c.TraceID == "" || c.ParentSpanID == "" {
		return nil, nil
	}
	trace, err := s.records(r, c.TraceID, events.Range{Start: c.Time.Add(-callerRange), End: c.Time.Add(c.Duration + callerRange)})
	if err != nil {
		return nil, err
	}
	spans := make(map[string]*llm.Span, len(trace.Records))
	for _, rec := range trace.Records {
		if sp := rec.Span; sp != nil {
			spans[sp.SpanID] = sp
		}
	}
	const levels = 4 // an SDK's span, a library's, an HTTP client's
	var found *llm.Span
	for at, n := spans[c.ParentSpanID], 0; at != nil && n < levels; at, n = spans[at.ParentSpanID], n+1 {
		if at.Kind != llm.KindLLM && at.OTelKind != "client" {
			break
		}
		found = at
	}
	if found == nil {
		return nil, nil
	}
	return &breakdown.Client{Name: cmp.Or(found.Name, string(found.Kind)), Service: found.Service, Duration: found.Duration}, nil
}
