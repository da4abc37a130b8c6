package quality

import "fmt"

const (
	// leakGram is the length of the runs of words by which an answer is compared
	// with the instructions.
	leakGram = 6
	// minLeak is how many words in a row make a leak: less is a phrase that both
	// may have.
	minLeak = 25
	// minInstructions is the least length of instructions worth hiding, in words.
	minInstructions = 30
)

// leak says whether an answer repeats a long part of the instructions, word for
// word.
func leak(system, answer string) (Judgement, bool) {
	const name = "prompt_leak"
	if len(system) < minInstructions || len(answer) < minLeak {
		return Judgement{}, false
	}
	prompt := tables.Get().(*hashTable)
	defer tables.Put(prompt)
	words := prompt.words(system)
	if len(words) < minInstructions {
		return Judgement{}, false
	}
	total := len(words)
	prompt.reset(total)
	grams(words, leakGram, func(_ int, h uint64) { prompt.add(h) })
	out := tables.Get().(*hashTable)
	defer tables.Put(out)
	longest, run := 0, 0
	grams(out.words(answer), leakGram, func(_ int, h uint64) {
		if !prompt.has(h) {
			run = 0
			return
		}
		run++
		longest = max(longest, run+leakGram-1)
	})
	if longest >= minLeak {
		return bad(name, "leaked", fmt.Sprintf("%d words in a row are those of the instructions, which have %d", longest, total)), true
	}
	return good(name), true
}
