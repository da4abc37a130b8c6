package corpus

import (
	"math/rand/v2"
	"sort"
	"strings"
	"sync"
)

// size is the number of tokens of a Corpus; texts are at most half as long.
const size = 1 << 15

// Corpus is one long text with its tokens. It is immutable.
type Corpus struct {
	text   string
	off    []uint32 // start of each token, and the end
	starts []uint32 // tokens that begin a sentence, in the first half
}

var (
	english = sync.OnceValue(func() *Corpus { return build(englishSentence, 1) })
	chinese = sync.OnceValue(func() *Corpus { return build(chineseSentence, 2) })
)

// English returns the English corpus.
func English() *Corpus { return english() }

// Chinese returns the Chinese corpus.
func Chinese() *Corpus { return chinese() }

func build(sentence func(*rand.Rand, func(string)), seed uint64) *Corpus {
	r := rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15))
	c := &Corpus{off: make([]uint32, 0, size+64)}
	var b strings.Builder
	token := func(s string) {
		c.off = append(c.off, uint32(b.Len()))
		b.WriteString(s)
	}
	for len(c.off) < size {
		if len(c.off) < size/2 {
			c.starts = append(c.starts, uint32(len(c.off)))
		}
		sentence(r, token)
	}
	c.off = append(c.off, uint32(b.Len()))
	c.text = b.String()
	return c
}

// Passage is a piece of a Corpus.
type Passage struct {
	c       *Corpus
	from, n int
}

// MaxTokens is the length of the longest Passage.
const MaxTokens = size / 2

// Draw returns a Passage of n tokens, at most MaxTokens, that starts with a
// sentence.
func (c *Corpus) Draw(r *rand.Rand, n int) Passage {
	return Passage{c: c, from: int(c.starts[r.IntN(len(c.starts))]), n: min(max(n, 0), MaxTokens)}
}

// Tokens is the number of tokens of p.
func (p Passage) Tokens() int { return p.n }

// String returns the text.
func (p Passage) String() string { return p.Slice(0, p.n) }

// Slice returns the text of the tokens from i up to j.
func (p Passage) Slice(i, j int) string {
	if p.c == nil || i >= j {
		return ""
	}
	return p.c.text[p.c.off[p.from+i]:p.c.off[p.from+min(j, p.n)]]
}

// Prefix returns as many whole tokens of the text as fit in n bytes.
func (p Passage) Prefix(n int) string {
	s := p.String()
	if len(s) <= n {
		return s
	}
	// The number of tokens that end at or before n bytes.
	fit := sort.Search(p.n, func(i int) bool { return int(p.c.off[p.from+i+1]-p.c.off[p.from]) > n })
	return p.Slice(0, fit)
}
