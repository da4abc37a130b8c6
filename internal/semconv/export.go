package semconv

import (
	"encoding/json"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/pitot-dev/pitot/internal/llm"
)

// Names of attributes that Pitot adds where OpenTelemetry has none.
const (
	exportID         = "pitot.id"
	exportSource     = "pitot.source"
	exportUpstream   = "pitot.upstream"
	exportFeature    = "pitot.feature"
	exportTagPrefix  = "pitot.tag."
	exportParam      = "pitot.param."
	exportUsage      = "pitot.usage."
	exportCostState  = "pitot.cost.state"
	exportCostRule   = "pitot.cost.rule"
	exportCostReason = "pitot.cost.reason"
)

// exportScope names the scope of records that came with none.
const exportScope = "pitot"

// AppendTraces appends the Calls and Spans among recs to td, in the names of
// OpenTelemetry's GenAI conventions 1.41. Records with the same resource and
// scope share one. Attributes that the records' senders sent are kept beside
// the canonical ones, which win. Logs are passed over.
//
// A record without valid ids gets ids that follow from its own id, so that it
// has the same ones however often it is exported.
func AppendTraces(td ptrace.Traces, recs []llm.Record) {
	scopes := map[string]ptrace.SpanSlice{}
	for _, r := range recs {
		var g exportGroup
		switch {
		case r.Call != nil:
			c := r.Call
			g = exportGroup{c.Service, c.Environment, c.Resource, c.Scope, c.ScopeVersion}
		case r.Span != nil:
			s := r.Span
			g = exportGroup{s.Service, s.Environment, s.Resource, s.Scope, s.ScopeVersion}
		default:
			continue
		}
		key := g.key()
		spans, ok := scopes[key]
		if !ok {
			rs := td.ResourceSpans().AppendEmpty()
			g.resource(rs.Resource())
			ss := rs.ScopeSpans().AppendEmpty()
			g.scope(ss.Scope())
			spans = ss.Spans()
			scopes[key] = spans
		}
		if r.Call != nil {
			exportCall(spans.AppendEmpty(), r.Call)
		} else {
			exportSpan(spans.AppendEmpty(), r.Span)
		}
	}
}

// AppendLogs appends the Logs among recs to ld, as AppendTraces does Spans.
func AppendLogs(ld plog.Logs, recs []llm.Record) {
	scopes := map[string]plog.LogRecordSlice{}
	for _, r := range recs {
		if r.Log == nil {
			continue
		}
		l := r.Log
		g := exportGroup{l.Service, l.Environment, l.Resource, l.Scope, ""}
		key := g.key()
		logs, ok := scopes[key]
		if !ok {
			rl := ld.ResourceLogs().AppendEmpty()
			g.resource(rl.Resource())
			sl := rl.ScopeLogs().AppendEmpty()
			g.scope(sl.Scope())
			logs = sl.LogRecords()
			scopes[key] = logs
		}
		exportLog(logs.AppendEmpty(), l)
	}
}

// exportGroup is what records share that go under one resource and scope.
type exportGroup struct {
	service, environment string
	attributes           map[string]any
	name, version        string
}

func (g *exportGroup) key() string {
	key := g.service + "\x00" + g.environment + "\x00" + g.name + "\x00" + g.version
	if len(g.attributes) == 0 {
		return key
	}
	// The keys of a map are sorted in JSON. What it cannot encode makes groups
	// that are merely larger in number.
	b, err := json.Marshal(g.attributes)
	if err != nil {
		return key
	}
	return key + "\x00" + string(b)
}

func (g *exportGroup) resource(r pcommon.Resource) {
	m := r.Attributes()
	exportMap(m, g.attributes)
	exportStr(m, "service.name", g.service)
	exportStr(m, "deployment.environment.name", g.environment)
}

func (g *exportGroup) scope(s pcommon.InstrumentationScope) {
	s.SetName(g.name)
	s.SetVersion(g.version)
	if g.name == "" {
		s.SetName(exportScope)
	}
}

