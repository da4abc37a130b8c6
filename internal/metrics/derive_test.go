package metrics

import (
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

func textLogger(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }

// onlyGauge shows one family of the senders' collector.
type onlyGauge struct{ s *senders }

func (o onlyGauge) Describe(ch chan<- *prometheus.Desc) { ch <- lowResolutionDesc }

func (o onlyGauge) Collect(ch chan<- prometheus.Metric) {
	all := make(chan prometheus.Metric, 20)
	o.s.Collect(all)
	close(all)
	for m := range all {
		if m.Desc() == lowResolutionDesc {
			ch <- m
		}
	}
}

func tokenAttrs(kind string) map[string]any {
	return map[string]any{"gen_ai.token.type": kind, "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o", "gen_ai.operation.name": "chat"}
}

// genAISender is an application with the metrics of the convention: two calls,
// one of which failed.
func genAISender(service string, start, at time.Time) *sender {
	s := newSender(service, start, at)
	usage := make([]uint64, len(genAITokenBuckets)+1)
	usage[5] = 1
	s.histogram("gen_ai.client.token.usage", "{token}", genAITokenBuckets, usage, 120, tokenAttrs("input"))
	s.histogram("gen_ai.client.token.usage", "{token}", genAITokenBuckets, usage, 11, tokenAttrs("output"))
	took := make([]uint64, len(genAITimeBuckets)+1)
	took[7] = 1
	ok, failed := tokenAttrs("input"), tokenAttrs("input")
	delete(ok, "gen_ai.token.type")
	delete(failed, "gen_ai.token.type")
	failed["error.type"] = "timeout"
	s.histogram("gen_ai.client.operation.duration", "s", genAITimeBuckets, took, 1.2, ok)
	s.histogram("gen_ai.client.operation.duration", "s", genAITimeBuckets, took, 1.2, failed)
	return s
}

// derivedStore is a store whose senders' clock stands at the returned time.
func derivedStore(t *testing.T, change ...func(*Options)) (m *Metrics, start, at time.Time) {
	m = openStore(t, change...)
	start = time.Now().Add(time.Second)
	at = start.Add(10 * time.Second)
	m.senders.now = func() time.Time { return at }
	return m, start, at
}

// TestTrapSpansAndMetricsOfOneSender: the Calls of a service are seen and it
// sends the same by metrics; a sum over the family counts each once.
func TestTrapSpansAndMetricsOfOneSender(t *testing.T) {
	m, start, at := derivedStore(t)
	m.catalogue.ObserveCall(streamCall("gpt-4o", 1)) // service checkout: 120 in, 11 out
	genAISender("checkout", start, at).write(t, m)
	m.self.scrape(at)
	checkValues(t, m, at, map[string]float64{
		`sum(gen_ai_client_token_usage_sum)`:                                          131,
		`sum(gen_ai_client_operation_duration_seconds_count)`:                         1,
		`sum(sender_gen_ai_client_token_usage_sum{job="checkout"})`:                   131,
		`sender_gen_ai_client_operation_duration_seconds_count{error_type="timeout"}`: 1,
		`sum(llm_tokens_total{type=~"input|output"})`:                                 131,
		`sum(llm_requests_total)`:                                                     1,
	})
}

// TestTrapMetricsWithoutSpans: a sender of metrics alone feeds the llm_*
// families, and its own stay under their names.
func TestTrapMetricsWithoutSpans(t *testing.T) {
	m, start, at := derivedStore(t)
	genAISender("batch", start, at).write(t, m)
	checkValues(t, m, at, map[string]float64{
		`sum(gen_ai_client_token_usage_sum{job="batch"})`:                                                               131,
		`llm_tokens_total{service="batch",provider="openai",model="gpt-4o",method="chat",type="input",origin="sender"}`: 120,
		`llm_tokens_total{service="batch",type="output"}`:                                                               11,
		`llm_requests_total{service="batch",status="success"}`:                                                          1,
		`llm_requests_total{service="batch",status="error"}`:                                                            1,
		`llm_errors_total{service="batch",error_type="timeout"}`:                                                        1,
		`count({__name__=~"sender_.*"}) or vector(0)`:                                                                   0,
	})
}

// TestTrapRestartBeforeTheFirstCall: after a restart metrics may come before
// the first Call; the store knows the service.
func TestTrapRestartBeforeTheFirstCall(t *testing.T) {
	dir := t.TempDir()
	m := openStore(t, func(o *Options) { o.Dir = dir })
	m.catalogue.ObserveCall(streamCall("gpt-4o", 1))
	now := time.Now()
	m.self.scrape(now)
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	m = openStore(t, func(o *Options) { o.Dir = dir })
	if !m.knowsService("checkout") || m.knowsService("other") || m.knowsService("") {
		t.Error("the services of before are not known")
	}
}

// TestTrapForeignBuckets: a copy with other buckets never mixes with ours.
func TestTrapForeignBuckets(t *testing.T) {
	m, start, at := derivedStore(t)
	s := newSender("batch", start, at)
	wide := make([]uint64, 16)
	wide[1] = 3
	s.histogram("gen_ai.client.operation.duration", "s", openLLMetryBounds(), wide, 4, tokenAttrs("input"))
	s.write(t, m)
	checkValues(t, m, at, map[string]float64{
		`sender_gen_ai_client_operation_duration_seconds_count`:                         3,
		`count(gen_ai_client_operation_duration_seconds_bucket{le="5.0"}) or vector(0)`: 0,
		`llm_requests_total{service="batch",status="success"}`:                          3,
	})
}

// TestTrapEnvoyTokenTypes: only input and output add up.
func TestTrapEnvoyTokenTypes(t *testing.T) {
	m, start, at := derivedStore(t)
	s := newSender("ai-gateway", start, at)
	for kind, v := range map[string]float64{"input": 100, "output": 40, "cached_input": 60, "cache_creation_input": 10, "reasoning": 25, "something_new": 1000} {
		n := make([]uint64, len(genAITokenBuckets)+1)
		n[0] = 1
		s.histogram("gen_ai.client.token.usage", "token", genAITokenBuckets, n, v, tokenAttrs(kind))
	}
	s.write(t, m)
	checkValues(t, m, at, map[string]float64{
		`sum(llm_tokens_total{service="ai-gateway",type=~"input|output"})`: 140,
		`llm_tokens_total{type="cache_read"}`:                              60,
		`llm_tokens_total{type="cache_write"}`:                             10,
		`llm_tokens_total{type="reasoning"}`:                               25,
		`sum(llm_tokens_total)`:                                            235, // and nothing of an unknown type
	})
}

// TestTrapOpenLLMetryChoices: each choice is counted with and without a reason.
func TestTrapOpenLLMetryChoices(t *testing.T) {
	m, start, at := derivedStore(t)
	s := newSender("chat", start, at)
	s.counter("gen_ai.client.generation.choices", "choice", 3, map[string]any{"gen_ai.response.model": "gpt-4o"})
	s.counter("gen_ai.client.generation.choices", "choice", 2, map[string]any{"gen_ai.response.model": "gpt-4o", "llm.response.finish_reason": "stop"})
	s.counter("gen_ai.client.generation.choices", "choice", 1, map[string]any{"gen_ai.response.model": "gpt-4o", "llm.response.finish_reason": "length"})
	s.write(t, m)
	checkValues(t, m, at, map[string]float64{
		`sum(llm_response_choices_total{service="chat",model="gpt-4o"})`: 3,
		`llm_response_choices_total{finish_reason="length"}`:             1,
	})
}

// TestTrapTwoGenerationsOfOneConvention: a sender that straddles two versions
// sends both.
func TestTrapTwoGenerationsOfOneConvention(t *testing.T) {
	m, start, at := derivedStore(t)
	s := genAISender("both", start, at)
	s.counter("gen_ai.client.inference.usage.input_tokens", "{token}", 120, tokenAttrs(""))
	s.counter("gen_ai.client.inference.usage.output_tokens", "{token}", 11, tokenAttrs(""))
	s.counter("gen_ai.client.inference.usage.cache_read.input_tokens", "{token}", 64, tokenAttrs(""))
	s.write(t, m)
	checkValues(t, m, at, map[string]float64{`sum(llm_tokens_total{type=~"input|output"})`: 131})
	// The new one alone is taken whole.
	s = newSender("new", start, at)
	s.counter("gen_ai.client.inference.usage.input_tokens", "{token}", 100, tokenAttrs(""))
	s.counter("gen_ai.client.inference.usage.output_tokens", "{token}", 20, tokenAttrs(""))
	s.counter("gen_ai.client.inference.usage.reasoning.output_tokens", "{token}", 5, tokenAttrs(""))
	s.write(t, m)
	checkValues(t, m, at, map[string]float64{`sum(llm_tokens_total{service="new",type=~"input|output"})`: 120, `llm_tokens_total{service="new",type="reasoning"}`: 5})
}

// TestNexent: the metrics of its generations.
func TestNexent(t *testing.T) {
	m, start, at := derivedStore(t)
	wide := make([]uint64, 16)
	wide[1] = 4
	s := newSender("m2", start, at)
	s.counter("llm_total_tokens", "", 70, map[string]any{"model": "qwen", "type": "input"})
	s.counter("llm_total_tokens", "", 30, map[string]any{"model": "qwen", "type": "output"})
	s.counter("llm_error_count", "", 2, map[string]any{"model": "qwen", "operation": "chat"})
	s.histogram("llm_request_duration_seconds", "s", openLLMetryBounds(), wide, 4, map[string]any{"model": "qwen", "operation": "chat"})
	s.write(t, m)
	s = newSender("m3", start, at)
	s.counter("llm.token_count.prompt", "tokens", 700, map[string]any{"llm.model_name": "qwen"})
	s.counter("llm.token_count.completion", "tokens", 300, map[string]any{"llm.model_name": "qwen"})
	s.counter("llm.error.count", "errors", 3, map[string]any{"llm.model_name": "qwen", "llm.operation.name": "chat"})
	s.histogram("llm.request.duration", "s", openLLMetryBounds(), wide, 4, map[string]any{"llm.model_name": "qwen", "llm.operation.name": "chat"})
	s.write(t, m)
	checkValues(t, m, at, map[string]float64{
		`llm_tokens_total{service="m2",model="qwen",type="input"}`:    70,
		`llm_tokens_total{service="m3",model="qwen",type="output"}`:   300,
		`llm_errors_total{service="m2",method="chat"}`:                2,
		`llm_errors_total{service="m3",method="chat"}`:                3,
		`llm_requests_total{service="m3",method="chat",model="qwen"}`: 4,
		`sum(sender_llm_request_duration_seconds_count)`:              8,
	})
	if n := len(m.ForeignHistograms()); n != 2 {
		t.Errorf("%d foreign histograms, want those of both", n)
	}
}

// TestSenderUsesOurNames: a tutorial's metrics, sent by OTLP.
func TestSenderUsesOurNames(t *testing.T) {
	for _, mode := range []string{familiesAuto, familiesKeep} {
		m, start, at := derivedStore(t, func(o *Options) { o.OTLP.SenderFamilies = mode })
		s := newSender("tutorial", start, at)
		s.counter("llm_requests_total", "", 9, map[string]any{"model": "m", "method": "chat", "status": "success"})
		s.counter("llm_tokens_total", "", 90, map[string]any{"model": "m", "type": "input"})
		s.write(t, m)
		checkValues(t, m, at, map[string]float64{
			`sum(llm_requests_total{model="m",method="chat",status="success"})`: 9,
			`sum(llm_tokens_total{model="m",type="input"})`:                     90,
		})
	}
}

func TestReportedCost(t *testing.T) {
	m, start, at := derivedStore(t)
	s := newSender("openlit", start, at)
	s.histogram("gen_ai.usage.cost", "USD", []float64{1}, []uint64{2, 0}, 0.25, tokenAttrs(""))
	s.write(t, m)
	s = newSender("pydantic", start, at)
	s.histogram("operation.cost", "{USD}", []float64{1}, []uint64{2, 0}, 0.5, tokenAttrs("input"))
	s.write(t, m)
	checkValues(t, m, at, map[string]float64{`sum(llm_cost_usd_total{state="reported"})`: 0.75})
}

// TestCodingAgents: the documented metrics of the three products.
func TestCodingAgents(t *testing.T) {
	m, start, at := derivedStore(t)
	s := newSender("claude-code", at.Add(-10*time.Second), at)
	s.delta = true // its default
	claude := func(extra ...any) map[string]any {
		out := map[string]any{"user.email": "dev@example.test", "user.id": "hash", "session.id": "s1", "app.version": "2.1", "terminal.type": "vscode"}
		for i := 0; i+1 < len(extra); i += 2 {
			out[extra[i].(string)] = extra[i+1]
		}
		return out
	}
	for kind, v := range map[string]float64{"input": 100, "output": 40, "cacheRead": 1000, "cacheCreation": 200} {
		s.counter("claude_code.token.usage", "tokens", v, claude("type", kind, "model", "claude-x"))
	}
	s.counter("claude_code.cost.usage", "USD", 0.5, claude("model", "claude-x"))
	s.counter("claude_code.session.count", "count", 1, claude())
	s.counter("claude_code.commit.count", "count", 2, claude())
	s.counter("claude_code.lines_of_code.count", "count", 33, claude("type", "added"))
	s.counter("claude_code.active_time.total", "s", 61, claude("type", "user"))
	s.counter("claude_code.code_edit_tool.decision", "count", 3, claude("tool_name", "Edit", "decision", "accept"))
	s.write(t, m)

	s = newSender("codex_exec", start, at)
	for kind, v := range map[string]float64{"input": 500, "cached_input": 300, "output": 80, "reasoning_output": 20, "total": 580} {
		s.histogram("codex.turn.token_usage", "", []float64{1000}, []uint64{1, 0}, v, map[string]any{"token_type": kind, "model": "gpt-5", "user.account_id": "acc"})
	}
	s.counter("codex.thread.started", "", 1, map[string]any{"user.account_id": "acc"})
	s.counter("codex.tool.call", "", 4, map[string]any{"tool": "shell", "success": "true"})
	s.counter("codex.api_request", "", 5, map[string]any{"model": "gpt-5"})
	s.write(t, m)

	s = newSender("gemini-cli", start, at)
	for kind, v := range map[string]float64{"input": 900, "output": 50, "thought": 30, "cache": 400, "tool": 10} {
		s.counter("gemini_cli.token.usage", "", v, map[string]any{"type": kind, "model": "gemini-x", "session.id": "g", "installation.id": "inst"})
	}
	s.counter("gemini_cli.session.count", "", 1, map[string]any{"session.id": "g", "installation.id": "inst"})
	s.counter("gemini_cli.tool.call.count", "", 6, map[string]any{"function_name": "read_file", "success": true})
	s.counter("gemini_cli.api.request.count", "", 7, map[string]any{"model": "gemini-x", "status_code": 200})
	s.write(t, m)

	checkValues(t, m, at, map[string]float64{
		`llm_agent_cli_tokens_total{product="claude_code",user="dev@example.test",model="claude-x",type="input"}`: 1300,
		`llm_agent_cli_tokens_total{product="claude_code",type="output"}`:                                         40,
		`llm_agent_cli_tokens_total{product="claude_code",type="cache_read"}`:                                     1000,
		`llm_agent_cli_tokens_total{product="claude_code",type="cache_write"}`:                                    200,
		`llm_agent_cli_cost_usd_total{product="claude_code",model="claude-x"}`:                                    0.5,
		`llm_agent_cli_sessions_total{product="claude_code"}`:                                                     1,
		`llm_agent_cli_commits_total{product="claude_code"}`:                                                      2,
		`llm_agent_cli_lines_total{product="claude_code",type="added"}`:                                           33,
		`llm_agent_cli_active_seconds_total{product="claude_code"}`:                                               61,
		`llm_agent_cli_tool_calls_total{product="claude_code",tool="Edit"}`:                                       3,
		`llm_agent_cli_tokens_total{product="codex_cli",type="input",user="acc",model="gpt-5"}`:                   500,
		`llm_agent_cli_tokens_total{product="codex_cli",type="output"}`:                                           80,
		`llm_agent_cli_tokens_total{product="codex_cli",type="reasoning"}`:                                        20,
		`sum(llm_agent_cli_tokens_total{product="codex_cli",type=~"input|output"})`:                               580,
		`llm_agent_cli_sessions_total{product="codex_cli"}`:                                                       1,
		`llm_agent_cli_tool_calls_total{product="codex_cli",tool="shell"}`:                                        4,
		`llm_agent_cli_requests_total{product="codex_cli"}`:                                                       5,
		`llm_agent_cli_tokens_total{product="gemini_cli",type="input",user="inst"}`:                               910,
		`llm_agent_cli_tokens_total{product="gemini_cli",type="output"}`:                                          80,
		`llm_agent_cli_tokens_total{product="gemini_cli",type="cache_read"}`:                                      400,
		`llm_agent_cli_tool_calls_total{product="gemini_cli",tool="read_file"}`:                                   6,
		`llm_agent_cli_requests_total{product="gemini_cli",model="gemini-x"}`:                                     7,
	})
}

// TestDerivedFamiliesHaveSources: the table and its documentation agree.
func TestDerivedFamiliesHaveSources(t *testing.T) {
	known := map[string]bool{}
	for _, f := range DerivedFamilies() {
		known[f.Name] = true
		if len(f.From) == 0 {
			t.Errorf("%s is fed by nothing", f.Name)
		}
	}
	for _, d := range derivations() {
		if !known[d.to] {
			t.Errorf("%s is not documented", d.to)
		}
	}
}
