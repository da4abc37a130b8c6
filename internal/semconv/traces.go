package semconv

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/pitot-dev/pitot/internal/llm"
)

// Traces turns spans into Calls and Spans, in their order. It reads td and does
// not keep any of it.
func (n *Normalizer) Traces(td ptrace.Traces) Result {
	var res Result
	var rejected rejections
	sc := n.scratch()
	defer n.release(sc)
	res.Records = make([]llm.Record, 0, td.SpanCount())
	for _, rs := range td.ResourceSpans().All() {
		o := originOf(rs.Resource())
		for _, ss := range rs.ScopeSpans().All() {
			scp := scopeOf(ss.Scope(), &o)
			for _, sp := range ss.Spans().All() {
				if sp.TraceID().IsEmpty() || sp.SpanID().IsEmpty() {
					rejected.add("no valid trace id and span id: a trace id has 16 bytes, a span id 8, and neither is zero")
					continue
				}
				res.Records = append(res.Records, n.span(sc, sp, &o, &scp))
			}
		}
	}
	rejected.into(&res, "spans")
	return res
}

// spanContext is what Calls and Spans have in common.
type spanContext struct {
	sp         ptrace.Span
	o          *origin
	scope      *scope
	start      time.Time
	duration   time.Duration
	notes      []string
	attributes map[string]any
	events     eventFacts
	dialect    dialect
}

// span turns one span into its record.
func (n *Normalizer) span(sc *scratch, sp ptrace.Span, o *origin, scp *scope) llm.Record {
	sc.reset()
	c := spanContext{sp: sp, o: o, scope: scp, start: sp.StartTimestamp().AsTime()}
	end := sp.EndTimestamp()
	switch {
	case sp.StartTimestamp() == 0 && end != 0:
		c.start = end.AsTime()
	case end == 0:
		c.notes = append(c.notes, "no_end")
	case end < sp.StartTimestamp(), end-sp.StartTimestamp() > math.MaxInt64:
		c.notes = append(c.notes, "bad_duration")
	default:
		c.duration = time.Duration(end - sp.StartTimestamp())
	}
	if n.skewed(c.start) {
		c.notes = append(c.notes, "clock_skew")
	}
	c.attributes = sc.collect(sp.Attributes(), nil)
	r := n.roleOf(sc, sp.Name())
	c.dialect = scp.dialectFor(sc)
	if sp.Events().Len() > 0 {
		c.events = n.events(sc, &c, r)
	}
	if sc.over {
		c.notes = append(c.notes, "attributes_cut")
	}
	if r.op == "" && c.dialect == dCodex {
		r.silent = true // its log events are what is counted
	}
	if r.op != "" {
		call := n.call(sc, &c, r.op, true)
		call.Attributes = c.attributes
		return llm.Record{Call: call}
	}
	return llm.Record{Span: n.container(sc, &c, r)}
}

// container is a span that is no call of a model.
func (n *Normalizer) container(sc *scratch, c *spanContext, r role) *llm.Span {
	s := &llm.Span{
		Time: c.start, Source: c.scope.source, TraceID: c.sp.TraceID().String(), SpanID: c.sp.SpanID().String(),
		Name: clean(c.sp.Name()), Kind: r.kind, OTelKind: otelKind(c.sp.Kind()), Service: c.o.service, Environment: c.environment(sc),
		Duration: c.duration, Status: llm.StatusOK, Agent: sc.str(fAgent), Workflow: sc.str(fWorkflow),
		User: sc.str(fUser), Session: sc.str(fSession), Scope: c.scope.name, ScopeVersion: c.scope.version,
		Attributes: c.attributes, Resource: maps.Clone(c.o.attributes), Events: c.events.kept, Links: linksOf(c.sp.Links()),
	}
	if id := c.sp.ParentSpanID(); !id.IsEmpty() {
		s.ParentSpanID = id.String()
	} else if r.chain {
		s.Kind = llm.KindWorkflow // nothing above it: it is the whole of the work
	}
	if typ, message, failed := c.failure(sc); failed {
		s.Status, s.ErrorType, s.ErrorMessage = llm.StatusError, typ, cut(message, llm.MaxErrorMessage)
	}
	if sc.isLLM() || c.scope.dialect != dNone {
		s.Dialect = c.dialect.String()
	}
	switch r.kind {
	case llm.KindTool:
		s.Tool = cmp.Or(sc.str(fTool), sc.str(fEntity), strings.TrimPrefix(s.Name, "execute_tool "))
	case llm.KindAgent:
		if s.Agent = cmp.Or(s.Agent, sc.str(fEntity)); s.Agent == "" && c.dialect != dVercel && c.dialect != dClaude {
			s.Agent = strings.TrimPrefix(s.Name, "invoke_agent ")
		}
	case llm.KindWorkflow:
		if s.Workflow == "" {
			s.Workflow = sc.str(fEntity)
		}
	case llm.KindRetrieval:
		s.Tool = sc.str(fTool)
	default:
	}
	s.Input, s.Output = sc.spanContent(r.kind, &c.events, n.lookup)
	if strings.HasPrefix(s.Name, "raw_gen_ai_request") {
		rawRequest(s)
	}
	if !r.silent && (r.kind == llm.KindAgent || r.kind == llm.KindWorkflow || r.kind == llm.KindTask) {
		s.Aggregate = n.aggregate(sc, c)
	}
	if len(c.notes) > 0 {
		if s.Attributes == nil {
			s.Attributes = make(map[string]any, 1)
		}
		notes := make([]any, len(c.notes))
		for i, note := range c.notes {
			notes[i] = note
		}
		s.Attributes["pitot.notes"] = notes
	}
	return s
}

