package semconv

import (
	"cmp"
	"crypto/sha256"
	"strconv"
	"strings"

	"github.com/oklog/ulid/v2"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/pitot-dev/pitot/internal/llm"
)

// Coding agents say what they asked of models in log events; spans of theirs
// are a beta, off by default. The rules by which one call is counted once:
//
//   - Claude Code: the event api_request and the span llm_request both become
//     Calls. They carry one request id, which is their ResponseID, and the event
//     names the span around it as its parent: either joins them.
//   - Codex CLI: only events count. Its spans name no model and become Spans.
//   - Gemini CLI: api_response counts; the inference details event that it sends
//     with it stays a Log. A span llm_call is the parent of the event.

// agentEvent is what an event of a coding agent means.
type agentEvent uint8

const (
	agentOther  agentEvent = iota // a Log: prompts, tools, decisions
	agentCalled                   // a model answered
	agentFailed                   // a model did not answer
)

// agentEventOf recognises the events of coding agents that describe a call of
// a model.
func agentEventOf(r *logRecord) (dialect, string, agentEvent) {
	name := r.event
	if body := r.lr.Body().Str(); name == "" || !strings.Contains(name, ".") && strings.HasSuffix(body, "."+name) {
		name = cmp.Or(body, name)
	}
	if r.scope.dialect == dClaude && !strings.Contains(name, ".") {
		name = "claude_code." + name
	}
	switch name {
	case "claude_code.api_request":
		return dClaude, name, agentCalled
	case "claude_code.api_error", "claude_code.api_refusal":
		return dClaude, name, agentFailed
	case "gemini_cli.api_response":
		return dGemini, name, agentCalled
	case "gemini_cli.api_error":
		return dGemini, name, agentFailed
	case "codex.sse_event":
		m := r.lr.Attributes()
		if textAttr(m, "error.message") != "" {
			return dCodex, name, agentFailed
		}
		if _, usage := m.Get("input_token_count"); usage || textAttr(m, "event.kind") == "response.completed" {
			return dCodex, name, agentCalled
		}
	case "codex.api_request", "codex.websocket_request":
		m := r.lr.Attributes()
		status, known := firstAttr(m, countOf, "http.response.status_code")
		if textAttr(m, "error.message") != "" || known && status >= 400 {
			return dCodex, name, agentFailed
		}
	}
	return dNone, "", agentOther
}

// agentCall is the Call that an event of a coding agent describes, nil where it
// describes none.
func (n *Normalizer) agentCall(sc *scratch, r *logRecord) *llm.Call {
	d, name, kind := agentEventOf(r)
	if kind == agentOther {
		return nil
	}
	sc.reset()
	attrs := sc.collect(r.lr.Attributes(), nil)
	r.event = name
	op := llm.OpChat
	switch d {
	case dCodex:
		op = llm.OpResponses
	case dGemini:
		op = llm.OpGenerateContent
	default:
	}
	call := n.callOfLog(sc, r, attrs, op, d)
	m := r.lr.Attributes()
	switch d {
	case dClaude:
		call.Provider = cmp.Or(call.Provider, llm.ProviderAnthropic)
		if textAttr(m, "speed") == "fast" {
			call.ServiceTier = cmp.Or(call.ServiceTier, "fast")
		}
	case dCodex:
		call.Provider = cmp.Or(call.Provider, llm.ProviderOpenAI)
		call.Stream = true
	case dGemini:
		call.Provider = cmp.Or(call.Provider, geminiProvider(textAttr(m, "auth_type")))
		geminiUsage(&call.Usage, m)
	default:
	}
	if kind == agentFailed {
		typ := cmp.Or(textAttr(m, "error_type"), textAttr(m, "error.type"))
		if typ == "" && call.HTTPStatus >= 400 {
			typ = strconv.Itoa(call.HTTPStatus)
		}
		if strings.HasSuffix(name, "api_refusal") {
			typ = cmp.Or(typ, "refusal")
		}
		call.SetError(cut(clean(cmp.Or(typ, "error")), 200), clean(cmp.Or(textAttr(m, "error"), textAttr(m, "error.message"), textAttr(m, "error_message"))))
	}
	call.ID = agentID(call, r.lr)
	return call
}

func geminiProvider(auth string) string {
	if strings.Contains(strings.ToLower(auth), "vertex") {
		return llm.ProviderVertex
	}
	return llm.ProviderGemini
}

// geminiUsage completes Gemini's counts: it counts thoughts beside the output,
// and the prompts of tools that it ran itself beside the input.
func geminiUsage(u *llm.Usage, m pcommon.Map) {
	if t, ok := firstAttr(m, countOf, "thoughts_token_count"); ok {
		u.ReasoningTokens = llm.Some(t)
		if out, ok := u.OutputTokens.Get(); ok {
			u.OutputTokens = llm.Some(out + t)
		}
	}
	if t, ok := firstAttr(m, countOf, "tool_token_count"); ok {
		if in, ok := u.InputTokens.Get(); ok {
			u.InputTokens = llm.Some(in + t)
		}
	}
}

// agentID is the same each time that a sender sends the event again: such
// Calls have no span id that could tell.
func agentID(c *llm.Call, lr plog.LogRecord) string {
	m := lr.Attributes()
	h := sha256.New()
	for _, part := range [...]string{
		"event", c.Dialect, c.Service, c.SpanName, c.Session, c.User, c.TraceID, c.ParentSpanID, c.ResponseID, c.RequestModel,
		strconv.FormatInt(c.Time.UnixNano(), 10), strconv.FormatInt(int64(c.Duration), 10),
		strconv.FormatInt(c.Usage.InputTokens.Or(-1), 10), strconv.FormatInt(c.Usage.OutputTokens.Or(-1), 10),
		textAttr(m, "event.sequence"), textAttr(m, "prompt.id"), textAttr(m, "prompt_id"), textAttr(m, "event.timestamp"),
	} {
		h.Write([]byte(strconv.Itoa(len(part))))
		h.Write([]byte{':'})
		h.Write([]byte(part))
	}
	var id ulid.ULID
	ms := uint64(max(c.Time.UnixMilli(), 0))
	if err := id.SetTime(min(ms, ulid.MaxTime())); err != nil {
		return ""
	}
	copy(id[6:], h.Sum(nil))
	return id.String()
}