func exportCall(s ptrace.Span, c *llm.Call) {
	exportIDs(s, c.ID, c.TraceID, c.SpanID, c.ParentSpanID)
	s.SetName(exportCallName(c))
	s.SetKind(ptrace.SpanKindClient)
	s.SetStartTimestamp(pcommon.NewTimestampFromTime(c.Time))
	s.SetEndTimestamp(pcommon.NewTimestampFromTime(c.Time.Add(c.Duration)))
	exportStatus(s, c.Status, c.ErrorType, c.ErrorMessage)
	s.TraceState().FromRaw(exportTraceState(c.Weight))

	m := s.Attributes()
	m.EnsureCapacity(len(c.Attributes) + len(c.Params) + len(c.Tags) + 32)
	exportMap(m, c.Attributes)
	exportStr(m, "gen_ai.operation.name", string(c.Operation))
	exportStr(m, "gen_ai.provider.name", c.Provider)
	exportStr(m, "gen_ai.request.model", c.RequestModel)
	exportStr(m, "gen_ai.response.model", c.ResponseModel)
	exportStr(m, "gen_ai.response.id", c.ResponseID)
	if c.Stream {
		m.PutBool("gen_ai.request.stream", true)
	}
	exportStrs(m, "gen_ai.response.finish_reasons", c.FinishReasons)
	if ttft, ok := c.TTFT.Get(); ok {
		m.PutDouble("gen_ai.response.time_to_first_chunk", ttft.Seconds())
	}
	if c.HTTPStatus != 0 {
		m.PutInt("http.response.status_code", int64(c.HTTPStatus))
	}
	exportStr(m, "error.type", c.ErrorType)
	exportStr(m, "gen_ai.conversation.id", c.Session)
	exportStr(m, "user.id", c.User)
	exportStr(m, "gen_ai.agent.name", c.Agent)
	exportStr(m, "gen_ai.workflow.name", c.Workflow)
	exportStr(m, "gen_ai.prompt.name", c.PromptName)
	exportStr(m, "gen_ai.prompt.version", c.PromptVersion)
	exportTier(m, c)
	exportTokens(m, &c.Usage)
	exportCost(m, &c.Cost)
	exportParams(m, c.Params)
	exportMessages(m, "gen_ai.input.messages", c.Input)
	exportMessages(m, "gen_ai.output.messages", c.Output)
	exportStr(m, "gen_ai.tool.definitions", string(c.Tools))
	exportOwn(m, c)
	exportEvents(s, c.Events)
	exportLinks(s, c.Links)
}

// exportTier writes the service tier under the name that is defined for it.
func exportTier(m pcommon.Map, c *llm.Call) {
	name := "pitot.service_tier"
	if c.Provider == llm.ProviderOpenAI || c.Provider == llm.ProviderAzureOpenAI {
		name = "openai.response.service_tier"
	}
	exportStr(m, name, c.ServiceTier)
}

// exportOwn writes what OpenTelemetry has no names for.
func exportOwn(m pcommon.Map, c *llm.Call) {
	exportStr(m, exportID, c.ID)
	exportStr(m, exportSource, string(c.Source))
	exportStr(m, exportUpstream, c.Upstream)
	exportStr(m, "pitot.region", c.Region)
	exportStr(m, exportFeature, c.Feature)
	for k, v := range c.Tags {
		m.PutStr(exportTagPrefix+exportText(k), exportText(v))
	}
	exportStrs(m, "pitot.truncated", c.Truncated)
	exportStrs(m, "pitot.notes", c.Notes)
	exportSeconds(m, "pitot.gateway_overhead_seconds", c.GatewayOverhead)
	if n := c.Timeline.Chunks(); n > 0 {
		m.PutInt("pitot.chunks", int64(n))
		exportStr(m, "pitot.timeline", string(c.Timeline.AppendText(nil)))
	}
	if p := &c.Phases; !p.IsZero() {
		exportSeconds(m, "pitot.phases.connect_seconds", p.Connect)
		exportSeconds(m, "pitot.phases.headers_seconds", p.Headers)
		exportSeconds(m, "pitot.phases.queue_seconds", p.Queue)
		exportSeconds(m, "pitot.phases.load_seconds", p.Load)
		exportSeconds(m, "pitot.phases.prefill_seconds", p.Prefill)
		exportSeconds(m, "pitot.phases.decode_seconds", p.Decode)
		exportSeconds(m, "pitot.phases.server_seconds", p.Server)
	}
}

func exportTokens(m pcommon.Map, u *llm.Usage) {
	for _, f := range [...]struct {
		name string
		v    llm.Opt[int64]
	}{
		{"gen_ai.usage.input_tokens", u.InputTokens},
		{"gen_ai.usage.output_tokens", u.OutputTokens},
		{"gen_ai.usage.cache_read.input_tokens", u.CacheReadTokens},
		{"gen_ai.usage.cache_creation.input_tokens", u.CacheWriteTokens},
		{"gen_ai.usage.reasoning.output_tokens", u.ReasoningTokens},
		{"gen_ai.usage.audio.input_tokens", u.InputAudioTokens},
		{"gen_ai.usage.image.input_tokens", u.InputImageTokens},
		{"gen_ai.usage.audio.output_tokens", u.OutputAudioTokens},
		{"gen_ai.usage.image.output_tokens", u.OutputImageTokens},
		{"gen_ai.usage.audio.cache_read.input_tokens", u.CacheReadAudioTokens},
		{exportUsage + "input_video_tokens", u.InputVideoTokens},
		{exportUsage + "cache_write_5m_tokens", u.CacheWrite5mTokens},
		{exportUsage + "cache_write_1h_tokens", u.CacheWrite1hTokens},
		{exportUsage + "images", u.Images},
		{exportUsage + "characters", u.Characters},
		{exportUsage + "searches", u.Searches},
	} {
		if v, ok := f.v.Get(); ok {
			m.PutInt(f.name, v)
		}
	}
	if v, ok := u.AudioSeconds.Get(); ok {
		m.PutDouble(exportUsage+"audio_seconds", v)
	}
	exportStr(m, exportUsage+"source", string(u.Source))
}

