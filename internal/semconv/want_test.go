package semconv

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/pitot-dev/pitot/internal/llm"
)

// wantedCall is a call as the simulated provider saw it.
type wantedCall struct {
	Provider      string   `json:"provider"`
	Operation     string   `json:"operation"`
	RequestModel  string   `json:"request_model"`
	ResponseModel string   `json:"response_model"`
	ResponseID    string   `json:"response_id"`
	Stream        bool     `json:"stream"`
	Status        string   `json:"status"`
	HTTPStatus    int      `json:"http_status"`
	FinishReasons []string `json:"finish_reasons"`
	Input         *int64   `json:"input_tokens"`
	Output        *int64   `json:"output_tokens"`
	CacheRead     *int64   `json:"cache_read_tokens"`
	Reasoning     *int64   `json:"reasoning_tokens"`
	User          string   `json:"user"`
	Session       string   `json:"session"`
	Agent         string   `json:"agent"`
}

// senderSlips are what recorded senders say wrongly themselves, by the prefix
// of sender/scenario, field and reason. Whatever else a Call says must be true.
var senderSlips = []struct{ scenario, field, reason string }{
	{"openllmetry-js/stream", "tokens", "counts streams with a tokenizer of its own, even where the provider reports usage"},
	{"langchain-openllmetry-js/stream", "tokens", "the same library"},
	{"openlit-js/stream", "tokens", "counts with a tokenizer of its own where the provider reports nothing"},
	{"openlit-python/stream", "tokens", "the same"},
	{"openlit-js/anthropic_stream", "tokens", "adds the output tokens of message_start to those of message_delta"},
	{"traceloop-python/anthropic_stream", "tokens", "the same"},
	{"langfuse-", "request_model", "overwrites the model asked for with the one that answered"},
	{"langfuse-python/responses", "operation", "does not say which API it called"},
	{"langfuse-js/stream", "response_model", "knows only the model asked for"},
	{"langchain-", "response_model", "the span of the framework knows only the model asked for"},
	{"openinference-js/stream", "response_model", "knows only the model asked for in streams"},
	{"litellm-python/", "response_model", "has the model asked for in streams and in the second span that it sends of one call"},
	{"litellm-python/error", "response_id", "makes one up where there was no answer"},
	{"langchain-openllmetry-js/", "agent", "the agent is told by the workflow's name"},
	{"pydantic-ai-python/", "session", "makes up a conversation id for each run where none is given"},
}

func slips(scenario, field string) bool {
	for _, s := range senderSlips {
		if s.field == field && strings.HasPrefix(scenario, s.scenario) {
			return true
		}
	}
	return false
}

// TestSendersTellTheTruth compares each Call with what the provider saw of it.
// What a sender does not deliver is unknown; what the Call says is never wrong.
func TestSendersTellTheTruth(t *testing.T) {
	for _, f := range senderFiles(t, "testdata/senders/*/*.json") {
		name := strings.TrimSuffix(strings.TrimPrefix(f, "testdata/senders/"), ".json")
		b, err := os.ReadFile(strings.TrimSuffix(f, ".json") + ".want.json")
		if err != nil {
			continue
		}
		t.Run(name, func(t *testing.T) {
			var want struct {
				Calls []wantedCall `json:"calls"`
			}
			if err := json.Unmarshal(b, &want); err != nil {
				t.Fatal(err)
			}
			calls := readSender(t, f).Calls
			if len(calls) < len(want.Calls) {
				t.Errorf("%d calls, want at least %d", len(calls), len(want.Calls))
			}
			for _, c := range calls {
				if d := bestMatch(name, c, want.Calls); d != "" {
					t.Errorf("%s (%s): %s", c.SpanName, c.Scope, d)
				}
			}
		})
	}
}

// bestMatch says in what a Call contradicts all of the wanted ones, as told by
// the one that it contradicts least.
func bestMatch(scenario string, c *llm.Call, want []wantedCall) string {
	var best []string
	for i, w := range want {
		d := contradictions(scenario, c, &w)
		if i == 0 || len(d) < len(best) {
			best = d
		}
	}
	return strings.Join(best, "; ")
}

func contradictions(scenario string, c *llm.Call, w *wantedCall) []string {
	var out []string
	check := func(field, got, want string) {
		if got != "" && got != want && !slips(scenario, field) {
			out = append(out, fmt.Sprintf("%s = %q, want %q", field, got, want))
		}
	}
	number := func(field string, got llm.Opt[int64], want *int64) {
		n, ok := got.Get()
		if !ok || slips(scenario, "tokens") {
			return
		}
		if want == nil && n != 0 || want != nil && *want != n { // 0 of a part is none of it
			out = append(out, fmt.Sprintf("%s = %d", field, n))
		}
	}
	check("provider", c.Provider, w.Provider)
	check("operation", string(c.Operation), w.Operation)
	check("request_model", c.RequestModel, w.RequestModel)
	check("response_model", c.ResponseModel, w.ResponseModel)
	if w.ResponseID != "" {
		check("response_id", c.ResponseID, w.ResponseID)
	}
	check("status", string(c.Status), w.Status)
	check("finish_reasons", strings.Join(c.FinishReasons, ","), strings.Join(w.FinishReasons, ","))
	if w.Agent != "" {
		check("agent", c.Agent, w.Agent)
	}
	if w.User != "" {
		check("user", c.User, w.User)
	}
	if w.Session != "" {
		check("session", c.Session, w.Session)
	}
	if c.HTTPStatus != 0 && c.HTTPStatus != w.HTTPStatus {
		out = append(out, fmt.Sprintf("http_status = %d", c.HTTPStatus))
	}
	if c.Stream && !w.Stream {
		out = append(out, "stream")
	}
	number("input_tokens", c.Usage.InputTokens, w.Input)
	number("output_tokens", c.Usage.OutputTokens, w.Output)
	number("cache_read_tokens", c.Usage.CacheReadTokens, w.CacheRead)
	number("reasoning_tokens", c.Usage.ReasoningTokens, w.Reasoning)
	if ttft, ok := c.TTFT.Get(); ok && (ttft < 0 || ttft > c.Duration) {
		out = append(out, fmt.Sprintf("ttft = %v of %v", ttft, c.Duration))
	}
	return out
}
