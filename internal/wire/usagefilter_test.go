package wire

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
)

const (
	contentFrame = `data: {"id":"c1","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":{"content":"hi \"choices\":[] "}}],"usage":null}` + "\n\n"
	usageFrame   = `data: {"id":"c1","object":"chat.completion.chunk","model":"m","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":5,"total_tokens":8}}` + "\n\n"
	azureFrame   = `data: {"choices":[],"created":0,"id":"","model":"","prompt_filter_results":[{"prompt_index":0}]}` + "\n\n"
	doneFrame    = "data: [DONE]\n\n"
)

// filterReference removes the chunk from a whole stream by splitting it into
// lines, without the filter's code.
func filterReference(in []byte) []byte {
	var out, frame []byte
	var data [][]byte
	flush := func() {
		var doc map[string]json.RawMessage
		drop := len(data) == 1 && len(frame) <= maxHeld && json.Unmarshal(data[0], &doc) == nil &&
			isEmptyArray(doc["choices"]) && strings.HasPrefix(string(doc["usage"]), "{") &&
			(doc["error"] == nil || string(doc["error"]) == "null" || string(doc["error"]) == "false")
		if !drop {
			out = append(out, frame...)
		}
		frame, data = nil, nil
	}
	for len(in) > 0 {
		n := bytes.IndexAny(in, "\r\n")
		end := len(in)
		content := in
		if n >= 0 {
			content, end = in[:n], n+1
			if in[n] == '\r' && n+1 < len(in) && in[n+1] == '\n' {
				end++
			}
		}
		line := in[:end]
		in = in[end:]
		switch {
		case len(frame) == 0 && len(content) > 0 && content[0] == ':':
			out = append(out, line...)
		case len(content) == 0:
			frame = append(frame, line...)
			flush()
		default:
			frame = append(frame, line...)
			if name, value, _ := bytes.Cut(content, []byte(":")); string(name) == "data" {
				data = append(data, bytes.TrimPrefix(value, []byte(" ")))
			}
		}
	}
	flush()
	return out
}

func isEmptyArray(raw json.RawMessage) bool {
	return strings.Join(strings.Fields(string(raw)), "") == "[]"
}

func filterAll(in []byte, next func() int) []byte {
	var f UsageFilter
	var out []byte
	for len(in) > 0 {
		n := min(max(next(), 1), len(in))
		out = append(out, f.Filter(in[:n])...)
		in = in[n:]
	}
	return append(out, f.Flush()...)
}

func TestUsageFilter(t *testing.T) {
	crlf := func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }
	cr := func(s string) string { return strings.ReplaceAll(s, "\n", "\r") }
	for name, tc := range map[string]struct{ in, want string }{
		"removed":             {contentFrame + usageFrame + doneFrame, contentFrame + doneFrame},
		"crlf":                {crlf(contentFrame + usageFrame + doneFrame), crlf(contentFrame + doneFrame)},
		"cr":                  {cr(contentFrame + usageFrame + doneFrame), cr(contentFrame + doneFrame)},
		"none":                {azureFrame + contentFrame + doneFrame, azureFrame + contentFrame + doneFrame},
		"keep-alive":          {": ping\n" + usageFrame + ": ping\r\n\r\n" + doneFrame, ": ping\n: ping\r\n\r\n" + doneFrame},
		"usage with a choice": {strings.Replace(usageFrame, "[]", `[{"index":0}]`, 1), strings.Replace(usageFrame, "[]", `[{"index":0}]`, 1)},
		"usage first":         {`data: {"usage":{"prompt_tokens":1},"choices": [ ]}` + "\n\n", ""},
		"no blank line":       {contentFrame + strings.TrimSpace(usageFrame), contentFrame},
		"error":               {`data: {"choices":[],"usage":{},"error":{"message":"x"}}` + "\n\n", `data: {"choices":[],"usage":{},"error":{"message":"x"}}` + "\n\n"},
		"cut in the chunk":    {contentFrame + usageFrame[:60], contentFrame + usageFrame[:60]},
	} {
		t.Run(name, func(t *testing.T) {
			if ref := string(filterReference([]byte(tc.in))); ref != tc.want {
				t.Fatalf("the reference says %q, want %q", ref, tc.want)
			}
			for size := 1; size <= len(tc.in); size++ {
				if got := string(filterAll([]byte(tc.in), func() int { return size })); got != tc.want {
					t.Fatalf("pieces of %d: got %q, want %q", size, got, tc.want)
				}
			}
		})
	}
}