func exportCost(m pcommon.Map, c *llm.Cost) {
	if usd, ok := c.USD.Get(); ok {
		m.PutDouble("gen_ai.usage.cost", usd)
	}
	exportStr(m, exportCostState, string(c.State))
	exportStr(m, exportCostRule, c.Rule)
	exportStr(m, exportCostReason, c.Reason)
}

// exportOperations are the operations of Spans by what they are.
var exportOperations = map[llm.SpanKind]string{
	llm.KindAgent: "invoke_agent", llm.KindWorkflow: "invoke_workflow", llm.KindTool: "execute_tool", llm.KindRetrieval: "retrieval",
}

var exportKinds = map[string]ptrace.SpanKind{
	"internal": ptrace.SpanKindInternal, "server": ptrace.SpanKindServer, "client": ptrace.SpanKindClient,
	"producer": ptrace.SpanKindProducer, "consumer": ptrace.SpanKindConsumer,
}

func exportSpan(s ptrace.Span, r *llm.Span) {
	exportIDs(s, r.ID, r.TraceID, r.SpanID, r.ParentSpanID)
	s.SetName(exportText(r.Name))
	s.SetKind(exportKinds[r.OTelKind])
	s.SetStartTimestamp(pcommon.NewTimestampFromTime(r.Time))
	s.SetEndTimestamp(pcommon.NewTimestampFromTime(r.Time.Add(r.Duration)))
	exportStatus(s, r.Status, r.ErrorType, r.ErrorMessage)

	m := s.Attributes()
	m.EnsureCapacity(len(r.Attributes) + 12)
	exportMap(m, r.Attributes)
	if _, said := m.Get("gen_ai.operation.name"); !said {
		exportStr(m, "gen_ai.operation.name", exportOperations[r.Kind])
	}
	exportStr(m, "pitot.span_kind", string(r.Kind))
	exportStr(m, "gen_ai.agent.name", r.Agent)
	exportStr(m, "gen_ai.workflow.name", r.Workflow)
	exportStr(m, "gen_ai.tool.name", r.Tool)
	exportStr(m, "gen_ai.conversation.id", r.Session)
	exportStr(m, "user.id", r.User)
	exportStr(m, "error.type", r.ErrorType)
	in, out := "input.value", "output.value" // what Phoenix, Langfuse and others read
	if r.Kind == llm.KindTool {
		in, out = "gen_ai.tool.call.arguments", "gen_ai.tool.call.result"
	}
	exportStr(m, in, r.Input)
	exportStr(m, out, r.Output)
	exportStr(m, exportID, r.ID)
	exportStr(m, exportSource, string(r.Source))
	exportEvents(s, r.Events)
	exportLinks(s, r.Links)
}

var exportSeverities = map[string]plog.SeverityNumber{
	"trace": plog.SeverityNumberTrace, "debug": plog.SeverityNumberDebug, "info": plog.SeverityNumberInfo,
	"warn": plog.SeverityNumberWarn, "error": plog.SeverityNumberError, "fatal": plog.SeverityNumberFatal,
}

func exportLog(r plog.LogRecord, l *llm.Log) {
	r.SetTimestamp(pcommon.NewTimestampFromTime(l.Time))
	r.SetObservedTimestamp(pcommon.NewTimestampFromTime(l.Time))
	r.SetSeverityNumber(exportSeverities[l.Level])
	r.SetSeverityText(exportText(l.Level))
	r.Body().SetStr(exportText(l.Message))
	r.SetEventName(exportText(l.Event))
	if id, ok := exportTraceID(l.TraceID); ok {
		r.SetTraceID(id)
	}
	if id, ok := exportSpanID(l.SpanID); ok {
		r.SetSpanID(id)
	}
	exportMap(r.Attributes(), l.Attributes)
	exportStr(r.Attributes(), "log.record.uid", l.ID)
}

func exportCallName(c *llm.Call) string {
	if c.SpanName != "" {
		return exportText(c.SpanName)
	}
	op := string(c.Operation)
	if op == "" {
		op = "call"
	}
	return exportText(strings.TrimSpace(op + " " + c.RequestModel))
}
