package semconv

import (
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/pitot-dev/pitot/internal/llm"
)

// The traps in which usage is counted twice, or not at all, or wrong.

func TestTrapExclusiveInput(t *testing.T) {
	f := func(name string, a attrs, in, read, write int64) {
		t.Helper()
		a["gen_ai.operation.name"] = "chat"
		c := oneCall(t, "s", "chat m", a)
		known(t, name+": input", c.Usage.InputTokens, in)
		known(t, name+": cache read", c.Usage.CacheReadTokens, read)
		if write > 0 {
			known(t, name+": cache write", c.Usage.CacheWriteTokens, write)
		}
	}
	f("inclusive", attrs{"gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 10, "gen_ai.usage.cache_read.input_tokens": 800}, 1000, 800, 0)
	f("cache is more than input", attrs{
		"gen_ai.usage.input_tokens": 20, "gen_ai.usage.output_tokens": 10, "gen_ai.usage.cache_read.input_tokens": 800,
		"gen_ai.usage.cache_creation.input_tokens": 100,
	}, 920, 800, 100)
	f("the total says exclusive", attrs{
		"gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 10, "gen_ai.usage.cache_read_input_tokens": 800, "gen_ai.usage.total_tokens": 1810,
	}, 1800, 800, 0)
	f("the total says inclusive", attrs{
		"gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 10, "gen_ai.usage.cache_read_input_tokens": 800, "gen_ai.usage.total_tokens": 1010,
	}, 1000, 800, 0)
	f("Anthropic's own number beside it (Vercel 5)", attrs{
		"ai.usage.inputTokens": 1000, "ai.usage.outputTokens": 10, "ai.usage.cachedInputTokens": 800,
		"ai.response.providerMetadata": `{"anthropic":{"usage":{"input_tokens":1000,"cache_read_input_tokens":800,"cache_creation":{"ephemeral_5m_input_tokens":40,"ephemeral_1h_input_tokens":10}}}}`,
	}, 1850, 800, 50)
}

func TestTrapDetailsRepeatFirstClassNames(t *testing.T) {
	c := oneCall(t, "pydantic-ai", "chat m", attrs{
		"gen_ai.operation.name": "chat", "gen_ai.usage.details.input_tokens": 999, "gen_ai.usage.details.output_tokens": 999, "gen_ai.request.model": "m",
	})
	unknown(t, "input", c.Usage.InputTokens)
	unknown(t, "output", c.Usage.OutputTokens)
	if c.Usage.Source != llm.UsageUnknown {
		t.Errorf("source = %q, want unknown", c.Usage.Source)
	}
}

func TestTrapZeroesAreNoUsage(t *testing.T) {
	c := oneCall(t, "s", "chat m", attrs{"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 0, "gen_ai.usage.output_tokens": 0, "gen_ai.usage.cost": 0.0})
	unknown(t, "input", c.Usage.InputTokens)
	unknown(t, "cost", c.Cost.USD)
}

func TestTrapContainers(t *testing.T) {
	f := func(what, scope, name string, a attrs, kind llm.SpanKind, in int64) {
		t.Helper()
		s := oneSpan(t, scope, name, a)
		if s.Kind != kind {
			t.Errorf("%s: kind = %q, want %q", what, s.Kind, kind)
		}
		switch {
		case in == 0 && s.Aggregate != nil:
			t.Errorf("%s: has an aggregate", what)
		case in > 0 && s.Aggregate == nil:
			t.Errorf("%s: has no aggregate", what)
		case in > 0:
			known(t, what+": input", s.Aggregate.Usage.InputTokens, in)
			if s.Aggregate.SpanID != s.SpanID || s.Aggregate.TraceID != s.TraceID {
				t.Errorf("%s: the aggregate has other ids", what)
			}
		}
	}
	f("Vercel's root", "ai", "ai.generateText", attrs{
		"ai.operationId": "ai.generateText", "operation.name": "ai.generateText chat", "ai.model.id": "gpt-4o", "ai.model.provider": "openai.chat",
		"ai.usage.promptTokens": 10, "ai.usage.completionTokens": 3,
	}, llm.KindAgent, 10)
	f("Strands' agent", "strands.telemetry.tracer", "invoke_agent Strands Agents", attrs{
		"gen_ai.operation.name": "invoke_agent", "gen_ai.system": "strands-agents", "gen_ai.agent.name": "a", "gen_ai.request.model": "m",
		"gen_ai.usage.input_tokens": 120, "gen_ai.usage.output_tokens": 30,
	}, llm.KindAgent, 120)
	f("pydantic-ai 1", "pydantic-ai", "agent run", attrs{
		"gen_ai.operation.name": "invoke_agent", "agent_name": "a", "gen_ai.usage.input_tokens": 7, "gen_ai.usage.output_tokens": 1,
	}, llm.KindAgent, 7)
	f("pydantic-ai 2", "pydantic-ai", "invoke_agent a", attrs{
		"gen_ai.operation.name": "invoke_agent", "gen_ai.aggregated_usage.input_tokens": 9, "gen_ai.aggregated_usage.output_tokens": 2,
	}, llm.KindAgent, 9)
	f("CrewAI", "openinference.instrumentation.crewai", "Crew.kickoff", attrs{
		"openinference.span.kind": "CHAIN", "llm.token_count.prompt": 44, "llm.token_count.completion": 4,
	}, llm.KindWorkflow, 44)
	f("workflow without usage", "traceloop.tracer", "w.workflow", attrs{"traceloop.span.kind": "workflow", "traceloop.entity.name": "w"}, llm.KindWorkflow, 0)
	f("fetch_response", "s", "fetch_response", attrs{
		"gen_ai.operation.name": "fetch_response", "gen_ai.response.id": "resp_1", "gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 5,
	}, llm.KindOther, 0)
	f("a tool that passes usage on", "s", "execute_tool t", attrs{
		"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "t", "gen_ai.usage.input_tokens": 100,
	}, llm.KindTool, 0)
	f("Codex' span", "codex_cli_rs", "handle_responses", attrs{
		"gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 5, "codex.usage.total_tokens": 105,
	}, llm.KindOther, 0)
}

func TestTrapLangChainAndProviderAreBothCalls(t *testing.T) {
	td := ptrace.NewTraces()
	outer := newSpan(t, td, "openinference.instrumentation.langchain", "ChatOpenAI", attrs{
		"openinference.span.kind": "LLM", "llm.model_name": "gpt-4o", "llm.token_count.prompt": 5, "llm.token_count.completion": 2,
	})
	inner := newSpan(t, td, "opentelemetry.instrumentation.openai.v1", "openai.chat", attrs{
		"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o", "gen_ai.usage.input_tokens": 5, "gen_ai.usage.output_tokens": 2,
	})
	inner.SetSpanID(spanID("00f067aa0ba902b7"))
	inner.SetParentSpanID(outer.SpanID())
	res := testNormalizer().Traces(td)
	if len(res.Records) != 2 || res.Records[0].Call == nil || res.Records[1].Call == nil {
		t.Fatalf("not two calls: %+v", res.Records)
	}
	if got := res.Records[1].Call.ParentSpanID; got != res.Records[0].Call.SpanID {
		t.Errorf("the inner call's parent is %s: the pipeline cannot tell", got)
	}
}

func TestTrapLiteLLMRawRequestIsNoCall(t *testing.T) {
	s := oneSpan(t, "litellm", "raw_gen_ai_request", attrs{
		"llm.openai.messages": "[{'role': 'user', 'content': 'secret'}]", "llm.openai.model": "gpt-4o", "gen_ai.request.model": "gpt-4o",
		"gen_ai.usage.input_tokens": 5, "gen_ai.system": "openai", "llm.openai.choices": "[]x",
	})
	if s.Aggregate != nil {
		t.Error("it has an aggregate")
	}
	if _, there := s.Attributes["llm.openai.messages"]; there || s.Input == "" {
		t.Errorf("content is among the attributes: %v", s.Attributes)
	}
}

func TestLangfuseBuckets(t *testing.T) {
	f := func(details string, in, out, read int64) {
		t.Helper()
		c := oneCall(t, "langfuse-sdk", "g", attrs{"langfuse.observation.type": "generation", "langfuse.observation.usage_details": details})
		known(t, details+": input", c.Usage.InputTokens, in)
		known(t, details+": output", c.Usage.OutputTokens, out)
		if read > 0 {
			known(t, details+": cache read", c.Usage.CacheReadTokens, read)
		}
	}
	f(`{"input":100,"output":20,"input_cached_tokens":900,"output_reasoning_tokens":30,"total":1050}`, 1000, 50, 900)
	f(`{"input":1000,"output":50,"total":1050,"input_cached_tokens":900}`, 1000, 50, 900)
	f(`{"prompt_tokens":1000,"completion_tokens":50,"total_tokens":1050,"prompt_tokens_details":{"cached_tokens":900}}`, 1000, 50, 900)
	f(`{"input_tokens":10,"output_tokens":50,"cache_read_input_tokens":900,"cache_creation_input_tokens":90}`, 1000, 50, 900)
}

func TestReasoningApart(t *testing.T) {
	c := oneCall(t, "s", "chat m", attrs{
		"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 5, "gen_ai.usage.reasoning_tokens": 20,
	})
	known(t, "output", c.Usage.OutputTokens, 25)
}

func TestCostOfSender(t *testing.T) {
	f := func(a attrs, usd float64) {
		t.Helper()
		a["gen_ai.operation.name"] = "chat"
		c := oneCall(t, "s", "chat m", a)
		if usd == 0 {
			unknown(t, "cost", c.Cost.USD)
			return
		}
		known(t, "cost", c.Cost.USD, usd)
		if c.Cost.State != llm.CostReported {
			t.Errorf("state = %q", c.Cost.State)
		}
	}
	f(attrs{"gen_ai.usage.cost": 0.5}, 0.5)
	f(attrs{"gen_ai.usage.cost": "0.25"}, 0.25)
	f(attrs{"operation.cost": 0.1}, 0.1)
	f(attrs{"llm.cost.total": 0.1}, 0.1)
	f(attrs{"langfuse.observation.cost_details": `{"input":0.25,"output":0.5}`}, 0.75)
	f(attrs{"langfuse.observation.cost_details": `{"input":0.1,"output":0.2,"total":0.4}`}, 0.4)
	f(attrs{"gen_ai.usage.cost.amount": 3.0, "gen_ai.usage.cost.currency": "EUR"}, 0)
	f(attrs{"gen_ai.usage.cost": 0}, 0)
	f(attrs{"gen_ai.usage.cost": 1.0, "pitot.cost.state": "computed"}, 0)
}

func TestChunksBecomeTheTimeline(t *testing.T) {
	c := oneCall(t, "opentelemetry.instrumentation.openai.v1", "openai.chat", attrs{"gen_ai.operation.name": "chat"}, func(sp ptrace.Span) {
		for i := range 50 {
			e := sp.Events().AppendEmpty()
			e.SetName("gen_ai.content.completion.chunk")
			e.SetTimestamp(pcommon.NewTimestampFromTime(testNow.Add(-time.Second).Add(time.Duration(300+10*i) * time.Millisecond)))
		}
		sp.Events().AppendEmpty().SetName("retry")
	})
	if n := c.Timeline.Chunks(); n != 50 {
		t.Errorf("%d chunks, want 50", n)
	}
	known(t, "ttft", c.TTFT, 300*time.Millisecond)
	if len(c.Events) != 1 || c.Events[0].Name != "retry" {
		t.Errorf("events = %v, want the one that is no chunk", c.Events)
	}
	if !c.Stream {
		t.Error("not a stream")
	}
}

func TestTTFTOfWholeAnswersIsNone(t *testing.T) {
	c := oneCall(t, "openlit.instrumentation.openai", "chat m", attrs{
		"gen_ai.operation.name": "chat", "gen_ai.request.stream": false, "gen_ai.server.time_to_first_token": 0.9,
	})
	unknown(t, "ttft", c.TTFT)
}
