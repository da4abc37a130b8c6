package wire

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAskUsage(t *testing.T) {
	chat := Route{Dialect: OpenAI, API: apiChatCompletions}
	for name, tc := range map[string]struct {
		rt       Route
		in, want string // want "" means unchanged
	}{
		"absent":              {chat, ` {"model":"m", "stream": true}`, ` {"stream_options":{"include_usage":true},"model":"m", "stream": true}`},
		"completions":         {Route{Dialect: Azure, API: apiCompletions}, `{"stream":true}`, `{"stream_options":{"include_usage":true},"stream":true}`},
		"null":                {chat, `{"stream":true,"stream_options":null}`, `{"stream":true,"stream_options":{"include_usage":true}}`},
		"empty":               {chat, `{"stream":true,"stream_options": { }}`, `{"stream":true,"stream_options": {"include_usage":true }}`},
		"other option":        {chat, `{"stream":true,"stream_options":{"x":1}}`, `{"stream":true,"stream_options":{"include_usage":true,"x":1}}`},
		"false":               {chat, `{"stream_options":{"x":1,"include_usage" : false},"stream":true}`, `{"stream_options":{"x":1,"include_usage" : true},"stream":true}`},
		"asked already":       {chat, `{"stream":true,"stream_options":{"include_usage":true}}`, ""},
		"no stream":           {chat, `{"stream":false}`, ""},
		"nested":              {chat, `{"metadata":{"stream":true}}`, ""},
		"in a string":         {chat, `{"messages":[{"content":"\"stream\":true"}]}`, ""},
		"malformed":           {chat, `{"stream":true,`, ""},
		"malformed inside":    {chat, `{"stream":true,"x":tru}`, ""},
		"options no object":   {chat, `{"stream":true,"stream_options":7}`, ""},
		"responses":           {Route{Dialect: OpenAI, API: apiResponses}, `{"stream":true}`, ""},
		"other dialect":       {Route{Dialect: Ollama, API: apiOllamaChat}, `{"stream":true}`, ""},
		"empty body":          {chat, ``, ""},
		"stream given as one": {chat, `{"stream":1}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			out, asked := AskUsage(tc.rt, []byte(tc.in))
			want := tc.want
			if want == "" {
				want = tc.in
			}
			if string(out) != want || asked != (tc.want != "") {
				t.Errorf("got %s, %v; want %s", out, asked, want)
			}
		})
	}
}

func FuzzAskUsage(f *testing.F) {
	f.Add([]byte(`{"stream":true,"stream_options":{"include_usage":false,"a":[1,{"b":"}"}]}}`))
	f.Add([]byte(`{"model":"m","stream":true}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		out, asked := AskUsage(Route{Dialect: OpenAI, API: apiChatCompletions}, in)
		if !asked {
			if string(out) != string(in) {
				t.Fatalf("changed without asking: %q to %q", in, out)
			}
			return
		}
		var before, after map[string]json.RawMessage
		if json.Unmarshal(in, &before) != nil {
			return // fastjson is more lenient than encoding/json on strings
		}
		if err := json.Unmarshal(out, &after); err != nil {
			t.Fatalf("%q became invalid: %q: %v", in, out, err)
		}
		if again, more := AskUsage(Route{Dialect: OpenAI, API: apiChatCompletions}, out); more {
			t.Fatalf("%q asks again: %q", out, again)
		}
		delete(before, "stream_options")
		delete(after, "stream_options")
		if d := cmp.Diff(before, after); d != "" {
			t.Fatalf("other members changed:\n%s", d)
		}
	})
}
