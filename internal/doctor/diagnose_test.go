package doctor

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pitot-dev/pitot/internal/llm"
)

// whole is a sender that delivers every field of 100 calls, 40 of them streams
// and 10 failed.
func whole(dialect string) Sender {
	s := Sender{Service: "shop", Source: llm.SourceOTLP, Dialect: dialect, Scope: "lib", Calls: 100, Represented: 100, Errors: 10, Streams: 40, Fields: map[string]Count{}}
	for _, f := range FieldNames() {
		of := int64(100)
		switch f {
		case fOutTokens, fFinish, fOutput, fRespID, fInTokens, fRespModel:
			of = 90
		case fTTFT, fTimeline:
			of = 40
		case fErrorType:
			of = 10
		}
		s.Fields[f] = Count{of, of}
	}
	return s
}

func without(s Sender, fields ...string) Sender {
	for _, f := range fields {
		s.Fields[f] = Count{0, s.Fields[f].Of}
	}
	return s
}

func find(r *SenderReport, code string) *Finding {
	if i := slices.IndexFunc(r.Findings, func(f Finding) bool { return f.Code == code }); i >= 0 {
		return &r.Findings[i]
	}
	return nil
}

func TestEveryDialectThatDeliversAllHasNoFinding(t *testing.T) {
	for _, d := range slices.Sorted(maps.Keys(dialects())) {
		r := Diagnose([]Sender{whole(d)}, nil)
		for _, f := range r.Senders[0].Findings {
			if f.Code != "server_spans" {
				t.Errorf("%s: %+v", d, f)
			}
		}
		for _, f := range r.Senders[0].Fields {
			if f.State != Delivered {
				t.Errorf("%s: %s is %s", d, f.Field, f.State)
			}
		}
	}
}

func TestSettings(t *testing.T) {
	for _, c := range []struct {
		dialect, field string
		setting        string // a part of it
		severity       Severity
	}{
		{"otel_genai", fInput, "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", Missing},
		{"otel_genai", fOutput, "OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental", Missing},
		{"otel_genai", fTTFT, "gen_ai_latest_experimental", Missing},
		{"otel_genai", fUser, "user.id", Missing},
		{"openllmetry", fInput, "TRACELOOP_TRACE_CONTENT=true", Missing},
		{"openllmetry", fUser, `set_association_properties({"user_id"`, Missing},
		{"openllmetry", fAgent, "@agent", Cosmetic},
		{"traceloop", fSession, "session_id", Missing},
		{"openinference", fInput, "OPENINFERENCE_HIDE_INPUTS=false (and OPENINFERENCE_HIDE_INPUT_MESSAGES=false)", Missing},
		{"openinference", fOutput, "OPENINFERENCE_HIDE_OUTPUTS=false (and OPENINFERENCE_HIDE_OUTPUT_MESSAGES=false)", Missing},
		{"openinference", fParams, "OPENINFERENCE_HIDE_LLM_INVOCATION_PARAMETERS", Cosmetic},
		{"openinference", fSession, "using_session", Missing},
		{"openlit", fInput, "OPENLIT_CAPTURE_MESSAGE_CONTENT=true", Missing},
		{"langfuse", fUser, "propagate_attributes(user_id", Missing},
		{"langfuse", fTTFT, "completion_start_time", Missing},
		{"langfuse", fInTokens, "usage_details", WrongNumbers},
		{"vercel_ai", fInput, "recordInputs: true", Missing},
		{"vercel_ai", fOutput, "recordOutputs: true", Missing},
		{"vercel_ai", fUser, "metadata: { userId }", Missing},
		{"pydantic_ai", fInput, "include_content=True", Missing},
		{"litellm", fOutput, "turn_off_message_logging", Missing},
		{"envoy_ai_gateway", fSession, "OTEL_AIGW_SPAN_REQUEST_HEADER_ATTRIBUTES=<header>:session.id", Missing},
		{"nexent", fInput, "MONITORING_TRACE_CONTENT_MODE=full", Missing},
		{"claude_code", fInput, "OTEL_LOG_USER_PROMPTS=1", Missing},
		{"claude_code", fTrace, "CLAUDE_CODE_ENHANCED_TELEMETRY_BETA=1", Missing},
		{"codex_cli", fInput, "log_user_prompt = true", Missing},
		{"gemini_cli", fInput, "GEMINI_TELEMETRY_LOG_PROMPTS=true", Missing},
		{"gemini_cli", fTrace, "GEMINI_TELEMETRY_TRACES_ENABLED=true", Missing},
		{"langsmith", fInput, "LANGSMITH_HIDE_INPUTS=false", Missing},
		{"langchain", fOutput, "LANGSMITH_HIDE_OUTPUTS=false", Missing},
		{"sentry", fInput, "send_default_pii=True", Missing},
		{"mlflow", fSession, "mlflow.trace.session", Missing},
	} {
		t.Run(c.dialect+" "+c.field, func(t *testing.T) {
			r := Diagnose([]Sender{without(whole(c.dialect), c.field)}, nil)
			f := find(&r.Senders[0], "no_"+c.field)
			if f == nil {
				t.Fatalf("findings = %+v", r.Senders[0].Findings)
			}
			if !strings.Contains(f.Setting, c.setting) || f.Severity != c.severity || f.Field != c.field {
				t.Errorf("%+v", *f)
			}
		})
	}
}

