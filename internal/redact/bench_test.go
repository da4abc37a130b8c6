package redact

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/pitot-dev/pitot/internal/llm"
)

const prose = `The quick review of last week's incident: the provider answered slowly from 10:05 on, and the
retry policy (3 attempts, exponential back-off) made it worse. What we do now: measure the time to first token, alert on
its 95th percentile, and keep the queue at 1,024 entries. 我们也要看一下输出的速度：每秒 40 个词元以上才算正常。
`

func benchText(b *testing.B, text string, kinds ...string) {
	p := policyFor(b, ModeFull, kinds...)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		p.Text(text)
	}
}

func BenchmarkTextCleanSecrets(b *testing.B) {
	benchText(b, strings.Repeat(prose, 20), KindSecrets)
}

func BenchmarkTextCleanAll(b *testing.B) { benchText(b, strings.Repeat(prose, 20), "all") }

func BenchmarkTextHits(b *testing.B) {
	benchText(b, strings.Repeat(prose+"ann"+"@example.com sk-"+fakeKey(40)+"\n", 20), "all")
}

func BenchmarkTextMedia(b *testing.B) {
	data := make([]byte, 1<<20)
	for i := range data {
		data[i] = byte(i * i >> 3)
	}
	benchText(b, "data:image/png;base64,"+base64.StdEncoding.EncodeToString(data), "all")
}

func toolsJSON() json.RawMessage {
	one := `{"type":"function","function":{"name":"search","description":"Search the index for documents.","parameters":{"type":"object","properties":{"query":{"type":"string","description":"What to look for"},"limit":{"type":"integer","minimum":1}},"required":["query"]}}}`
	return json.RawMessage("[" + strings.Repeat(one+",", 9) + one + "]")
}

func BenchmarkJSON(b *testing.B) {
	p := policyFor(b, ModeFull, "all")
	s := string(toolsJSON())
	b.SetBytes(int64(len(s)))
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := p.maskJSON(s); !ok {
			b.Fatal("not JSON")
		}
	}
}

// BenchmarkCall is a Call of 2.3 KB of text with tools, as the store is sized for.
func BenchmarkCall(b *testing.B) {
	for _, kinds := range [][]string{{KindSecrets}, {"all"}} {
		b.Run(kinds[0], func(b *testing.B) {
			p := policyFor(b, ModeFull, kinds...)
			c := &llm.Call{
				ID: "01JABCDEFGHJKMNPQRSTVWXYZ0", TraceID: strings.Repeat("0af7", 8), SpanID: strings.Repeat("b7ad", 4),
				Service: "checkout", Provider: "openai", RequestModel: "gpt-4o", ResponseModel: "gpt-4o-2024-08-06",
				ResponseID: "chatcmpl-" + fakeKey(20), User: "u1", Session: "s1", FinishReasons: []string{"stop"},
				Params: map[string]any{"temperature": 0.2, "max_tokens": 256.0}, Tags: map[string]string{"team": "a"},
				Input:  []llm.Message{llm.Text("system", prose), llm.Text("user", prose[:200])},
				Output: []llm.Message{llm.Text("assistant", strings.Repeat(prose, 3))},
				Tools:  toolsJSON(),
			}
			b.ReportAllocs()
			for b.Loop() {
				p.Call(c)
			}
		})
	}
}

// TestCleanCallAllocatesNothing holds the promise of the package comment.
func TestCleanCallAllocatesNothing(t *testing.T) {
	p := policyFor(t, ModeFull, "all")
	c := &llm.Call{
		RequestModel: "gpt-4o-2024-08-06", User: "u1", Tools: toolsJSON(), Params: map[string]any{"temperature": 0.2, "stop": []any{"END"}},
		Attributes: map[string]any{"a.b": "text", "n": int64(1234567890)},
		Input:      []llm.Message{llm.Text("user", strings.Repeat(prose, 4))},
	}
	if n := testing.AllocsPerRun(100, func() { p.Call(c) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
