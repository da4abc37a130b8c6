package wire

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pitot-dev/pitot/internal/llm"
)

// familyRoute is the route of a recording of OpenAI's family. The paths of
// fixtures are guesses from their package: what they are follows from their
// names.
func familyRoute(r *recording) (Route, bool) {
	path := r.Path
	d := OpenAI
	if r.Provider == "azure.ai.openai" {
		d = Azure
	}
	if strings.Contains(r.ID, "__fixtures__") {
		switch {
		case strings.Contains(r.ID, "embedding"):
			path = "/v1/embeddings"
		case strings.Contains(r.ID, "rerank"):
			path = "/v1/rerank"
		case strings.Contains(r.ID, "transcription"):
			path = "/v1/audio/transcriptions"
		case strings.Contains(r.ResponseBody, `"object":"chat.completion`), strings.Contains(r.ResponseBody, `"object": "chat.completion`):
			path = "/v1/chat/completions"
		}
	}
	return Match(d, "POST", path)
}

// unmatched says why a recording that was filed as a call of a model is none
// that Pitot knows: by provider and a part of its path.
var unmatched = []struct{ provider, path, reason string }{
	{"openai", "/v1/threads/", "messages of the assistants API: no model is called"},
	{"ibm.watsonx.ai", "/ml/v1-beta/generation/", "watsonx' own API is not decoded"},
	{"replicate", "/predictions", "Replicate's own API: jobs, not calls"},
	{"aleph_alpha", "/complete", "Aleph Alpha's own API is not decoded"},
	{"aws.sagemaker", "/endpoints/", "a SageMaker endpoint has no fixed form"},
}

func unmatchedReason(r *recording) string {
	for _, u := range unmatched {
		if r.Provider == u.provider && strings.Contains(r.Path, u.path) {
			return u.reason
		}
	}
	return ""
}

// familyExceptions are the recordings that differ from the oracle, by a part
// of their id, with the reason. One that no longer differs fails the test.
var familyExceptions = map[string]string{
	"beeai/cassettes/test_instrumentor/test_agent.yaml":        "recorded with an empty body",
	"beeai/cassettes/test_instrumentor/test_instrumentor.yaml": "likewise",
	"beeai/cassettes/test_instrumentor/test_llm_with_tools":    "likewise",
	"portkey/tests/cassettes/test_async_prompt_template":       "the prompt is a template on the server: the request has no messages",
	"portkey/tests/cassettes/test_prompt_template":             "likewise",
	"test_azure/test_prompt_content_filtering":                 "an error inside an answer with status 200",
	"test_writer_async_chat_tool_calls":                        "the request is no JSON: it has a comma too many",
	"test_writer_chat_tool_calls":                              "likewise",
	"writer/tests/cassettes/test_completions/test_writer":      "Writer's completions stream has no mark of its end",
	"azure-reasoning-encrypted-content.1.chunks":               "four streams one after the other",
	"openai-reasoning-encrypted-content.1.chunks":              "likewise",
	"deepgram-transcription.json":                              "Deepgram's own API is not decoded",
	"groq-transcription-text.json":                             "a record of an answer, not the answer",
	"subagent-step-stream.json":                                "messages of an agent, no answer of a model",
	"reasoning-model-legacy-parameter-error.json":              "an error body recorded with status 200",
	"gpt-image-response-format-error.json":                     "likewise",
	"openai-error.1.json":                                      "likewise",
	"reasoning-model-temperature-error.json":                   "likewise",
	"openai-error.1.chunks.txt":                                "an error inside a stream",
	"parallel-tool-call-wrapper.1.chunks":                      "its events lack a brace: no JSON",
	"openai-skill-create.json":                                 "no answer of a model",
	"openai-realtime-speech-translation":                       "a session of the realtime API",
}