func TestCannot(t *testing.T) {
	for dialect, field := range map[string]string{
		"openinference": fRespID, "envoy_ai_gateway": fRespID, "nexent": fRespID, "claude_code": fParams, "codex_cli": fOutput, "vllm": fInput,
	} {
		r := Diagnose([]Sender{without(whole(dialect), field)}, nil).Senders[0]
		i := slices.Index(FieldNames(), field)
		if r.Fields[i].State != Cannot {
			t.Errorf("%s: %s is %s", dialect, field, r.Fields[i].State)
		}
		f := find(&r, "cannot_"+field)
		if f == nil || f.Severity != Cosmetic {
			t.Errorf("%s: %+v", dialect, f)
		}
		// What arrives is delivered, whatever is known.
		if r := Diagnose([]Sender{whole(dialect)}, nil).Senders[0]; r.Fields[i].State != Delivered {
			t.Errorf("%s: %s arrives and is %s", dialect, field, r.Fields[i].State)
		}
	}
}

func TestStates(t *testing.T) {
	for want, c := range map[State]Count{
		NoData: {0, 0}, Absent: {0, 7}, Partial: {94, 100}, Delivered: {95, 100},
	} {
		if got := stateOf(c); got != want {
			t.Errorf("%+v is %s, want %s", c, got, want)
		}
	}
	r := Diagnose([]Sender{without(whole("otel_genai"), fPrompt)}, nil).Senders[0]
	if s := r.Fields[slices.Index(FieldNames(), fPrompt)].State; s != NotSeen {
		t.Errorf("a prompt name that never comes is %s", s)
	}
	if len(r.Findings) != 0 {
		t.Errorf("findings = %+v", r.Findings)
	}
}

func TestStreamsWithoutUsage(t *testing.T) {
	s := whole("openllmetry")
	s.StreamsWithoutUsage = 40
	s.Fields[fInTokens], s.Fields[fOutTokens] = Count{50, 90}, Count{50, 90}
	r := Diagnose([]Sender{s}, nil).Senders[0]
	if len(r.Findings) != 1 || r.Findings[0].Code != "streams_without_usage" || r.Worst() != WrongNumbers ||
		!strings.Contains(r.Findings[0].Setting, "include_usage") || !strings.Contains(r.Findings[0].Message, "40 of 40") {
		t.Errorf("findings = %+v", r.Findings)
	}
	cut := whole("openllmetry")
	cut.StreamsWithoutUsage = 2
	cut.Fields[fInTokens], cut.Fields[fOutTokens] = Count{88, 90}, Count{88, 90}
	if r := Diagnose([]Sender{cut}, nil).Senders[0]; len(r.Findings) != 1 || r.Worst() != Cosmetic || r.Findings[0].Setting != "" {
		t.Errorf("two of forty: %+v", r.Findings)
	}
	// Others lack them too: that is another fault.
	s.Fields[fOutTokens] = Count{30, 90}
	r = Diagnose([]Sender{s}, nil).Senders[0]
	if f := find(&r, "partial_"+fOutTokens); f == nil || f.Severity != WrongNumbers || !strings.Contains(f.Message, "60 of 90") {
		t.Errorf("findings = %+v", r.Findings)
	}
	s.Dialect = "litellm"
	r = Diagnose([]Sender{s}, nil).Senders[0]
	if f := find(&r, "streams_without_usage"); f == nil || !strings.Contains(f.Setting, "always_include_stream_usage") {
		t.Errorf("findings = %+v", r.Findings)
	}
}

