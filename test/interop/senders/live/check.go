package main

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/pitot-dev/pitot/test/interop/senders/harness"
)

// state is what became of a field.
type state int

const (
	absent  state = iota // there was nothing to deliver
	right                // delivered, and true
	missing              // not delivered
	wrong                // delivered, and not true
)

// finding is what became of a field of a call.
type finding struct {
	field string
	state state
	say   string
}

// fields are those of a call in the order in which they are shown.
var fields = []string{
	"call", "once", "provider", "operation", "request_model", "response_model", "response_id", "stream", "status", "error_type", "http_status", "finish_reasons",
	"input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens", "usage_source", "cost",
	"duration", "ttft", "user", "session", "agent", "workflow", "tree", "tools", "input", "output", "metrics",
}

func same[T comparable](field string, want, got T) finding {
	var zero T
	switch {
	case want != got && got != zero:
		return finding{field, wrong, fmt.Sprintf("got %v, want %v", got, want)}
	case want == zero:
		return finding{field, absent, ""}
	case got == zero:
		return finding{field, missing, fmt.Sprintf("want %v", want)}
	}
	return finding{field, right, ""}
}

// tokens compares counts: one that was not sent may be said to be 0.
func tokens(field string, want, got *int64) finding {
	var w, g int64
	if want != nil {
		w = *want
	}
	if got != nil {
		g = *got
	}
	return same(field, w, g)
}

// responseModel is not asked of a call that nobody answered.
func responseModel(w harness.WantCall, g call) finding {
	if w.ResponseModel == "" {
		return finding{"response_model", absent, ""}
	}
	return same("response_model", w.ResponseModel, g.ResponseModel)
}

// check compares a call with what was really done by a sender that ran so long.
func check(w harness.WantCall, g call, ran time.Duration) []finding {
	f := []finding{
		same("provider", w.Provider, g.Provider), operation(w.Operation, g.Operation), same("request_model", w.RequestModel, g.RequestModel),
		responseModel(w, g), same("response_id", w.ResponseID, g.ResponseID),
		same("stream", w.Stream, g.Stream), status(w, g),
		same("finish_reasons", strings.Join(w.FinishReasons, ","), strings.Join(g.FinishReasons, ",")),
		same("user", w.User, g.User), same("session", w.Session, g.Session), same("agent", w.Agent, g.Agent), same("workflow", w.Workflow, g.Workflow),
		ttft(w, g), duration(w, g, ran),
	}
	if !w.Stream && g.Stream {
		f = append(f, finding{"stream", wrong, "it was no stream"})
	}
	if w.Status == "error" {
		f = append(f, same("http_status", w.HTTPStatus, g.HTTPStatus), errorType(g.ErrorType))
	}
	switch {
	case w.UsageReported && g.Usage.Source == "estimated":
		f = append(f, finding{"input_tokens", missing, "estimated from the text"}, finding{"output_tokens", missing, "estimated from the text"})
	case w.UsageReported:
		f = append(f, tokens("input_tokens", w.InputTokens, g.Usage.Input), tokens("output_tokens", w.OutputTokens, g.Usage.Output),
			tokens("cache_read_tokens", w.CacheReadTokens, g.Usage.CacheRead), tokens("cache_write_tokens", w.CacheWriteTokens, g.Usage.CacheWrite),
			tokens("reasoning_tokens", w.ReasoningTokens, g.Usage.Reasoning), cost(w, g))
	case g.Usage.Source == "reported":
		f = append(f, finding{"usage_source", wrong, "the answer carried no usage: the count is the sender's own"})
	}
	return f
}

// status says which error there was where there should be none.
func status(w harness.WantCall, g call) finding {
	f := same("status", w.Status, g.Status)
	if f.state == wrong && g.ErrorType != "" {
		f.say += ": " + g.ErrorType
	}
	return f
}

// operation takes chat for the Responses API: the convention has one name for both.
func operation(want, got string) finding {
	if want == "responses" && got == "chat" {
		got = want
	}
	return same("operation", want, got)
}

func errorType(got string) finding {
	if got == "" || got == "error" || got == "_OTHER" {
		return finding{"error_type", missing, fmt.Sprintf("got %q", got)}
	}
	return finding{"error_type", right, ""}
}

