package corpus

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestTextIsSafeInJSON(t *testing.T) {
	for name, c := range map[string]*Corpus{"english": English(), "chinese": Chinese()} {
		if !utf8.ValidString(c.text) {
			t.Errorf("%s: not UTF-8", name)
		}
		b, err := json.Marshal(c.text)
		if err != nil {
			t.Fatal(err)
		}
		if string(b) != `"`+c.text+`"` {
			t.Errorf("%s: holds characters that JSON escapes", name)
		}
	}
}

func TestDraw(t *testing.T) {
	for name, c := range map[string]*Corpus{"english": English(), "chinese": Chinese()} {
		r := rand.New(rand.NewPCG(1, 1))
		for _, n := range []int{0, 1, 17, 400, MaxTokens, MaxTokens + 1} {
			p := c.Draw(r, n)
			if got, want := p.Tokens(), min(n, MaxTokens); got != want {
				t.Errorf("%s: %d tokens, want %d", name, got, want)
			}
			var b strings.Builder
			for i := range p.Tokens() {
				b.WriteString(p.Slice(i, i+1))
			}
			if b.String() != p.String() {
				t.Errorf("%s: the tokens do not make the text", name)
			}
			if s := p.Prefix(100); len(s) > 100 || !strings.HasPrefix(p.String(), s) || !utf8.ValidString(s) {
				t.Errorf("%s: bad prefix %q", name, s)
			}
		}
	}
	a := English().Draw(rand.New(rand.NewPCG(7, 7)), 50).String()
	b := English().Draw(rand.New(rand.NewPCG(7, 7)), 50).String()
	if a != b {
		t.Error("the same seed draws different texts")
	}
}

func BenchmarkDraw(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	c := English()
	b.ReportAllocs()
	for b.Loop() {
		if c.Draw(r, 100).String() == "" {
			b.Fatal("empty")
		}
	}
}
