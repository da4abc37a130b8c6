package semconv

import (
	"encoding/json"
	"path"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/testkit"
	"github.com/pitot-dev/pitot/internal/testkit/replay"
	"github.com/pitot-dev/pitot/internal/wire"
)

const noForm = "the recording has no multipart form of the request, the span has what was in it"

// envoyExceptions are the fields in which a span of Envoy AI Gateway cannot
// equal the exchange, each with its reason.
var envoyExceptions = map[string]map[string]string{
	"*": {
		"usage.input_image": "the span has no attribute for it",
		"blob":              "the gateway's decoder keeps the size of generated media, a span the media",
	},
	"embeddings-*":           {"provider": "the span of an embedding names no provider"},
	"audio-transcription-*":  {"request_model": noForm, "params": noForm, "input": noForm},
	"audio-translation-*":    {"request_model": noForm, "params": noForm, "input": noForm},
	"chat-audio-to-text":     {"input": "the messages of the span leave the audio out"},
	"completion-bad-request": {"input": "an empty prompt: a part without text on the wire, nothing in the span"},
}

// TestConformanceEnvoy compares the Call of each span that Envoy AI Gateway
// makes of an exchange with the Call that our own gateway makes of it.
func TestConformanceEnvoy(t *testing.T) {
	exchanges, err := replay.Exchanges(testkit.SharedDir(t, "cassettes", "envoy-ai-gateway", "envoy.tar.zst"))
	if err != nil {
		t.Fatal(err)
	}
	if len(exchanges) < 43 {
		t.Fatalf("%d recordings, want 43", len(exchanges))
	}
	for _, x := range exchanges {
		t.Run(x.ID, func(t *testing.T) {
			want := wireCall(t, &x)
			got := envoyCall(t, x.Span)
			if d := cmp.Diff(compareOf(want, x.ID), compareOf(got, x.ID), cmpopts.EquateEmpty()); d != "" {
				t.Errorf("span differs from exchange (-exchange +span):\n%s", d)
			}
		})
	}
}

// compared are the fields that both sides can know.
type compared struct {
	Provider, Operation, RequestModel, ResponseModel, Status string
	Stream                                                   bool
	Finish                                                   []string
	Usage                                                    map[string]any
	Input, Output                                            []llm.Message
	Tools                                                    any
	Params                                                   map[string]any
}

func compareOf(c *llm.Call, id string) compared {
	out := compared{
		Provider: c.Provider, Operation: string(c.Operation), RequestModel: c.RequestModel, ResponseModel: c.ResponseModel, Status: string(c.Status),
		Stream: c.Stream, Finish: c.FinishReasons, Input: c.Input, Output: c.Output, Params: c.Params,
	}
	b, _ := json.Marshal(c.Usage)
	_ = json.Unmarshal(b, &out.Usage)
	_ = json.Unmarshal(c.Tools, &out.Tools)
	for name, fields := range envoyExceptions {
		if ok, err := path.Match(name, id); err != nil || !ok {
			continue
		}
		for field := range fields {
			switch field {
			case "blob":
				for _, m := range out.Output {
					for i := range m.Parts {
						m.Parts[i].Data, m.Parts[i].Size = "", 0
					}
				}
			case "input":
				out.Input = nil
			case "params":
				out.Params = nil
			case "provider":
				out.Provider = ""
			case "request_model":
				out.RequestModel = ""
			case "usage.input_image":
				delete(out.Usage, "input_image_tokens")
			}
		}
	}
	return out
}

func wireCall(t *testing.T, x *replay.Exchange) *llm.Call {
	t.Helper()
	rt, ok := wire.Match(wire.OpenAI, x.Method, x.URL.Path)
	if !ok {
		t.Fatalf("%s is not matched", x.URL.Path)
	}
	c := &llm.Call{Provider: llm.ProviderOpenAI, Operation: rt.Operation, Status: llm.StatusOK}
	wire.DecodeRequest(rt, x.RequestHeader, x.RequestBody, c)
	d := wire.NewDecoder(rt, x.Status, x.Header, c, wire.Options{})
	d.Write(x.Body, time.Second)
	d.Close(time.Second, nil)
	return c
}

// envoyCall normalises one expected span, which has neither ids nor times.
func envoyCall(t *testing.T, b []byte) *llm.Call {
	t.Helper()
	var span map[string]any
	if err := json.Unmarshal(b, &span); err != nil {
		t.Fatal(err)
	}
	span["traceId"], span["spanId"] = testTrace, testSpan
	span["startTimeUnixNano"], span["endTimeUnixNano"] = "1763719199000000000", "1763719200000000000"
	delete(span, "kind")
	if st, ok := span["status"].(map[string]any); ok {
		st["code"] = map[any]int{"STATUS_CODE_OK": 1, "STATUS_CODE_ERROR": 2}[st["code"]]
	}
	events, _ := span["events"].([]any)
	for _, e := range events {
		if e, ok := e.(map[string]any); ok {
			e["timeUnixNano"] = "1763719199500000000"
		}
	}
	doc, err := json.Marshal(map[string]any{"resourceSpans": []any{map[string]any{
		"resource":   map[string]any{"attributes": []any{map[string]any{"key": "service.name", "value": map[string]any{"stringValue": "ai-gateway-extproc"}}}},
		"scopeSpans": []any{map[string]any{"scope": map[string]any{"name": "envoyproxy/ai-gateway"}, "spans": []any{span}}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(doc)
	if err != nil {
		t.Fatal(err)
	}
	res := testNormalizer().Traces(td)
	if len(res.Records) != 1 || res.Records[0].Call == nil {
		t.Fatalf("not one call: %+v", res)
	}
	c := res.Records[0].Call
	if c.Dialect != "envoy_ai_gateway" {
		t.Errorf("dialect = %q", c.Dialect)
	}
	return c
}