// A client waits for every token: nothing may wait for the rest of its frame
// once it cannot be the usage chunk.
func TestUsageFilterDoesNotDelay(t *testing.T) {
	var f UsageFilter
	i := strings.Index(contentFrame, `[{`) + 2
	if got := f.Filter([]byte(contentFrame[:i])); string(got) != contentFrame[:i] {
		t.Errorf("a frame with a choice is held back: got %q of %q", got, contentFrame[:i])
	}
	if got := f.Filter([]byte(contentFrame[i:])); string(got) != contentFrame[i:] {
		t.Errorf("the rest of the frame is held back: got %q", got)
	}
	if got := f.Filter([]byte(": pi")); string(got) != ": pi" {
		t.Errorf("a keep-alive is held back: got %q", got)
	}
	if got := f.Filter([]byte("ng\n")); string(got) != "ng\n" {
		t.Errorf("a keep-alive is held back: got %q", got)
	}
	if got := f.Filter([]byte("data: [D")); string(got) != "data: [D" {
		t.Errorf("[DONE] is held back: got %q", got)
	}
	f.Filter([]byte("ONE]\n\n"))
	long := `data: {"x":"` + strings.Repeat("a", 2*maxHeld)
	if got := f.Filter([]byte(long)); len(got) != len(long) {
		t.Errorf("%d bytes are held back", len(long)-len(got))
	}
}

func FuzzUsageFilter(f *testing.F) {
	f.Add([]byte(contentFrame+usageFrame+doneFrame), uint64(1))
	f.Add([]byte("data: {\"choices\":[\r\rdata: {\"choices\":[],\"usage\":{}}\r\r\n\ndata:{}"), uint64(2))
	f.Add([]byte(": a\r\n\r\nevent: x\ndata: {\"choices\":[],\"usage\":{}}\n\n"+azureFrame), uint64(3))
	f.Fuzz(func(t *testing.T, in []byte, seed uint64) {
		whole := filterAll(in, func() int { return len(in) })
		rng := rand.New(rand.NewPCG(seed, 0))
		split := filterAll(in, func() int { return 1 + rng.IntN(9) })
		if !bytes.Equal(whole, split) {
			t.Fatalf("the split matters:\nwhole %q\nsplit %q", whole, split)
		}
		if !bytes.Contains(in, []byte("choices")) && !bytes.Equal(whole, in) {
			t.Fatalf("a stream without the chunk has changed: %q to %q", in, whole)
		}
		// encoding/json and fastjson differ on what is malformed; on frames of
		// the provider's shape both must agree.
		if ref := filterReference(in); wellFormed(in) && !bytes.Equal(whole, ref) {
			t.Fatalf("got  %q\nwant %q", whole, ref)
		}
	})
}

// wellFormed reports whether all data lines are valid JSON with distinct,
// plainly written keys that matter, or no JSON at all.
func wellFormed(in []byte) bool {
	for line := range bytes.FieldsFuncSeq(in, func(r rune) bool { return r == '\r' || r == '\n' }) {
		if !bytes.Contains(line, []byte("{")) {
			continue
		}
		_, value, _ := bytes.Cut(line, []byte(":"))
		if !json.Valid(value) || bytes.Contains(line, []byte(`\`)) {
			return false
		}
		for _, key := range []string{`"choices"`, `"usage"`, `"error"`} {
			if bytes.Count(bytes.ToLower(line), []byte(key)) > 1 {
				return false
			}
			if bytes.Contains(bytes.ToLower(line), []byte(key)) && !bytes.Contains(line, []byte(key)) {
				return false // encoding/json ignores case
			}
		}
	}
	return true
}

func BenchmarkUsageFilter(b *testing.B) {
	frame := []byte(contentFrame)
	var f UsageFilter
	b.ReportAllocs()
	b.SetBytes(int64(len(frame)))
	for b.Loop() {
		f.Filter(frame)
	}
}

func TestUsageFilterCounts(t *testing.T) {
	var f UsageFilter
	f.Filter([]byte(contentFrame + usageFrame + doneFrame))
	if f.Removed() != 1 {
		t.Errorf("%d frames removed, want 1", f.Removed())
	}
}
