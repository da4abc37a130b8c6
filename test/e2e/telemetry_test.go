package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/pitot-dev/pitot/internal/testkit"
)

// export sends spans and fails the test unless all were taken.
func (s *server) export(td ptrace.Traces) {
	s.tb.Helper()
	if status, body, err := s.tryExport(td); err != nil || status != http.StatusOK || len(body) > 0 {
		s.tb.Fatalf("export: status %d, %q, %v", status, body, err)
	}
}

func (s *server) tryExport(td ptrace.Traces) (int, []byte, error) {
	b, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	if err != nil {
		return 0, nil, err
	}
	return s.try(http.MethodPost, s.otlp+"/v1/traces", bytes.NewReader(b), "Content-Type", "application/x-protobuf")
}

// scope returns a place for spans of a service.
func scope(td ptrace.Traces, service string) ptrace.ScopeSpans {
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", service)
	return rs.ScopeSpans().AppendEmpty()
}

// span adds a span; numbers make the ids.
func span(ss ptrace.ScopeSpans, trace, id, parent uint64, name string, attributes map[string]any) ptrace.Span {
	sp := ss.Spans().AppendEmpty()
	sp.SetTraceID(traceID(trace))
	sp.SetSpanID(spanID(id))
	if parent != 0 {
		sp.SetParentSpanID(spanID(parent))
	}
	sp.SetName(name)
	end := time.Now()
	sp.SetStartTimestamp(pcommon.NewTimestampFromTime(end.Add(-time.Second)))
	sp.SetEndTimestamp(pcommon.NewTimestampFromTime(end))
	if err := sp.Attributes().FromRaw(attributes); err != nil {
		panic(err)
	}
	return sp
}

func traceID(n uint64) (id pcommon.TraceID) {
	copy(id[:], fmt.Sprintf("%016d", n))
	return id
}

func spanID(n uint64) (id pcommon.SpanID) {
	copy(id[:], fmt.Sprintf("%08d", n))
	return id
}

// chat are the attributes of a chat call.
func chat(more ...any) map[string]any {
	m := map[string]any{
		"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o-mini",
		"gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 20,
	}
	for i := 0; i+1 < len(more); i += 2 {
		m[more[i].(string)] = more[i+1]
	}
	return m
}