// rawRequest moves the content out of the attributes of LiteLLM's copies of
// requests and answers: llm.<provider>.<name of the provider's field>.
func rawRequest(s *llm.Span) {
	for _, k := range slices.Sorted(maps.Keys(s.Attributes)) {
		text, ok := s.Attributes[k].(string)
		if !ok || !strings.HasPrefix(k, "llm.") {
			continue
		}
		switch k[strings.LastIndexByte(k, '.')+1:] {
		case "messages", "input", "prompt", "contents", "system", "instructions", "tools":
			s.Input += text
		case "choices", "output", "content", "candidates", "data", "message", "embeddings":
			s.Output += text
		default:
			continue
		}
		delete(s.Attributes, k)
	}
}

// aggregate is the Call that a container stands for if nothing beneath it is
// seen: only where it states usage.
func (n *Normalizer) aggregate(sc *scratch, c *spanContext) *llm.Call {
	if !sc.has(fInputTokens) && !sc.has(fOutputTokens) && !sc.has(fUsageJSON) {
		return nil
	}
	call := n.call(sc, c, llm.OpChat, true)
	if !call.Usage.InputTokens.Known() && !call.Usage.OutputTokens.Known() {
		return nil
	}
	call.Attributes = maps.Clone(c.attributes)
	call.Note("aggregate")
	return call
}

// isLLM says whether anything of a span is about models.
func (sc *scratch) isLLM() bool { return sc.hints&^1 != 0 || sc.opsSeen }

func (c *spanContext) environment(sc *scratch) string {
	if e := sc.str(fEnvironment); e != "" {
		return e
	}
	return c.o.environment
}

// failure says whether the span failed, and how.
func (c *spanContext) failure(sc *scratch) (typ, message string, failed bool) {
	st := c.sp.Status()
	typ = sc.str(fErrorType)
	message = clean(st.Message())
	if message == "" {
		message = sc.str(fErrorMessage)
	}
	status := sc.count(fHTTPStatus).Or(0)
	failed = st.Code() == ptrace.StatusCodeError || strings.EqualFold(sc.str(fLevel), "error") || typ != "" || status >= 400 || c.events.errorType != "" && st.Code() != ptrace.StatusCodeOk
	if !failed {
		return "", "", false
	}
	if typ == "" || typ == "_OTHER" && c.events.errorType != "" {
		typ = c.events.errorType
	}
	if message == "" {
		message = c.events.errorMessage
	}
	if typ == "" || typ == "exception" {
		typ = "error"
		if n := statusIn(message); n != 0 {
			typ = strconv.Itoa(n)
		}
	}
	return typ, message, true
}

func otelKind(k ptrace.SpanKind) string {
	switch k {
	case ptrace.SpanKindServer:
		return "server"
	case ptrace.SpanKindClient:
		return "client"
	case ptrace.SpanKindProducer:
		return "producer"
	case ptrace.SpanKindConsumer:
		return "consumer"
	case ptrace.SpanKindInternal:
		return "internal"
	default:
		return ""
	}
}

// maxLinks bounds the links of one span.
const maxLinks = 128

func linksOf(links ptrace.SpanLinkSlice) []llm.SpanLink {
	if links.Len() == 0 {
		return nil
	}
	out := make([]llm.SpanLink, 0, min(links.Len(), maxLinks))
	for _, l := range links.All() {
		if len(out) == maxLinks {
			break
		}
		if l.TraceID().IsEmpty() {
			continue
		}
		out = append(out, llm.SpanLink{TraceID: l.TraceID().String(), SpanID: l.SpanID().String(), Attributes: rawMap(l.Attributes())})
	}
	return out
}

// rawMap converts attributes of which nothing is read.
func rawMap(m pcommon.Map) map[string]any {
	if m.Len() == 0 {
		return nil
	}
	var left budget
	out := make(map[string]any, min(m.Len(), maxAttributes))
	for k, v := range m.All() {
		if len(out) >= maxAttributes {
			break
		}
		if v.Type() != pcommon.ValueTypeEmpty {
			out[clean(k)] = left.anyOf(v, 0)
		}
	}
	return out
}

// cut shortens s to at most n bytes without splitting a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n]
}
