package quality

import (
	"fmt"
	"strings"
	"sync"
)

const (
	// gram is the length of the runs of words that are compared.
	gram = 8
	// minGrams is how many runs an answer must have to be judged.
	minGrams = 40
	// maxTokens bounds the words that are looked at: an answer that loops does so at
	// its end, and that is what is kept of a long one.
	maxTokens = 16 << 10
	// loopShare of repeated runs makes a loop. A table or a refrain has less.
	loopShare = 0.5
)

// hashTable is a set of hashes with open addressing: a map costs several times
// as much.
type hashTable struct {
	slots []uint64
	hash  []uint64 // of words
}

var tables = sync.Pool{New: func() any { return new(hashTable) }}

// reset makes room for n hashes.
func (t *hashTable) reset(n int) {
	size := 256
	for size < 2*n {
		size *= 2
	}
	if cap(t.slots) < size {
		t.slots = make([]uint64, size)
		return
	}
	t.slots = t.slots[:size]
	clear(t.slots)
}

// add reports whether h was there before.
func (t *hashTable) add(h uint64) bool {
	if h == 0 {
		h = 1
	}
	mask := uint64(len(t.slots) - 1)
	for i := (h ^ h>>29) & mask; ; i = (i + 1) & mask {
		switch t.slots[i] {
		case 0:
			t.slots[i] = h
			return false
		case h:
			return true
		}
	}
}

// has reports whether h is there.
func (t *hashTable) has(h uint64) bool {
	if h == 0 {
		h = 1
	}
	mask := uint64(len(t.slots) - 1)
	for i := (h ^ h>>29) & mask; ; i = (i + 1) & mask {
		switch t.slots[i] {
		case 0:
			return false
		case h:
			return true
		}
	}
}

// words hashes the last words of s.
func (t *hashTable) words(s string) []uint64 {
	t.hash = t.hash[:0]
	if len(s) > maxAnswer {
		s = strings.ToValidUTF8(s[len(s)-maxAnswer:], "")
	}
	tokens(s, func(h uint64) bool {
		t.hash = append(t.hash, h)
		return len(t.hash) < 4*maxTokens
	})
	if n := len(t.hash); n > maxTokens {
		t.hash = t.hash[n-maxTokens:]
	}
	return t.hash
}

const mix = 0x9E3779B97F4A7C15

// grams calls f with the hash of each run of n words.
func grams(words []uint64, n int, f func(at int, h uint64)) {
	if len(words) < n {
		return
	}
	// h = Σ words[i]·mix^(n-1-i), rolled on.
	var h, top uint64 = 0, 1
	for i := range n {
		h = h*mix + words[i]
		if i > 0 {
			top *= mix
		}
	}
	f(0, h)
	for i := n; i < len(words); i++ {
		h = (h-words[i-n]*top)*mix + words[i]
		f(i-n+1, h)
	}
}

// repetition says how much of an answer is new.
func repetition(answer string) (Judgement, bool) {
	const name = "repetition"
	if len(answer) < 3*minGrams {
		return Judgement{}, false
	}
	t := tables.Get().(*hashTable)
	defer tables.Put(t)
	words := withoutCode(t, answer)
	n := len(words) - gram + 1
	if n < minGrams {
		return Judgement{}, false
	}
	t.reset(n)
	again := 0
	grams(words, gram, func(_ int, h uint64) {
		if t.add(h) {
			again++
		}
	})
	share := float64(again) / float64(n)
	if share >= loopShare {
		return Judgement{
			Evaluator: name, Score: 1 - share, Label: "loop",
			Explanation: fmt.Sprintf("%.0f %% of the runs of %d words were there before", 100*share, gram),
		}, true
	}
	return Judgement{Evaluator: name, Score: 1 - share}, true
}

// withoutCode hashes the words outside of fenced code, which repeats itself by
// its nature. Where there is hardly anything else, the code is the answer.
func withoutCode(t *hashTable, s string) []uint64 {
	if !strings.Contains(s, "```") {
		return t.words(s)
	}
	var b strings.Builder
	for i, piece := range strings.Split(s, "```") {
		if i%2 == 0 {
			b.WriteString(piece)
			b.WriteByte('\n')
		}
	}
	return t.words(b.String())
}