// TestTelemetry follows an agent's run from its sender to every answer.
func TestTelemetry(t *testing.T) {
	s := serve(t, setup{}).ready()
	td := ptrace.NewTraces()
	ss := scope(td, "trips")
	span(ss, 1, 4, 2, "chat gpt-4o-mini", chat("gen_ai.response.id", "resp-1", "user.id", "u1", "gen_ai.conversation.id", "s1",
		"gen_ai.input.messages", `[{"role":"user","parts":[{"type":"text","content":"plan a trip"}]}]`))
	span(ss, 1, 3, 2, "execute_tool weather", map[string]any{"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "weather"})
	// The agent repeats what its call used: that is no second call.
	span(ss, 1, 2, 1, "invoke_agent planner", map[string]any{
		"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "planner", "gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 20,
	})
	span(ss, 1, 1, 0, "invoke_workflow trip", map[string]any{"gen_ai.operation.name": "invoke_workflow", "gen_ai.workflow.name": "trip"})
	s.export(td)
	s.export(td) // a sender that repeats itself

	c := s.waitCalls(1, url.Values{"service": {"trips"}})[0]
	if c.Source != "otlp" || c.Provider != "openai" || c.User != "u1" || c.Session != "s1" || *c.Usage.Input != 100 || c.Cost.State != "computed" {
		t.Errorf("call: %+v", c)
	}
	var trace struct {
		Data []struct {
			Spans []struct {
				OperationName string
				References    []struct{ SpanID string }
			}
		}
	}
	testkit.Eventually(t, "the trace has four spans", func() bool {
		s.getJSON("/jaeger/api/traces/"+c.TraceID, nil, &trace)
		return len(trace.Data) == 1 && len(trace.Data[0].Spans) == 4
	})
	s.waitSeries(`llm_tokens_total{service="trips",type="input"}`, 100)
	s.waitSeries(`llm_requests_total{service="trips"}`, 1)
	if a := s.ledger("otlp"); a.Received != 8 || a.dropped() != 4 {
		t.Errorf("ledger: %+v", a)
	}
}

// waitSeries waits until the one series that expr selects has the value.
func (s *server) waitSeries(expr string, want float64) {
	s.tb.Helper()
	testkit.Eventually(s.tb, fmt.Sprintf("%s is %v", expr, want), func() bool {
		var last string
		var r struct {
			Data struct{ Result []struct{ Value [2]any } }
		}
		s.getJSON("/api/v1/query", url.Values{"query": {"sum(" + expr + ")"}}, &r)
		if len(r.Data.Result) == 1 {
			last, _ = r.Data.Result[0].Value[1].(string)
		}
		return last == fmt.Sprint(want)
	})
}

// TestCountedOnce lets the gateway and the application tell of the same calls.
func TestCountedOnce(t *testing.T) {
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"id":"chatcmpl-%s","object":"chat.completion","model":"gpt-4o-mini","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":100,"completion_tokens":20,"total_tokens":120}}`, r.Header.Get("X-Test"))
	}))
	defer up.Close()
	s := serve(t, setup{config: "gateway: {upstreams: [{name: openai, dialect: openai, provider: openai, base_url: '" + up.URL + "'}]}\n"}).ready()
	const body = `{"model":"gpt-4o-mini","messages":[{"role":"user","content":"hello"}]}`

	// By trace context: the gateway's call is a child of an HTTP span of the application's.
	s.post("/openai/v1/chat/completions", body, "X-Test", "a", "X-Pitot-Service", "app", "traceparent", "00-"+traceID(7).String()+"-"+spanID(72).String()+"-01")
	// By response id alone: the application's HTTP client passes no trace on.
	s.post("/openai/v1/chat/completions", body, "X-Test", "0123456789abcdef", "X-Pitot-Service", "app")
	s.waitCalls(2, url.Values{"service": {"app"}})
	td := ptrace.NewTraces()
	ss := scope(td, "app")
	span(ss, 7, 72, 71, "POST", map[string]any{"http.request.method": "POST"})
	span(ss, 7, 71, 0, "chat gpt-4o-mini", chat())
	span(ss, 8, 81, 0, "chat gpt-4o-mini", chat("gen_ai.response.id", "chatcmpl-0123456789abcdef"))
	s.export(td)
	testkit.Eventually(t, "the application's spans are stored", func() bool {
		var n struct{ Data []struct{ Spans []struct{} } }
		status, answer := s.get("/jaeger/api/traces/"+traceID(8).String(), nil)
		return status == http.StatusOK && json.Unmarshal([]byte(answer), &n) == nil && len(n.Data) == 1 && len(n.Data[0].Spans) == 1
	})
	s.waitCalls(2, url.Values{"service": {"app"}})
	s.waitSeries(`llm_requests_total{service="app"}`, 2)
	s.waitSeries(`llm_tokens_total{service="app",type="output"}`, 40)
}

// TestTailSampling leaves most traces out and still counts all of them.
func TestTailSampling(t *testing.T) {
	s := serve(t, setup{config: "pipeline: {sampling: {rate: 0.1, rare_models: 0, wait: 1s}}\n"}).ready()
	const traces = 300
	td := ptrace.NewTraces()
	ss := scope(td, "sampled")
	for i := range uint64(traces) {
		sp := span(ss, 1000+i, 2*i+2, 2*i+1, "chat", chat())
		if i%100 == 0 {
			sp.Status().SetCode(ptrace.StatusCodeError)
		}
		span(ss, 1000+i, 2*i+1, 0, "agent", map[string]any{"gen_ai.operation.name": "invoke_agent"})
	}
	s.export(td)
	var a account
	testkit.Eventually(t, "the decisions fell", func() bool {
		a = s.ledger("otlp")
		return a.InFlight == 0
	})
	kept := len(s.calls(url.Values{"service": {"sampled"}}))
	if kept < 3 || kept > traces/4 {
		t.Errorf("%d of %d calls are kept", kept, traces)
	}
	if failed := s.calls(url.Values{"service": {"sampled"}, "status": {"error"}}); len(failed) != 3 {
		t.Errorf("%d of 3 failed calls are kept", len(failed))
	}
	if a.Dropped["sampled"] != 2*uint64(traces-kept) || a.Stored != 2*uint64(kept) {
		t.Errorf("kept %d calls; ledger %+v", kept, a)
	}
	var sum struct {
		Totals struct{ Calls int }
	}
	testkit.Eventually(t, "the summary counts all", func() bool {
		s.getJSON("/api/pitot/v1/summary", url.Values{"service": {"sampled"}}, &sum)
		return sum.Totals.Calls == traces
	})
	s.waitSeries(`llm_requests_total{service="sampled"}`, traces)
}

// TestLogs takes logs from a shipper, a file and OTLP, and keeps them over kills.
func TestLogs(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "app.log")
	config := "logs: {files: [{paths: ['" + file + "'], service: tailed}]}\n"
	line := func(n int) string {
		return fmt.Sprintf(`{"timestamp":%q,"level":"INFO","event":"llm_request_success","message":"line %d","request_id":"r%d","model":"gpt-4o","latency":0.5,"input_tokens":10,"output_tokens":5,"trace_id":%q}`,
			time.Now().UTC().Format(time.RFC3339Nano), n, n, traceID(uint64(n)).String())
	}
	appendTo := func(lines ...string) {
		f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteString(strings.Join(lines, "\n") + "\n"); err != nil {
			t.Fatal(err)
		}
	}
	appendTo(line(1), line(2))
	s := serve(t, setup{config: config}).ready()
	s.waitLogs(`service:="tailed"`, 2)
	s.Kill()
	appendTo(line(3))
	s = serve(t, setup{file: s.file, data: s.data}).ready()
	s.waitLogs(`service:="tailed"`, 3)
	appendTo(line(4))
	s.waitLogs(`service:="tailed"`, 4)
	s.waitCalls(4, url.Values{"service": {"tailed"}})

	status, body, err := s.try(http.MethodPost, s.api+"/llm-logs/_bulk", strings.NewReader(`{"index":{}}`+"\n"+line(9)+"\n"+`{"index":{}}`+"\nno JSON\n"), "Content-Type", "application/x-ndjson")
	if err != nil || status != http.StatusOK || !strings.Contains(string(body), `"errors":true`) || strings.Count(string(body), `"status":201`) != 1 {
		t.Errorf("bulk: %d %s %v", status, body, err)
	}
	s.waitLogs(`"line 9"`, 1)
	if status, body := s.get("/", nil); status != http.StatusOK || !strings.Contains(body, "You Know, for Search") {
		t.Errorf("a client that is no browser gets %d %.200s", status, body)
	}
	if _, body, _ := s.try(http.MethodGet, s.api+"/", nil, "Accept", "text/html"); !strings.Contains(string(body), "<html") {
		t.Errorf("a browser gets %.200s", body)
	}

	ld := plog.NewLogs()
	rl := ld.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr("service.name", "logger")
	r := rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	r.SetTimestamp(pcommon.NewTimestampFromTime(time.Now()))
	r.SetSeverityNumber(plog.SeverityNumberWarn)
	r.Body().SetStr("slow answer")
	r.SetTraceID(traceID(5))
	b, err := plogotlp.NewExportRequestFromLogs(ld).MarshalProto()
	if err != nil {
		t.Fatal(err)
	}
	if status, body, err := s.try(http.MethodPost, s.otlp+"/v1/logs", bytes.NewReader(b), "Content-Type", "application/x-protobuf"); err != nil || status != http.StatusOK {
		t.Errorf("OTLP logs: %d %s %v", status, body, err)
	}
	s.waitLogs(`service:="logger" level:="warn" "slow answer"`, 1)
}

// waitLogs waits until n logs are there.
func (s *server) waitLogs(query string, n int) {
	s.tb.Helper()
	got := 0
	testkit.Eventually(s.tb, fmt.Sprintf("%d logs with %s", n, query), func() bool {
		status, body := s.get("/select/logsql/query", url.Values{"query": {"kind:=log " + query + " | fields id"}})
		got = strings.Count(body, "\n")
		return status == http.StatusOK && got >= n
	})
	if got != n {
		s.tb.Fatalf("%d logs with %s, want %d", got, query, n)
	}
}

// TestForward sends records on to another Pitot over OTLP, and to a server with
// the bulk API that is away at first.
func TestForward(t *testing.T) {
	other := serve(t, setup{}).ready()
	var mu sync.Mutex
	var ids []string
	tries := 0
	es := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if tries++; tries < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		body := bulkBody(t, r)
		var items []string
		for i, line := range strings.Split(strings.TrimSpace(body), "\n") {
			var action struct {
				Create struct {
					ID string `json:"_id"`
				} `json:"create"`
			}
			if i%2 == 0 && json.Unmarshal([]byte(line), &action) == nil {
				ids = append(ids, action.Create.ID)
				items = append(items, `{"create":{"status":201}}`)
			}
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"errors":false,"items":[%s]}`, strings.Join(items, ","))
	}))
	defer es.Close()
	s := serve(t, setup{config: "forward:\n- {name: other, type: otlp, url: '" + other.otlp + "'}\n- {name: es, type: elasticsearch, url: '" + es.URL + "', compression: none}\n"}).ready()
	td := ptrace.NewTraces()
	ss := scope(td, "far")
	span(ss, 1, 2, 1, "chat", chat("user.id", "u1"))
	span(ss, 1, 1, 0, "agent", map[string]any{"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "planner"})
	s.export(td)
	c := other.waitCalls(1, url.Values{"service": {"far"}})[0]
	if c.User != "u1" || *c.Usage.Input != 100 || c.TraceID != traceID(1).String() {
		t.Errorf("forwarded: %+v", c)
	}
	testkit.Eventually(t, "the bulk API has both", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(slices.Compact(slices.Sorted(slices.Values(ids)))) == 2
	})
}