func TestConformanceOpenAIFamily(t *testing.T) {
	checked, withUsage, skipped := map[string]int{}, map[string]int{}, map[string]int{}
	differed := map[string]bool{}
	recordings(t, func(r *recording) {
		if _, native := nativeDialects[r.Provider]; native {
			return
		}
		rt, ok := familyRoute(r)
		if reason := unmatchedReason(r); reason != "" {
			skipped[reason]++
			if ok {
				t.Errorf("%s: matched as %+v, but is %s", r.ID, rt, reason)
			}
			return
		}
		if !ok {
			t.Errorf("%s: path %s is not matched", r.ID, r.Path)
			return
		}
		c := decodeRecording(rt, r)
		if d := cmp.Diff(c, decodeRecording(rt, r, 1, 7, 3, 31, 2, 113), callOptions); d != "" {
			t.Errorf("%s: split differs (-whole +split):\n%s", r.ID, d)
		}
		checked[r.Provider]++
		if c.Usage.Source == llm.UsageReported {
			withUsage[r.Provider]++
		}
		d := compareOracle(r, rt, c)
		for part := range familyExceptions {
			if strings.Contains(r.ID, part) {
				differed[part] = differed[part] || d != ""
				if d != "" && testing.Verbose() {
					t.Logf("excepted: %s:\n%.400s", r.ID, d)
				}
				d = ""
			}
		}
		if d != "" {
			t.Errorf("%s (%s %s %d):\n%s", r.ID, r.Provider, rt.API, r.Status, d)
		}
	})
	total, usage := 0, 0
	for p, n := range checked {
		t.Logf("%-16s %4d calls, %4d with usage", p, n, withUsage[p])
		total, usage = total+n, usage+withUsage[p]
	}
	for reason, n := range skipped {
		t.Logf("not decoded: %4d × %s", n, reason)
	}
	for part, reason := range familyExceptions {
		if !differed[part] {
			t.Errorf("exception %q (%s) does not occur any more", part, reason)
		}
	}
	if total < 1419 || usage < 1174 {
		t.Errorf("%d calls, %d with usage: fewer than there are", total, usage)
	}
}

// In metrics mode the same numbers come out, and no content.
func TestConformanceWithoutContent(t *testing.T) {
	recordings(t, func(r *recording) {
		route := familyRoute
		if _, native := nativeDialects[r.Provider]; native {
			route = nativeRoute
		}
		rt, ok := route(r)
		if !ok {
			return
		}
		run := func(o Options) *llm.Call {
			c := &llm.Call{}
			body, h := wireForm(r)
			d := NewDecoder(rt, r.Status, h, c, o)
			d.Write(body, time.Second)
			d.Close(time.Second, nil)
			return c
		}
		want, got := run(Options{}), run(Options{SkipContent: true})
		if len(got.Output) != 0 || len(got.Truncated) != 0 {
			t.Errorf("%s: content is kept: %+v", r.ID, got.Output)
		}
		want.Output, got.Output = nil, nil
		if d := cmp.Diff(want, got, callOptions); d != "" {
			t.Errorf("%s (-with +without):\n%s", r.ID, d)
		}
	})
}

// Mistakes that an oracle could share with the decoder: text that is taken
// twice, arguments put together wrongly.
func TestConformanceContentIsSound(t *testing.T) {
	calls := 0
	recordings(t, func(r *recording) {
		route := familyRoute
		if _, native := nativeDialects[r.Provider]; native {
			route = nativeRoute
		}
		rt, ok := route(r)
		if !ok || r.Status >= 400 {
			return
		}
		for _, several := range []string{"reasoning-encrypted-content.1.chunks", "spliced-message-start"} {
			if strings.Contains(r.ID, several) {
				return // several streams in one recording
			}
		}
		c := decodeRecording(rt, r)
		for _, m := range c.Output {
			runs := map[string]string{}
			for _, p := range m.Parts {
				runs[p.Type] += p.Content
				if p.Type != llm.PartToolCall || p.Arguments == "" || slices.Contains(c.Notes, "stream_cut") || slices.Contains(c.FinishReasons, "length") {
					continue
				}
				calls++
				// Free-form tools take plain text.
				if (p.Arguments[0] == '{' || p.Arguments[0] == '[') && !json.Valid([]byte(p.Arguments)) {
					t.Errorf("%s: arguments of %s are no JSON: %s", r.ID, p.ToolName, p.Arguments)
				}
			}
			for typ, s := range runs {
				if n := len(s) / 2; n > 20 && s[:n] == s[n:] {
					t.Errorf("%s: %s stands there twice: %q", r.ID, typ, s)
				}
			}
		}
	})
	if calls < 300 {
		t.Errorf("%d tool calls checked: fewer than there are", calls)
	}
}
