package api

import (
	"bufio"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/pitot-dev/pitot/internal/events"
	"github.com/pitot-dev/pitot/internal/export"
	"github.com/pitot-dev/pitot/internal/llm"
)

// callColumn is a column of an export of Calls.
type callColumn struct {
	export.Column
	value func(*llm.Call) export.Value
}

func callColumns() []export.Column {
	out := make([]export.Column, len(callTable))
	for i := range callTable {
		out[i] = callTable[i].Column
	}
	return out
}

// writeCall writes a Call; row is room for it.
func writeCall(w export.Writer, c *llm.Call, content bool, row []export.Value) error {
	if l, ok := w.(*lines); ok {
		return l.call(c)
	}
	row = row[:0]
	for _, col := range callTable {
		row = append(row, col.value(c))
	}
	if content {
		row = append(row, jsonText(c.Input), jsonText(c.Output), export.Str(string(c.Tools)))
	}
	return w.Write(row)
}

// callTable is the columns of an export of Calls, in their order; read only.
var callTable = slices.Concat(callIdentity, callOutcome, callUsage, callContext)

func word(name string, f func(*llm.Call) string) callColumn {
	return callColumn{export.Column{Name: name, Repeats: true}, func(c *llm.Call) export.Value { return export.Str(f(c)) }}
}

func text(name string, f func(*llm.Call) string) callColumn {
	return callColumn{export.Column{Name: name}, func(c *llm.Call) export.Value { return export.Str(f(c)) }}
}

func integer(name string, f func(*llm.Call) llm.Opt[int64]) callColumn {
	return callColumn{export.Column{Name: name, Type: export.Integer}, func(c *llm.Call) export.Value {
		if n, ok := f(c).Get(); ok {
			return export.Int(n)
		}
		return export.Value{}
	}}
}

func number(name string, f func(*llm.Call) llm.Opt[float64]) callColumn {
	return callColumn{export.Column{Name: name, Type: export.Number}, func(c *llm.Call) export.Value {
		if n, ok := f(c).Get(); ok {
			return export.Float(n)
		}
		return export.Value{}
	}}
}

func seconds(name string, f func(*llm.Call) llm.Opt[time.Duration]) callColumn {
	return number(name, func(c *llm.Call) llm.Opt[float64] {
		if d, ok := f(c).Get(); ok {
			return llm.Some(d.Seconds())
		}
		return llm.Opt[float64]{}
	})
}

var callIdentity = []callColumn{
	text("id", func(c *llm.Call) string { return c.ID }),
	{export.Column{Name: "time", Type: export.Moment, Required: true}, func(c *llm.Call) export.Value { return export.Time(c.Time) }},
	word("source", func(c *llm.Call) string { return string(c.Source) }),
	word("service", func(c *llm.Call) string { return c.Service }),
	word("environment", func(c *llm.Call) string { return c.Environment }),
	word("upstream", func(c *llm.Call) string { return c.Upstream }),
	word("provider", func(c *llm.Call) string { return c.Provider }),
	word("operation", func(c *llm.Call) string { return string(c.Operation) }),
	word("request_model", func(c *llm.Call) string { return c.RequestModel }),
	word("response_model", func(c *llm.Call) string { return c.ResponseModel }),
	text("response_id", func(c *llm.Call) string { return c.ResponseID }),
	word("service_tier", func(c *llm.Call) string { return c.ServiceTier }),
	word("region", func(c *llm.Call) string { return c.Region }),
	{export.Column{Name: "stream", Type: export.Boolean, Required: true}, func(c *llm.Call) export.Value { return export.Bool(c.Stream) }},
}

var callOutcome = []callColumn{
	word("status", func(c *llm.Call) string { return string(c.Status) }),
	word("error_type", func(c *llm.Call) string { return c.ErrorType }),
	text("error_message", func(c *llm.Call) string { return c.ErrorMessage }),
	integer("http_status", func(c *llm.Call) llm.Opt[int64] {
		if c.HTTPStatus == 0 {
			return llm.Opt[int64]{}
		}
		return llm.Some(int64(c.HTTPStatus))
	}),
	word("finish_reasons", func(c *llm.Call) string { return strings.Join(c.FinishReasons, " ") }),
	seconds("duration_seconds", func(c *llm.Call) llm.Opt[time.Duration] { return llm.Some(c.Duration) }),
	seconds("ttft_seconds", func(c *llm.Call) llm.Opt[time.Duration] { return c.TTFT }),
	seconds("tpot_seconds", func(c *llm.Call) llm.Opt[time.Duration] { return c.TPOT() }),
	seconds("gateway_overhead_seconds", func(c *llm.Call) llm.Opt[time.Duration] { return c.GatewayOverhead }),
}