func TestWarnings(t *testing.T) {
	sampled := whole("otel_genai")
	sampled.Sampled, sampled.Represented = 100, 1000
	double := whole("openinference")
	double.Spans = map[llm.SpanKind]int64{llm.KindLLM: 7, llm.KindAgent: 2}
	containers := Sender{Service: "chain", Source: llm.SourceOTLP, Dialect: "litellm", Spans: map[llm.SpanKind]int64{llm.KindWorkflow: 3}}
	unknown := whole("")
	odd := whole("some_new_sdk")
	shared := without(whole("litellm"), fParent)
	for name, c := range map[string]struct {
		s              Sender
		code, text     string
		worse          bool
		setting, other string
	}{
		"sampled":        {sampled, "sampled_by_sender", "about 1000", false, "OTEL_TRACES_SAMPLER", ""},
		"demoted":        {double, "counted_elsewhere", "7 model calls", false, "", ""},
		"no calls":       {containers, "no_calls", "none is a model call", true, `litellm.callbacks = ["otel"]`, ""},
		"unknown":        {unknown, "unknown_dialect", "does not know", false, "gen_ai", ""},
		"new dialect":    {odd, "unknown_dialect", `"some_new_sdk"`, false, "gen_ai", ""},
		"litellm shared": {shared, "litellm_shared_span", "only the last", false, "USE_OTEL_LITELLM_REQUEST_SPAN=true", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := Diagnose([]Sender{c.s}, nil).Senders[0]
			f := find(&r, c.code)
			if f == nil || !strings.Contains(f.Message, c.text) || !strings.Contains(f.Setting, c.setting) || (f.Severity == Missing) != c.worse {
				t.Errorf("findings = %+v", r.Findings)
			}
		})
	}
}

func TestGateway(t *testing.T) {
	s := without(whole(""), fUser, fSession)
	s.Source = llm.SourceGateway
	s.StreamsWithoutUsage = 20
	r := Diagnose([]Sender{s}, nil).Senders[0]
	if r.Name != "Pitot gateway" || find(&r, "unknown_dialect") != nil {
		t.Errorf("%+v", r)
	}
	for code, setting := range map[string]string{"no_user": "X-Pitot-User", "no_session": "X-Pitot-Session", "streams_without_usage": "gateway.ask_usage"} {
		if f := find(&r, code); f == nil || !strings.Contains(f.Setting, setting) {
			t.Errorf("%s: %+v", code, f)
		}
	}
}

func TestTwoDoors(t *testing.T) {
	gateway := without(whole(""), fParent)
	gateway.Source = llm.SourceGateway
	r := Diagnose([]Sender{gateway, whole("openlit")}, nil)
	if len(r.Findings) != 1 || r.Findings[0].Code != "two_doors" || r.Findings[0].Severity != WrongNumbers {
		t.Errorf("findings = %+v", r.Findings)
	}
	joined := whole("")
	joined.Source = llm.SourceGateway
	if r := Diagnose([]Sender{joined, whole("openlit")}, nil); len(r.Findings) != 0 {
		t.Errorf("with trace context: %+v", r.Findings)
	}
	other := whole("openlit")
	other.Service = "other"
	if r := Diagnose([]Sender{gateway, other}, nil); len(r.Findings) != 0 {
		t.Errorf("other services: %+v", r.Findings)
	}
}

