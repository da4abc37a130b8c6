package api

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/pitot-dev/pitot/internal/events"
	"github.com/pitot-dev/pitot/internal/export"
	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/semconv"
)

const (
	// formatOTLP is a line of OTLP JSON a trace, as OpenTelemetry's file exporter
	// writes them.
	formatOTLP = "otlp"
	// maxExportTraces bounds the traces of a file.
	maxExportTraces = 20_000
	// tracePage is how many traces are looked for at once.
	tracePage = 200
	// traceAround is how far from the records that are known the others of a trace
	// are looked for.
	traceAround = 6 * time.Hour
)

// exportTraces writes the spans of traces as a file.
func (s *server) exportTraces(w http.ResponseWriter, r *http.Request) {
	p := newParams(r, s.Now())
	f := file{format: p.oneOf("format", formatJSONL, formatCSV, formatParquet, formatOTLP), bom: p.oneOf("bom", "false", "true") == "true", columns: spanColumns()}
	q := events.TraceListQuery{
		CallFilter: p.filter(hour), Name: p.get("name"), Kind: p.oneOf("kind", append([]string{""}, spanKinds()...)...),
		Order: p.oneOf("order", events.OrderNewest, events.OrderSlowest, events.OrderCostly),
	}
	of := exported{content: p.flag("content"), withheld: s.withheld(r)}
	limit := p.count("limit", maxExportTraces, maxExportTraces)
	err := p.check()
	if err != nil {
		s.fail(w, r, err)
		return
	}
	f.name = fileName("traces", q.Range)
	f.write = func(ctx context.Context, begin func() (export.Writer, error)) (int, bool, error) {
		return s.writeTraces(ctx, q, limit, of, begin)
	}
	s.serveFile(w, r, &f)
}

// writeTraces writes at most limit traces; n counts their spans.
func (s *server) writeTraces(ctx context.Context, q events.TraceListQuery, limit int, of exported, begin func() (export.Writer, error)) (n int, complete bool, err error) {
	var out export.Writer
	whole := true // no trace was longer than can be read at once
	for traces := 0; ; {
		q.Limit = min(tracePage, limit-traces)
		page, err := s.traceIDs(ctx, q)
		if err != nil {
			return n, false, err
		}
		if out == nil { // a wrong query is answered before the file begins
			if out, err = begin(); err != nil {
				return n, false, err
			}
		}
		for i := range page.Traces {
			spans, partial, err := s.writeTrace(ctx, out, &page.Traces[i], of)
			if err != nil {
				return n, false, err
			}
			n += spans
			whole = whole && !partial
		}
		if err := out.Flush(); err != nil {
			return n, false, err
		}
		traces += len(page.Traces)
		if q.Cursor = page.NextCursor; q.Cursor == "" || traces >= limit {
			return n, whole && q.Cursor == "", out.Close()
		}
	}
}

func (s *server) traceIDs(ctx context.Context, q events.TraceListQuery) (events.TracePage, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	return s.Events.TraceList(ctx, q)
}

// writeTrace writes the spans of one trace, says how many there are, and whether
// there are more.
func (s *server) writeTrace(ctx context.Context, out export.Writer, found *events.TraceRecords, of exported) (n int, partial bool, err error) {
	all, err := s.Events.Trace(ctx, found.ID, around(found.Records))
	if err != nil {
		return 0, false, err
	}
	if err := s.fill(ctx, all.Records, of.content); err != nil {
		return 0, false, err
	}
	if of.withheld {
		all.Records = withholdRecords(all.Records)
	}
	t := buildTrace(found.ID, all.Records)
	if o, ok := out.(*otlpLines); ok {
		kept := make([]llm.Record, len(t.Spans))
		for i := range t.Spans {
			kept[i] = llm.Record{Call: t.Spans[i].Call, Span: t.Spans[i].Span}
		}
		return len(kept), all.Partial, o.trace(kept)
	}
	for i := range t.Spans {
		row := traceRow{found.ID, &t.Spans[i]}
		if l, ok := out.(*lines); ok {
			err = l.e.Encode(row)
		} else {
			err = out.Write(row.values(of.content))
		}
		if err != nil {
			return i, all.Partial, err
		}
	}
	return len(t.Spans), all.Partial, nil
}

// around is where all records of a trace are that has these.
func around(records []llm.Record) events.Range {
	var r events.Range
	for _, rec := range records {
		at := recordTime(rec)
		if r.Start.IsZero() || at.Before(r.Start) {
			r.Start = at
		}
		if at.After(r.End) {
			r.End = at
		}
	}
	if r.Start.IsZero() {
		return r
	}
	return events.Range{Start: r.Start.Add(-traceAround), End: r.End.Add(traceAround)}
}

func recordTime(r llm.Record) time.Time {
	if r.Call != nil {
		return r.Call.Time
	}
	if r.Span != nil {
		return r.Span.Time
	}
	return time.Time{}
}