var callUsage = []callColumn{
	integer("input_tokens", func(c *llm.Call) llm.Opt[int64] { return c.Usage.InputTokens }),
	integer("output_tokens", func(c *llm.Call) llm.Opt[int64] { return c.Usage.OutputTokens }),
	integer("cache_read_tokens", func(c *llm.Call) llm.Opt[int64] { return c.Usage.CacheReadTokens }),
	integer("cache_write_tokens", func(c *llm.Call) llm.Opt[int64] { return c.Usage.CacheWriteTokens }),
	integer("cache_write_1h_tokens", func(c *llm.Call) llm.Opt[int64] { return c.Usage.CacheWrite1hTokens }),
	integer("reasoning_tokens", func(c *llm.Call) llm.Opt[int64] { return c.Usage.ReasoningTokens }),
	integer("input_audio_tokens", func(c *llm.Call) llm.Opt[int64] { return c.Usage.InputAudioTokens }),
	integer("output_audio_tokens", func(c *llm.Call) llm.Opt[int64] { return c.Usage.OutputAudioTokens }),
	integer("images", func(c *llm.Call) llm.Opt[int64] { return c.Usage.Images }),
	number("audio_seconds", func(c *llm.Call) llm.Opt[float64] { return c.Usage.AudioSeconds }),
	integer("characters", func(c *llm.Call) llm.Opt[int64] { return c.Usage.Characters }),
	integer("searches", func(c *llm.Call) llm.Opt[int64] { return c.Usage.Searches }),
	word("usage_source", func(c *llm.Call) string { return string(c.Usage.Source) }),
	number("cost_usd", func(c *llm.Call) llm.Opt[float64] { return c.Cost.USD }),
	word("cost_state", func(c *llm.Call) string { return string(c.Cost.State) }),
	word("cost_rule", func(c *llm.Call) string { return c.Cost.Rule }),
	word("cost_reason", func(c *llm.Call) string { return c.Cost.Reason }),
}

var callContext = []callColumn{
	text("user", func(c *llm.Call) string { return c.User }),
	text("session", func(c *llm.Call) string { return c.Session }),
	word("feature", func(c *llm.Call) string { return c.Feature }),
	word("prompt_name", func(c *llm.Call) string { return c.PromptName }),
	word("prompt_version", func(c *llm.Call) string { return c.PromptVersion }),
	word("agent", func(c *llm.Call) string { return c.Agent }),
	word("workflow", func(c *llm.Call) string { return c.Workflow }),
	word("dialect", func(c *llm.Call) string { return c.Dialect }),
	word("scope", func(c *llm.Call) string { return c.Scope }),
	{export.Column{Name: "weight", Type: export.Number, Required: true}, func(c *llm.Call) export.Value { return export.Float(c.Count()) }},
	text("trace_id", func(c *llm.Call) string { return c.TraceID }),
	text("span_id", func(c *llm.Call) string { return c.SpanID }),
	text("parent_span_id", func(c *llm.Call) string { return c.ParentSpanID }),
	text("tags", func(c *llm.Call) string {
		if len(c.Tags) == 0 {
			return ""
		}
		b, err := json.Marshal(c.Tags)
		if err != nil {
			return "" // strings always encode
		}
		return string(b)
	}),
	word("notes", func(c *llm.Call) string { return strings.Join(c.Notes, " ") }),
}

// lines writes Calls as lines of JSON, as the list of calls has them.
type lines struct {
	w *bufio.Writer
	e *json.Encoder
}

func newLines(w io.Writer) *lines {
	l := &lines{w: bufio.NewWriterSize(w, 64<<10)}
	l.e = json.NewEncoder(l.w)
	l.e.SetEscapeHTML(false)
	return l
}

func (l *lines) call(c *llm.Call) error { return l.e.Encode(c) }

// Write implements export.Writer for rows, of which lines have none.
func (l *lines) Write([]export.Value) error { return nil }

// Flush implements export.Writer.
func (l *lines) Flush() error { return l.w.Flush() }

// Close implements export.Writer.
func (l *lines) Close() error { return l.w.Flush() }

// costColumns are the columns of an export of costs.
func costColumns(by []string, step time.Duration) []export.Column {
	var out []export.Column
	if step > 0 {
		out = append(out, export.Column{Name: "time", Type: export.Moment, Required: true})
	}
	for _, b := range by {
		out = append(out, export.Column{Name: b, Repeats: true})
	}
	for _, name := range []string{"calls", "errors", "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens"} {
		out = append(out, export.Column{Name: name, Type: export.Integer, Required: true})
	}
	for _, name := range []string{"cost_usd", "cost_reported_usd", "cost_computed_usd", "cost_estimated_usd"} {
		out = append(out, export.Column{Name: name, Type: export.Number, Required: true})
	}
	return append(out, export.Column{Name: "calls_unpriced", Type: export.Integer, Required: true}, export.Column{Name: "duration_seconds_sum", Type: export.Number, Required: true})
}

// costRow is a group as a row of costColumns.
func costRow(g *events.Group, by []string, step time.Duration) []export.Value {
	var out []export.Value
	if step > 0 {
		out = append(out, export.Time(g.Time))
	}
	for _, b := range by {
		out = append(out, export.Str(g.Values[b]))
	}
	t := &g.Totals
	for _, n := range []int64{t.Calls, t.Errors, t.InputTokens, t.OutputTokens, t.CacheReadTokens, t.CacheWriteTokens, t.ReasoningTokens} {
		out = append(out, export.Int(n))
	}
	for _, usd := range []float64{t.CostUSD, t.ByState[llm.CostReported].CostUSD, t.ByState[llm.CostComputed].CostUSD, t.ByState[llm.CostEstimated].CostUSD} {
		out = append(out, export.Float(usd))
	}
	return append(out, export.Int(t.ByState[llm.CostUnpriced].Calls), export.Float(t.DurationSeconds))
}