func bulkBody(t *testing.T, r *http.Request) string {
	var b bytes.Buffer
	if _, err := b.ReadFrom(r.Body); err != nil {
		t.Error(err)
	}
	return b.String()
}

// TestAcknowledgedSpansSurvive kills the server while senders send, and looks
// for every span that was acknowledged.
func TestAcknowledgedSpansSurvive(t *testing.T) {
	kills := times(t, "PITOT_SENDER_KILLS", 3)
	s := serve(t, setup{}).ready()
	acked := uint64(0)
	for k := range kills {
		stop := make(chan struct{})
		var wg sync.WaitGroup
		var mu sync.Mutex
		for w := range 3 {
			wg.Go(func() {
				for i := 0; ; i++ {
					select {
					case <-stop:
						return
					default:
					}
					td := ptrace.NewTraces()
					ss := scope(td, "killed")
					base := uint64(k*1_000_000 + w*100_000 + i*20)
					for n := range uint64(20) {
						span(ss, base+n+1, base+n+1, 0, "chat", chat())
					}
					status, _, err := s.tryExport(td)
					if err == nil && status == http.StatusOK {
						mu.Lock()
						acked += 20
						mu.Unlock()
					} else {
						return // unknown: these may be there or not
					}
				}
			})
		}
		want := acked + 400
		testkit.Eventually(t, "spans are acknowledged", func() bool {
			mu.Lock()
			defer mu.Unlock()
			return acked >= want
		})
		s.Kill()
		close(stop)
		wg.Wait()
		s = serve(t, setup{data: s.data}).ready()
	}
	var got, distinct uint64
	testkit.Eventually(t, "every acknowledged span is there", func() bool {
		got, distinct = s.count(`kind:=call service:="killed"`)
		return got >= acked
	})
	// Requests under way at a kill may be there without an acknowledgement: three
	// senders, twenty spans each.
	if got != distinct || got > acked+uint64(kills*3*20) {
		t.Errorf("%d rows of %d calls; %d were acknowledged", got, distinct, acked)
	}
}

// count is how many rows a query finds, and how many different spans in them.
func (s *server) count(query string) (rows, distinct uint64) {
	s.tb.Helper()
	status, body := s.get("/select/logsql/query", url.Values{"query": {query + " | stats count() n, count_uniq(span_id) d"}})
	var r struct {
		N, D json.Number
	}
	if status != http.StatusOK || json.Unmarshal([]byte(body), &r) != nil {
		return 0, 0
	}
	n, _ := r.N.Int64()
	d, _ := r.D.Int64()
	return uint64(n), uint64(d)
}