// fill adds the content of the Calls of a trace or, without content, takes out
// what senders put prompts into.
func (s *server) fill(ctx context.Context, records []llm.Record, content bool) error {
	var calls []*llm.Call
	at := map[string]int{}
	for i, r := range records {
		switch {
		case r.Call != nil && content:
			calls, at[r.Call.ID] = append(calls, r.Call), i
		case r.Call != nil:
			c := *r.Call
			c.Attributes, c.Resource, c.Events, c.Links, c.Params, c.Tools = nil, nil, nil, nil, nil, nil
			records[i].Call = &c
		case r.Span != nil && !content:
			sp := *r.Span
			sp.Attributes, sp.Resource, sp.Events, sp.Links = nil, nil, nil, nil
			sp.Input, sp.Output = "", ""
			records[i].Span = &sp
		}
	}
	for len(calls) > 0 {
		few := calls[:min(len(calls), events.MaxDetails)]
		calls = calls[len(few):]
		full, err := s.Details.WithContent(ctx, few)
		if err != nil {
			return err
		}
		for _, c := range full {
			records[at[c.ID]].Call = c
		}
	}
	return nil
}

// traceRow is a span with the trace that it is of.
type traceRow struct {
	TraceID string `json:"trace_id"`
	*TraceSpan
}

func spanColumns() []export.Column {
	return []export.Column{
		{Name: "trace_id", Repeats: true},
		{Name: "span_id"},
		{Name: "parent_span_id"},
		{Name: "tree_parent"},
		{Name: "name", Repeats: true},
		{Name: "kind", Repeats: true},
		{Name: "service", Repeats: true},
		{Name: "time", Type: export.Moment, Required: true},
		{Name: "offset_seconds", Type: export.Number, Required: true},
		{Name: "duration_seconds", Type: export.Number, Required: true},
		{Name: "status", Repeats: true},
		{Name: "error_type", Repeats: true},
		{Name: "container", Type: export.Boolean, Required: true},
		{Name: "call_id"},
		{Name: "provider", Repeats: true},
		{Name: "model", Repeats: true},
		{Name: "input_tokens", Type: export.Integer},
		{Name: "output_tokens", Type: export.Integer},
		{Name: "cost_usd", Type: export.Number},
		{Name: "cost_state", Repeats: true},
		{Name: "user"},
		{Name: "session"},
		{Name: "agent", Repeats: true},
		{Name: "attributes"},
		{Name: "input"},
		{Name: "output"},
	}
}

// values is the row of spanColumns.
func (t traceRow) values(content bool) []export.Value {
	s := t.TraceSpan
	out := []export.Value{
		export.Str(t.TraceID), export.Str(s.SpanID), export.Str(s.ParentSpanID), export.Str(s.TreeParent), export.Str(s.Name), export.Str(s.Kind),
		export.Str(s.Service), export.Time(s.Start), export.Float(s.OffsetSeconds), export.Float(s.DurationSeconds), export.Str(string(s.Status)), export.Str(s.ErrorType), export.Bool(s.Container),
	}
	var call [10]export.Value // call_id to agent
	var body [3]export.Value  // attributes, input, output
	if c := s.Call; c != nil {
		call[0], call[1], call[2] = export.Str(c.ID), export.Str(c.Provider), export.Str(c.Model())
		if n, ok := c.Usage.InputTokens.Get(); ok {
			call[3] = export.Int(n)
		}
		if n, ok := c.Usage.OutputTokens.Get(); ok {
			call[4] = export.Int(n)
		}
		if usd, ok := c.Cost.USD.Get(); ok {
			call[5] = export.Float(usd)
		}
		call[6], call[7], call[8], call[9] = export.Str(string(c.Cost.State)), export.Str(c.User), export.Str(c.Session), export.Str(c.Agent)
		if content {
			body = [3]export.Value{jsonText(c.Attributes), jsonText(c.Input), jsonText(c.Output)}
		}
	}
	if sp := s.Span; sp != nil {
		call[7], call[8], call[9] = export.Str(sp.User), export.Str(sp.Session), export.Str(sp.Agent)
		if content {
			body = [3]export.Value{jsonText(sp.Attributes), export.Str(sp.Input), export.Str(sp.Output)}
		}
	}
	return append(append(out, call[:]...), body[:]...)
}

// otlpLines writes traces as lines of OTLP JSON.
type otlpLines struct {
	w *bufio.Writer
	m ptrace.JSONMarshaler
}

func newOTLPLines(w io.Writer) *otlpLines { return &otlpLines{w: bufio.NewWriterSize(w, 64<<10)} }

func (o *otlpLines) trace(records []llm.Record) error {
	td := ptrace.NewTraces()
	semconv.AppendTraces(td, records)
	b, err := o.m.MarshalTraces(td)
	if err != nil {
		return err
	}
	if _, err := o.w.Write(b); err != nil {
		return err
	}
	return o.w.WriteByte('\n')
}

// Write implements export.Writer for rows, of which these lines have none.
func (o *otlpLines) Write([]export.Value) error { return nil }

// Flush implements export.Writer.
func (o *otlpLines) Flush() error { return o.w.Flush() }

// Close implements export.Writer.
func (o *otlpLines) Close() error { return o.w.Flush() }