func TestHistograms(t *testing.T) {
	r := Diagnose(nil, []Histogram{
		{Name: "gen_ai_client_operation_duration_seconds", Service: "shop", Scope: "lib", Reason: "the first bucket ends at 5 s"},
		{Name: "x", Advice: "use a View"},
	})
	if len(r.Findings) != 2 || len(r.Senders) != 0 {
		t.Fatalf("%+v", r)
	}
	f := r.Findings[0]
	if f.Severity != WrongNumbers || !strings.Contains(f.Message, "shop (lib)") || !strings.Contains(f.Message, "5 s") ||
		!strings.Contains(f.Setting, "base2_exponential_bucket_histogram") {
		t.Errorf("%+v", f)
	}
	if r.Findings[1].Setting != "use a View" {
		t.Errorf("%+v", r.Findings[1])
	}
}

func TestOtherSpansAreNoSenders(t *testing.T) {
	r := Diagnose([]Sender{{Service: "web", Source: llm.SourceOTLP, Scope: "net/http", Spans: map[llm.SpanKind]int64{llm.KindOther: 100}}}, nil)
	if len(r.Senders) != 0 {
		t.Errorf("%+v", r)
	}
}

func TestFewCallsAreNoSetting(t *testing.T) {
	s := Sender{Source: llm.SourceOTLP, Dialect: "otel_genai", Calls: 1, Fields: map[string]Count{}}
	for _, f := range FieldNames() {
		s.Fields[f] = Count{0, 1}
	}
	r := Diagnose([]Sender{s}, nil).Senders[0]
	for _, f := range r.Findings {
		if f.Severity != WrongNumbers {
			t.Errorf("after one call: %+v", f)
		}
	}
	if find(&r, "no_input_tokens") == nil {
		t.Error("a call without tokens is worth a word")
	}
}

// TestFindingsAreOrdered has the worst first, and the same order each time.
func TestFindingsAreOrdered(t *testing.T) {
	s := without(whole("openinference"), FieldNames()...)
	first := Diagnose([]Sender{s}, nil)
	ranks := []int{}
	for _, f := range first.Senders[0].Findings {
		ranks = append(ranks, f.Severity.rank())
		if f.Message == "" || f.Code == "" || strings.Contains(f.Message, "%!") {
			t.Errorf("%+v", f)
		}
	}
	if !slices.IsSorted(ranks) || len(ranks) < 10 {
		t.Errorf("ranks = %v", ranks)
	}
	for range 20 {
		if d := cmp.Diff(first, Diagnose([]Sender{s}, nil)); d != "" {
			t.Fatal(d)
		}
	}
}

// TestKnowledgeNamesFields keeps the tables free of misspelt fields.
func TestKnowledgeNamesFields(t *testing.T) {
	known := append(FieldNames(), fixStreamUsage, fixNoCalls)
	for name, k := range dialects() {
		if k.name == "" {
			t.Errorf("%s has no name", name)
		}
		for f, why := range k.cannot {
			if !slices.Contains(known, f) || why == "" {
				t.Errorf("%s: cannot %q: %q", name, f, why)
			}
		}
		for f, r := range k.remedies {
			if !slices.Contains(known, f) || r.setting == "" && r.note == "" {
				t.Errorf("%s: remedy of %q: %+v", name, f, r)
			}
		}
	}
}

func TestALibraryThatTellsOfAgentsAloneIsFineBesideOneThatTellsOfCalls(t *testing.T) {
	agents := Sender{Service: "chain", Source: llm.SourceOTLP, Dialect: "openllmetry", Scope: "tracer", Spans: map[llm.SpanKind]int64{llm.KindWorkflow: 3}}
	demoted := Sender{Service: "chain", Source: llm.SourceOTLP, Dialect: "openllmetry", Scope: "openai", Spans: map[llm.SpanKind]int64{llm.KindLLM: 3}}
	for _, s := range Diagnose([]Sender{agents, demoted}, nil).Senders {
		if f := find(&s, "no_calls"); f != nil {
			t.Errorf("%s: %+v", s.Scope, f)
		}
	}
}
