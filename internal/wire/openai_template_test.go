package wire

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pitot-dev/pitot/internal/llm"
)

// TestChunkTemplate reads streams with and without the template: the Calls must
// be the same, whatever stands between the chunks that repeat.
func TestChunkTemplate(t *testing.T) {
	const head = `data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":`
	chunk := func(index, delta, rest string) string {
		return head + index + `,"delta":{` + delta + `},"finish_reason":` + rest + "}]}\n\n"
	}
	text := func(s string) string { return chunk("0", `"content":"`+s+`"`, "null") }
	f := func(name, stream string, want string) {
		t.Helper()
		decode := func(off bool) *llm.Call {
			c := &llm.Call{}
			rt, _ := Match(OpenAI, http.MethodPost, "/v1/chat/completions")
			d := NewDecoder(rt, 200, http.Header{"Content-Type": {"text/event-stream"}}, c, Options{})
			if off {
				d.handler.(*openAIChat).same.misses = maxTemplateMisses
			}
			d.Write([]byte(stream), time.Millisecond)
			d.Close(time.Second, nil)
			return c
		}
		with, without := decode(false), decode(true)
		opts := cmp.Options{cmp.AllowUnexported(llm.Opt[int64]{}, llm.Opt[float64]{}, llm.Opt[time.Duration]{}, llm.Timeline{}), cmpopts.EquateEmpty()}
		if d := cmp.Diff(without, with, opts); d != "" {
			t.Errorf("%s: the template changes the Call (-without +with):\n%s", name, d)
		}
		got := ""
		for _, m := range with.Output {
			for _, p := range m.Parts {
				got += p.Content + "|"
			}
		}
		if got != want {
			t.Errorf("%s: text %q, want %q", name, got, want)
		}
	}
	end := chunk("0", "", `"stop"`) + "data: [DONE]\n\n"
	f("same", text("a")+text("b")+text("c")+end, "abc|")
	f("escapes", text("a")+text(`\"b\"`)+text(`\u4f60`)+text("c")+end, `a"b"你c|`)
	f("empty text", text("a")+text("")+text("c")+end, "ac|")
	f("role in each", chunk("0", `"role":"assistant","content":"a"`, "null")+chunk("0", `"role":"assistant","content":"b"`, "null")+end, "ab|")
	f("two choices in turn", text("a")+chunk("1", `"content":"x"`, "null")+text("b")+chunk("1", `"content":"y"`, "null")+end, "ab|xy|")
	f("text that looks like a key", text("a")+text(`\"content\":\"`)+text("b")+end, `a"content":"b|`)
	f("reasoning between", text("a")+chunk("0", `"reasoning_content":"r","content":null`, "null")+text("b")+end, "a|r|b|")
	f("reason with the last text", text("a")+chunk("0", `"content":"b"`, `"stop"`)+"data: [DONE]\n\n", "ab|")
	f("tool call beside text", chunk("0", `"content":"a","tool_calls":[{"index":0,"id":"t","function":{"name":"f","arguments":"{"}}]`, "null")+
		chunk("0", `"content":"b","tool_calls":[{"index":0,"function":{"arguments":"}"}}]`, "null")+end, "a||b|")
	f("content twice", text("a")+chunk("0", `"content":"x","content":"y"`, "null")+text("b")+end, "axb|")
}