// ttft cannot be long before the provider wrote the first content, nor after the
// end. A little before is the first chunk, which has none.
func ttft(w harness.WantCall, g call) finding {
	switch {
	case w.TTFTSeconds == 0:
		return finding{"ttft", absent, ""}
	case g.TTFT == nil:
		return finding{"ttft", missing, ""}
	case *g.TTFT < 0.3*w.TTFTSeconds || *g.TTFT > g.Duration+0.001:
		return finding{"ttft", wrong, fmt.Sprintf("got %.3f s of %.3f s, the provider's was %.3f s", *g.TTFT, g.Duration, w.TTFTSeconds)}
	}
	return finding{"ttft", right, ""}
}

// duration cannot be shorter than the provider's own, nor longer than the sender
// ran.
func duration(w harness.WantCall, g call, ran time.Duration) finding {
	if g.Duration < 0.9*w.DurationSeconds || g.Duration > ran.Seconds() {
		return finding{"duration", wrong, fmt.Sprintf("got %.3f s, the provider's was %.3f s", g.Duration, w.DurationSeconds)}
	}
	return finding{"duration", right, ""}
}

func cost(w harness.WantCall, g call) finding {
	switch {
	case w.CostUSD == nil:
		return finding{"cost", absent, ""}
	case g.Cost.USD == nil || g.Cost.State == "estimated":
		return finding{"cost", missing, g.Cost.State}
	case math.Abs(*g.Cost.USD-*w.CostUSD) > 1e-9:
		return finding{"cost", wrong, fmt.Sprintf("got %.9f (%s), want %.9f", *g.Cost.USD, g.Cost.State, *w.CostUSD)}
	}
	return finding{"cost", right, ""}
}

// checkContent compares what only the call's own page and its trace say.
func checkContent(ctx context.Context, p *pitot, w harness.WantCall, g call) ([]finding, error) {
	d, err := p.detail(ctx, g.ID)
	if err != nil {
		return nil, err
	}
	var in, out strings.Builder
	var tools []string
	for _, m := range d.Input {
		for _, part := range m.Parts {
			in.WriteString(part.Content)
		}
	}
	for _, m := range d.Output {
		for _, part := range m.Parts {
			out.WriteString(part.Content)
			if part.Type == "tool_call" {
				tools = append(tools, part.Name)
			}
		}
	}
	f := []finding{same("tools", strings.Join(w.Tools, ","), strings.Join(tools, ","))}
	switch {
	case w.InputText == "":
	case strings.Contains(in.String(), w.InputText):
		f = append(f, finding{"input", right, ""})
	case in.Len() == 0:
		f = append(f, finding{"input", missing, ""})
	default:
		f = append(f, finding{"input", wrong, fmt.Sprintf("got %q", in.String())})
	}
	if w.OutputText != "" {
		f = append(f, same("output", strings.TrimSpace(w.OutputText), strings.TrimSpace(out.String())))
	}
	if len(w.Tree) > 0 {
		tree, err := checkTree(ctx, p, w, g)
		if err != nil {
			return nil, err
		}
		f = append(f, tree)
	}
	return f, nil
}

// checkTree wants the spans around the call among its ancestors, in order. Senders
// add to the names, or put them into an attribute, and put spans of their own
// between.
func checkTree(ctx context.Context, p *pitot, w harness.WantCall, g call) (finding, error) {
	if g.TraceID == "" {
		return finding{"tree", missing, "the call is in no trace"}, nil
	}
	around, err := p.ancestors(ctx, g.TraceID, g.SpanID)
	if err != nil {
		return finding{}, err
	}
	var names []string
	for _, s := range around {
		names = append(names, s.name)
	}
	left := around
	for _, want := range w.Tree {
		i := slices.IndexFunc(left, func(s span) bool { return strings.Contains(s.name, want) || slices.Contains(s.tags, want) })
		if i < 0 {
			return finding{"tree", wrong, fmt.Sprintf("got %v, want %v", names, w.Tree)}, nil
		}
		left = left[i+1:]
	}
	return finding{"tree", right, ""}, nil
}

// pair finds the recorded call of each that was made: by the response's id, else
// in order.
func pair(want []harness.WantCall, got []call) []*call {
	out := make([]*call, len(want))
	used := make([]bool, len(got))
	for i, w := range want {
		for j := range got {
			if !used[j] && w.ResponseID != "" && got[j].ResponseID == w.ResponseID {
				out[i], used[j] = &got[j], true
				break
			}
		}
	}
	for i, w := range want {
		for j := range got {
			if out[i] == nil && !used[j] && (got[j].ResponseID == "" || w.ResponseID == "") {
				out[i], used[j] = &got[j], true
			}
		}
	}
	return out
}
