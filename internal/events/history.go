package events

import (
	"encoding/json"
	"hash/maphash"
	"slices"
	"strings"

	"github.com/pitot-dev/pitot/internal/llm"
)

// history tells which messages of a Call repeat what earlier Calls of the same
// session held. Most clients send the whole conversation again with each Call;
// some send the last messages of it only; several threads may be interleaved.
//
// Messages are compared part by part, without what differs between an answer
// and its repetition: reasoning, finish reasons, ids, how parts are spread over
// messages, white space at the ends, the form of JSON.
type history struct {
	seed maphash.Seed
	// prefixes are the beginnings of all conversations so far, as hashes of
	// their parts one after another; ends those that are all of what a Call had,
	// with its id.
	prefixes map[uint64]bool
	ends     map[uint64]string
	recent   []thread // newest last
}

// thread is what a Call had, with its answer.
type thread struct {
	id    string
	parts []uint64
}

// maxThreads is with how many Calls before one is compared where its history
// has lost its beginning.
const maxThreads = 8

// minOverlap is how many parts must be the same there, so that a short word
// said twice is no repetition.
const minOverlap = 2

func newHistory() *history {
	return &history{seed: maphash.MakeSeed(), prefixes: map[uint64]bool{}, ends: map[uint64]string{}}
}

// add takes the next Call of the session. It returns the index of the first
// input message that is new, and the id of the Call whose conversation this one
// continues, empty where it begins one.
func (h *history) add(c *llm.Call) (newFrom int, continues string) {
	var parts []uint64
	upTo := make([]int, len(c.Input)) // how many parts the messages up to one have
	for i := range c.Input {
		parts = h.append(parts, &c.Input[i])
		upTo[i] = len(parts)
	}
	chain := make([]uint64, len(parts)+1)
	known := 0
	for i, p := range parts {
		chain[i+1] = h.link(chain[i], p)
		if known == i && h.prefixes[chain[i+1]] {
			known = i + 1
			if id := h.ends[chain[i+1]]; id != "" {
				continues = id
			}
		}
	}
	for _, before := range slices.Backward(h.recent) {
		if n := overlap(before.parts, parts); n > known {
			known, continues = n, before.id
		}
	}
	for newFrom < len(upTo) && upTo[newFrom] <= known {
		newFrom++
	}
	if len(parts) == 0 {
		newFrom = 0
	}
	h.remember(c, parts, chain)
	return newFrom, continues
}

func (h *history) remember(c *llm.Call, parts, chain []uint64) {
	for _, v := range chain[1:] {
		h.prefixes[v] = true
	}
	end := chain[len(chain)-1]
	if len(parts) > 0 {
		h.ends[end] = c.ID
	}
	// Of several answers the client goes on with one, or with all.
	answers := [][]llm.Message{c.Output}
	if len(c.Output) > 1 {
		for i := range c.Output {
			answers = append(answers, c.Output[i:i+1])
		}
	}
	for i, a := range answers {
		all, at := slices.Clip(parts), end
		for j := range a {
			all = h.append(all, &a[j])
		}
		for _, p := range all[len(parts):] {
			at = h.link(at, p)
			h.prefixes[at] = true
		}
		if len(all) > 0 {
			h.ends[at] = c.ID
		}
		if i == 0 {
			h.recent = append(h.recent, thread{c.ID, all})
		}
	}
	if len(h.recent) > maxThreads {
		h.recent = h.recent[1:]
	}
}

// overlap is up to where next repeats the end of before, behind the beginning
// that both have (a system prompt, mostly); 0 where too little is the same.
func overlap(before, next []uint64) int {
	lead := 0
	for lead < len(before) && lead < len(next) && before[lead] == next[lead] {
		lead++
	}
	before, next = before[lead:], next[lead:]
	// fail[i] is the longest beginning of next that ends next[:i+1], as in the
	// search of Knuth, Morris and Pratt.
	fail := make([]int, len(next))
	n := 0
	step := func(p uint64) {
		for n > 0 && (n == len(next) || next[n] != p) {
			n = fail[n-1]
		}
		if n < len(next) && next[n] == p {
			n++
		}
	}
	for i := 1; i < len(next); i++ {
		step(next[i])
		fail[i] = n
	}
	n = 0
	for _, p := range before {
		step(p)
	}
	if n < minOverlap {
		return 0
	}
	return lead + n
}

func (h *history) link(chain, part uint64) uint64 {
	return maphash.Comparable(h.seed, [2]uint64{chain, part})
}

// append appends the hashes of what a message says.
func (h *history) append(dst []uint64, m *llm.Message) []uint64 {
	for i := range m.Parts {
		p := &m.Parts[i]
		var text string
		switch p.Type {
		case llm.PartReasoning:
			continue
		case llm.PartText, llm.PartRefusal:
			if text = strings.TrimSpace(p.Content); text == "" {
				continue
			}
		case llm.PartToolCall:
			text = p.ToolName + "\x00" + canonicalJSON(p.Arguments)
		default:
			text = strings.Join([]string{p.Type, strings.TrimSpace(p.Content), canonicalJSON(string(p.Response)), p.URI, p.FileID, p.SHA256, p.Data}, "\x00")
		}
		dst = append(dst, maphash.String(h.seed, m.Role+"\x00"+text))
	}
	return dst
}

// canonicalJSON is JSON with its members in order and without space; other text
// stays as it is.
func canonicalJSON(s string) string {
	dec := json.NewDecoder(strings.NewReader(s))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil || dec.More() {
		return s
	}
	b, err := json.Marshal(v)
	if err != nil {
		return s
	}
	return string(b)
}
