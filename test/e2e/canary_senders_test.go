package e2e

import (
	"bytes"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// canaryTelemetry plants canaries in what other programs send: spans, logs and
// metrics by OTLP, and documents of log shippers. It returns how many calls are
// made of them.
func canaryTelemetry(t *testing.T, s *server, c *canaries) (calls int) {
	t.Helper()
	post := func(name, target, contentType string, body []byte) {
		t.Helper()
		status, answer, err := s.try(http.MethodPost, target, bytes.NewReader(body), append(canaryHeaders(c, name), "Content-Type", contentType)...)
		if err != nil || status >= http.StatusBadRequest {
			t.Fatalf("%s: %d %s %v", name, status, answer, err)
		}
		c.find(t, "the answer to "+name, answer)
	}
	const proto = "application/x-protobuf"

	td := canarySpans(c)
	b, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	if err != nil {
		t.Fatal(err)
	}
	post("spans", s.otlp+"/api/public/otel/v1/traces", proto, b)

	ld := plog.NewLogs()
	rl := ld.ResourceLogs().AppendEmpty()
	plantIn(rl.Resource().Attributes(), c, "resource of logs")
	r := rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	r.SetTimestamp(pcommon.NewTimestampFromTime(time.Now()))
	r.Body().SetStr(c.text("body of a log"))
	plantIn(r.Attributes(), c, "attributes of a log")
	if b, err = plogotlp.NewExportRequestFromLogs(ld).MarshalProto(); err != nil {
		t.Fatal(err)
	}
	post("logs", s.otlp+"/v1/logs", proto, b)

	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	rm.Resource().Attributes().PutStr("service.name", c.key("service of metrics"))
	rm.Resource().Attributes().PutStr("note", c.text("resource of metrics"))
	m := rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName("canary.requests")
	sum := m.SetEmptySum()
	sum.SetIsMonotonic(true)
	sum.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	p := sum.DataPoints().AppendEmpty()
	p.SetTimestamp(pcommon.NewTimestampFromTime(time.Now()))
	p.SetIntValue(7)
	p.Attributes().PutStr("customer", c.email("attribute of a metric"))
	p.Attributes().PutStr("note", c.text("attribute of a metric"))
	p.Attributes().PutStr("api_key", c.plain("attribute of a metric named api_key"))
	if b, err = pmetricotlp.NewExportRequestFromMetrics(md).MarshalProto(); err != nil {
		t.Fatal(err)
	}
	post("metrics", s.otlp+"/v1/metrics", proto, b)

	doc, err := json.Marshal(map[string]any{
		"@timestamp": time.Now().UTC().Format(time.RFC3339Nano), "event": "llm_request_success", "model": "gpt-4o", "latency": 0.5,
		"message": c.text("message of a document"), "user": c.email("user of a document"), "prompt": c.text("prompt of a document"),
		"nested": map[string]any{"password": c.plain("field of a document named password"), "note": c.text("nested field of a document")},
	})
	if err != nil {
		t.Fatal(err)
	}
	post("bulk", s.api+"/_bulk", "application/x-ndjson", []byte(`{"index":{"_index":"llm-logs"}}`+"\n"+string(doc)+"\n"))
	return 2
}

// plantIn plants canaries in attributes.
func plantIn(m pcommon.Map, c *canaries, place string) {
	m.PutStr("note", c.text(place))
	m.PutStr("api_key", c.plain(place+" named api_key"))
	m.PutStr("http.request.header.authorization", "Bearer "+c.plain(place+" named authorization"))
	list := m.PutEmptySlice("list")
	list.AppendEmpty().SetStr(c.text(place + ", in a list"))
	_ = list.AppendEmpty().SetEmptyMap().FromRaw(map[string]any{"token": c.plain(place + ", in a list, named token")}) // strings always fit
}

// canarySpans are a call and the agent around it.
func canarySpans(c *canaries) ptrace.Traces {
	td := ptrace.NewTraces()
	ss := scope(td, "canaries")
	plantIn(td.ResourceSpans().At(0).Resource().Attributes(), c, "resource of spans")
	message := func(role, place string) string {
		b, _ := json.Marshal([]any{map[string]any{"role": role, "parts": []any{map[string]any{"type": "text", "content": c.text(place)}}}}) // strings always fit
		return string(b)
	}
	call := span(ss, 77, 2, 1, "chat "+c.key("name of a span"), chat(
		"user.id", c.email("user of a span"), "gen_ai.conversation.id", c.key("session of a span"),
		"gen_ai.input.messages", message("user", "input of a span"), "gen_ai.output.messages", message("assistant", "output of a span"),
		"gen_ai.system_instructions", message("system", "instructions of a span"), "gen_ai.tool.definitions", `[{"name":"x","description":"`+c.text("tools of a span")+`"}]`,
		"error.type", c.key("error type of a span"), "traceloop.association.properties.team", c.email("association property"),
	))
	call.Status().SetCode(ptrace.StatusCodeError)
	call.Status().SetMessage(c.text("status of a span"))
	plantIn(call.Attributes(), c, "attributes of a call")
	agent := span(ss, 77, 1, 0, "agent", map[string]any{
		"openinference.span.kind": "AGENT", "agent.name": c.key("name of an agent"), "input.value": c.text("input of an agent"), "output.value": c.text("output of an agent"),
	})
	plantIn(agent.Attributes(), c, "attributes of an agent")
	for _, sp := range []ptrace.Span{call, agent} {
		e := sp.Events().AppendEmpty()
		e.SetName(c.key("name of an event of " + sp.Name()))
		e.SetTimestamp(sp.EndTimestamp())
		plantIn(e.Attributes(), c, "event of "+sp.SpanID().String())
		l := sp.Links().AppendEmpty()
		l.SetTraceID(traceID(78))
		l.SetSpanID(spanID(1))
		plantIn(l.Attributes(), c, "link of "+sp.SpanID().String())
	}
	return td
}
