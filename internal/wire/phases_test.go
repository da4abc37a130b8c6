package wire

import (
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pitot-dev/pitot/internal/llm"
)

var phaseOptions = cmp.AllowUnexported(llm.Opt[time.Duration]{})

func took(d time.Duration) llm.Opt[time.Duration] { return llm.Some(d) }

func TestPhases(t *testing.T) {
	const ms = time.Millisecond
	chat := Route{Dialect: OpenAI, API: apiChatCompletions, Operation: llm.OpChat}
	const answer = `{"id":"1","choices":[{"index":0,"message":{"content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1`
	for name, c := range map[string]struct {
		x    exchange
		want llm.Phases
	}{
		"none": {exchange{rt: chat, body: answer + `}}`}, llm.Phases{}},
		"openai": {
			exchange{rt: chat, body: answer + `}}`, header: http.Header{"Openai-Processing-Ms": {"264"}, "X-Envoy-Upstream-Service-Time": {"270"}}},
			llm.Phases{Server: took(270 * ms)},
		},
		"anthropic": {
			exchange{rt: routeMessages, body: `{"id":"m","content":[]}`, header: http.Header{"X-Envoy-Upstream-Service-Time": {"316"}}},
			llm.Phases{Server: took(316 * ms)},
		},
		"an error": {
			exchange{rt: chat, status: 429, body: `{"error":{"message":"slow down"}}`, header: http.Header{"Openai-Processing-Ms": {"7"}}},
			llm.Phases{Server: took(7 * ms)},
		},
		"tgi": {
			exchange{rt: chat, body: answer + `}}`, header: http.Header{"X-Queue-Time": {"12"}, "X-Inference-Time": {"384"}, "X-Total-Time": {"400"}, "X-Validation-Time": {"1"}}},
			llm.Phases{Queue: took(12 * ms), Server: took(400 * ms)},
		},
		"groq": {
			exchange{rt: chat, body: answer + `,"queue_time":0.0125,"prompt_time":0.002,"completion_time":0.025,"total_time":0.027}}`},
			llm.Phases{Queue: took(12500 * time.Microsecond), Prefill: took(2 * ms), Decode: took(25 * ms), Server: took(27 * ms)},
		},
		"groq's stream": {
			exchange{rt: chat, ctype: "text/event-stream", body: sse(`{"id":"1","choices":[{"index":0,"delta":{"content":"hi"}}]}`,
				`{"id":"1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"x_groq":{"usage":{"prompt_tokens":1,"completion_tokens":1,"queue_time":0.5,"prompt_time":0.25,"completion_time":0.75,"total_time":1}}}`, "[DONE]")},
			llm.Phases{Queue: took(500 * ms), Prefill: took(250 * ms), Decode: took(750 * ms), Server: took(time.Second)},
		},
		"cerebras": {
			exchange{rt: chat, body: answer + `},"time_info":{"queue_time":0.001,"prompt_time":0.002,"completion_time":0.004,"total_time":0.008,"created":1735689600}}`},
			llm.Phases{Queue: took(ms), Prefill: took(2 * ms), Decode: took(4 * ms), Server: took(8 * ms)},
		},
		"llama.cpp": {
			exchange{rt: chat, body: answer + `},"timings":{"prompt_n":1,"prompt_ms":30.5,"predicted_n":1,"predicted_ms":120}}`},
			llm.Phases{Prefill: took(30500 * time.Microsecond), Decode: took(120 * ms)},
		},
		"ollama": {
			exchange{rt: routeOllama, ctype: "application/x-ndjson", body: ollamaBody(append(ollamaLines, ollamaDone)...)},
			llm.Phases{Load: took(1500 * ms), Prefill: took(250 * ms), Decode: took(2 * time.Second), Server: took(4 * time.Second)},
		},
		"ollama's embeddings": {
			exchange{rt: Route{Dialect: Ollama, API: apiOllamaEmbed}, body: `{"model":"m","embeddings":[[0.1]],"total_duration":14000000,"load_duration":1000000,"prompt_eval_count":8}`},
			llm.Phases{Load: took(ms), Server: took(14 * ms)},
		},
		"bedrock": {
			exchange{rt: routeConverse, body: `{"output":{"message":{"role":"assistant","content":[]}},"metrics":{"latencyMs":1500}}`},
			llm.Phases{Server: took(1500 * ms)},
		},
		"bedrock's header": {
			exchange{rt: routeInvoke, body: `{}`, header: http.Header{"X-Amzn-Bedrock-Invocation-Latency": {"1308"}}},
			llm.Phases{Server: took(1308 * ms)},
		},
		"nonsense": {
			exchange{
				rt: chat, body: answer + `,"queue_time":-1,"prompt_time":"soon","completion_time":1e300,"total_time":null}}`,
				header: http.Header{"Openai-Processing-Ms": {"-5"}, "X-Envoy-Upstream-Service-Time": {"NaN"}, "X-Total-Time": {"1e99"}, "X-Queue-Time": {""}},
			},
			llm.Phases{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if c.x.ctype == "" {
				c.x.ctype = "application/json"
			}
			if d := cmp.Diff(c.want, c.x.check(t).Phases, phaseOptions); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// TestPhasesOfRecordings counts the recorded calls whose server said how long it
// took, and makes sure that what it said holds together.
func TestPhasesOfRecordings(t *testing.T) {
	got := map[string]int{}
	recordings(t, func(r *recording) {
		rt, ok := familyRoute(r)
		if _, native := nativeDialects[r.Provider]; native {
			rt, ok = nativeRoute(r)
		}
		if !ok {
			return
		}
		p := decodeRecording(rt, r).Phases
		for name, d := range map[string]llm.Opt[time.Duration]{"queue": p.Queue, "load": p.Load, "prefill": p.Prefill, "decode": p.Decode, "server": p.Server} {
			if v, ok := d.Get(); ok {
				got[r.Provider+" "+name]++
				if v < 0 || v > 20*time.Minute {
					t.Errorf("%s: %s took %v", r.ID, name, v)
				}
			}
		}
		if total, ok := p.Server.Get(); ok && p.Decode.Known() {
			if parts := p.Load.Or(0) + p.Prefill.Or(0) + p.Decode.Or(0); parts > total+total/20+time.Millisecond {
				t.Errorf("%s: the parts took %v, the whole %v", r.ID, parts, total)
			}
		}
	})
	for what, least := range map[string]int{
		"openai server": 750, "anthropic server": 60, "cohere server": 50, "mistral_ai server": 20, "aws.bedrock server": 100,
		"groq queue": 40, "groq prefill": 40, "groq decode": 40, "ollama load": 10, "ollama decode": 10,
	} {
		if got[what] < least {
			t.Errorf("%s: known of %d recordings, once of %d", what, got[what], least)
		}
	}
	for _, what := range slices.Sorted(maps.Keys(got)) {
		t.Logf("%-24s %4d", what, got[what])
	}
}
