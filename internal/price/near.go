package price

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Near is a price whose model is named like another one.
type Near struct {
	Row
	Name       string  // that the alias of the other one would name: provider/model
	Similarity float64 // 0 to 1
}

// minSimilarity is the least likeness of a name that is worth a suggestion.
const minSimilarity = 0.4

// Nearest returns at most n prices of the embedded table whose models are named
// most like model, the most alike first: what somebody who has to set a price
// may want to look at. A name says little: it is for people to choose.
func (t *Table) Nearest(provider, model string, at time.Time, n int) []Near {
	_, rest := cutGeography(clean(model))
	_, bare := cutVendor(rest, t.isVendor)
	want := nameOf(bare[strings.LastIndexByte(bare, '/')+1:])
	if len(want.words) == 0 {
		return nil
	}
	provider = t.provider(provider)
	names := t.names()
	type scored struct {
		rule  *rule
		score float64
	}
	var best []scored
	for _, r := range t.rules {
		if r.origin != originTable || !r.at(at).set.base.hasTokens() {
			continue
		}
		s := 0.0
		for i := range names[r] {
			s = max(s, want.likeness(&names[r][i]))
		}
		if s < minSimilarity {
			continue
		}
		best = append(best, scored{r, s})
	}
	slices.SortStableFunc(best, func(a, b scored) int {
		// Among equals the caller's own provider, then the makers of models.
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(t.rank(a.rule, provider), t.rank(b.rule, provider)),
			strings.Compare(a.rule.provider, b.rule.provider), strings.Compare(a.rule.id, b.rule.id))
	})
	var out []Near
	for _, s := range best {
		if len(out) == n {
			break
		}
		name := s.rule.provider + "/" + s.rule.id
		if t.resolveAlias(provider, model, name).rule != s.rule {
			continue // an alias would lead elsewhere
		}
		out = append(out, Near{Row: t.row(s.rule, s.rule.at(at)), Name: name, Similarity: s.score})
	}
	return out
}

// names are the names of all rules, taken apart: few tables are ever asked.
func (t *Table) names() map[*rule][]words {
	t.nameOnce.Do(func() {
		t.nameWords = make(map[*rule][]words, len(t.rules))
		for _, r := range t.rules {
			for _, name := range append([]string{r.id}, r.also...) {
				if !strings.Contains(name, "*") {
					t.nameWords[r] = append(t.nameWords[r], nameOf(strings.ToLower(name)))
				}
			}
		}
	})
	return t.nameWords
}

func (t *Table) rank(r *rule, provider string) int {
	switch {
	case r.provider == provider:
		return 0
	case len(t.groups[r.provider].families) > 0:
		return 1
	}
	return 2
}

// words is a model's name taken apart.
type words struct {
	words   []string // letters and digits apart: llama, 3, 1, 70b
	bigrams map[string]int
	n       int
}

func nameOf(model string) words {
	// A vendor before the name says who sells it.
	model = fold(model[strings.LastIndexByte(model, '/')+1:])
	w := words{bigrams: map[string]int{}}
	for _, s := range strings.FieldsFunc(model, func(r rune) bool { return r == '-' || r == ':' || r == '@' }) {
		w.words = append(w.words, splitDigits(s)...)
	}
	joined := strings.Join(w.words, "")
	for i := range len(joined) - 1 {
		w.bigrams[joined[i:i+2]]++
		w.n++
	}
	return w
}

// splitDigits parts llama3 into llama and 3, and leaves 70b and 4o whole: what
// follows digits belongs to them.
func splitDigits(s string) []string {
	for i := 1; i < len(s); i++ {
		if s[i] >= '0' && s[i] <= '9' && (s[i-1] < '0' || s[i-1] > '9') {
			return append([]string{s[:i]}, splitDigits(s[i:])...)
		}
	}
	return []string{s}
}

// likeness is the mean of the shares of words and of pairs of letters that two
// names have in common.
func (w *words) likeness(o *words) float64 {
	if len(o.words) == 0 || w.n == 0 || o.n == 0 {
		return 0
	}
	common := 0
	rest := slices.Clone(o.words)
	for _, x := range w.words {
		if i := slices.Index(rest, x); i >= 0 {
			common++
			rest = slices.Delete(rest, i, i+1)
		}
	}
	pairs := 0
	for p, n := range w.bigrams {
		pairs += min(n, o.bigrams[p])
	}
	dice := func(both, a, b int) float64 { return 2 * float64(both) / float64(a+b) }
	return (dice(common, len(w.words), len(o.words)) + dice(pairs, w.n, o.n)) / 2
}
