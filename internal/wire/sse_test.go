package wire

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// frames collects what a framer emits, as "event|data".
func frames(f func(emit func(frame), oversized func()) framer, in []byte, next func() int) []string {
	var out []string
	fr := f(func(f frame) { out = append(out, f.event+"|"+string(f.data)) }, func() { out = append(out, "oversized") })
	for len(in) > 0 {
		n := min(max(next(), 1), len(in))
		fr.write(in[:n])
		in = in[n:]
	}
	fr.close()
	return out
}

func newSSE(emit func(frame), oversized func()) framer {
	return &sseFramer{emit: emit, oversized: oversized}
}

func newLines(emit func(frame), oversized func()) framer {
	return &lineFramer{emit: emit, oversized: oversized}
}

func newArray(emit func(frame), oversized func()) framer {
	return &arrayFramer{emit: emit, oversized: oversized}
}

func TestSSE(t *testing.T) {
	for name, tc := range map[string]struct {
		in   string
		want []string
	}{
		"lf":                {"data: a\n\ndata: b\n\n", []string{"|a", "|b"}},
		"crlf":              {"event: e\r\ndata: a\r\n\r\ndata: b\r\n\r\n", []string{"e|a", "|b"}},
		"cr":                {"data: a\r\rdata: b\r\r", []string{"|a", "|b"}},
		"mixed":             {"data: a\r\n\ndata: b\n\r\n", []string{"|a", "|b"}},
		"without space":     {"data:a\n\n", []string{"|a"}},
		"two spaces":        {"data:  a\n\n", []string{"| a"}},
		"several lines":     {"data: a\ndata: b\ndata\n\n", []string{"|a\nb\n"}},
		"comments":          {": ping\n\n:\ndata: a\n: x\n\n", []string{"|a"}},
		"byte order mark":   {"\xef\xbb\xbfdata: a\n\n", []string{"|a"}},
		"other fields":      {"id: 1\nretry: 5\nfoo: x\ndata: a\n\n", []string{"|a"}},
		"event resets":      {"event: e\ndata: a\n\ndata: b\n\n", []string{"e|a", "|b"}},
		"no data":           {"event: e\n\ndata: a\n\n", []string{"|a"}},
		"no end mark":       {"data: a\n\ndata: b", []string{"|a", "|b"}},
		"no blank line":     {"data: a\n", []string{"|a"}},
		"empty data":        {"data:\n\n", []string{"|"}},
		"colon in the data": {"data: {\"a\":1}\n\n", []string{`|{"a":1}`}},
	} {
		t.Run(name, func(t *testing.T) {
			for size := 1; size <= len(tc.in); size++ {
				got := frames(newSSE, []byte(tc.in), func() int { return size })
				if d := cmp.Diff(tc.want, got); d != "" {
					t.Fatalf("pieces of %d (-want +got):\n%s", size, d)
				}
			}
		})
	}
}

func TestSSEOversized(t *testing.T) {
	long := strings.Repeat("x", maxFrame)
	for name, in := range map[string]string{
		"line":  "data: " + long + "y\n\n",
		"lines": "data: " + long[:maxFrame/2] + "\ndata: " + long[:maxFrame/2] + "y\n\n",
	} {
		t.Run(name, func(t *testing.T) {
			in += "data: after\n\n"
			for _, size := range []int{len(in), 1 << 20, 4097} {
				got := frames(newSSE, []byte(in), func() int { return size })
				if d := cmp.Diff([]string{"oversized", "|after"}, got); d != "" {
					t.Fatalf("pieces of %d: %d frames", size, len(got))
				}
			}
		})
	}
}

// sseReference frames a whole stream, line by line, without the framer's code.
func sseReference(in string) []string {
	in = strings.TrimPrefix(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(in), "\xef\xbb\xbf")
	var out, data []string
	event := ""
	dispatch := func() {
		if data != nil {
			out = append(out, event+"|"+strings.Join(data, "\n"))
		}
		event, data = "", nil
	}
	for line := range strings.SplitSeq(in, "\n") {
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "":
			dispatch()
		case name == "data":
			data = append(data, value)
		case name == "event":
			event = value
		}
	}
	dispatch()
	return out
}

func fuzzFramer(f *testing.F, fr func(func(frame), func()) framer, reference func(string) ([]string, bool), seeds ...string) {
	for i, s := range seeds {
		f.Add([]byte(s), uint64(i))
	}
	f.Fuzz(func(t *testing.T, in []byte, seed uint64) {
		rng := rand.New(rand.NewPCG(seed, 1))
		whole := frames(fr, in, func() int { return len(in) })
		if d := cmp.Diff(whole, frames(fr, in, func() int { return 1 + rng.IntN(7) })); d != "" {
			t.Fatalf("the split matters (-whole +split):\n%s", d)
		}
		if want, ok := reference(string(in)); ok {
			if d := cmp.Diff(want, whole); d != "" {
				t.Fatalf("differs from the reference (-want +got):\n%s", d)
			}
		}
	})
}

func FuzzSSE(f *testing.F) {
	fuzzFramer(f, newSSE, func(in string) ([]string, bool) { return sseReference(in), true },
		"event: e\r\ndata: a\r\n\r\ndata: b", "data: a\rdata:b\r\r\n\n: c\n\n", "\xef\xbb\xbfdata\n\n")
}

func BenchmarkSSE(b *testing.B) {
	one := []byte("data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" hi\"}}]}\n\n")
	n := 0
	s := sseFramer{emit: func(frame) { n++ }, oversized: func() {}}
	b.ReportAllocs()
	b.SetBytes(int64(len(one)))
	for b.Loop() {
		s.write(one)
	}
	if n == 0 {
		b.Fatal("no frames")
	}
}
