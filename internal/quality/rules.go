package quality

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/pitot-dev/pitot/internal/llm"
)

// ruleNames are the rules that are built in.
var ruleNames = []string{"refusal", "empty", "truncated", "json", "tool_arguments", "language", "repetition", "prompt_leak"}

// Rules judge answers. They are safe for concurrent use.
type Rules struct {
	on       map[string]bool
	refusing *refusing
	schemas  schemas
	patterns []pattern
}

// pattern is a configured regular expression.
type pattern struct {
	Pattern
	must, mustNot *regexp.Regexp
}

// NewRules builds the rules of a valid configuration.
func NewRules(c *Config) *Rules {
	r := &Rules{on: map[string]bool{}, refusing: newRefusing()}
	for _, name := range ruleNames {
		r.on[name] = !slices.Contains(c.Disable, name)
	}
	for _, p := range c.Patterns {
		compiled := pattern{Pattern: p}
		if p.MustMatch != "" {
			compiled.must = regexp.MustCompile(p.MustMatch) // compiled once by Validate
		}
		if p.MustNotMatch != "" {
			compiled.mustNot = regexp.MustCompile(p.MustNotMatch)
		}
		r.patterns = append(r.patterns, compiled)
	}
	return r
}

// Evaluate judges the answer of a Call by every rule that applies to it. A rule
// that cannot tell says nothing.
func (r *Rules) Evaluate(c *llm.Call) []Judgement {
	if !judgeable(c) {
		return nil
	}
	out := make([]Judgement, 0, len(ruleNames)+len(r.patterns))
	add := func(name string, rule func() (Judgement, bool)) {
		if !r.on[name] {
			return
		}
		if j, ok := rule(); ok {
			out = append(out, j)
		}
	}
	answer := answerText(c)
	known := contentKnown(c)
	add("truncated", func() (Judgement, bool) { return truncated(c) })
	if !known {
		return out
	}
	add("empty", func() (Judgement, bool) { return empty(c, answer) })
	add("refusal", func() (Judgement, bool) { return r.refusing.judge(c, answer) })
	add("json", func() (Judgement, bool) { return r.schemas.validJSON(c) })
	add("tool_arguments", func() (Judgement, bool) { return r.schemas.toolArguments(c) })
	if answer == "" {
		return out
	}
	// JSON repeats its names, and has the language of its schema.
	if first := strings.TrimLeft(answer, " \t\r\n"); first == "" || first[0] != '{' && first[0] != '[' {
		add("repetition", func() (Judgement, bool) { return repetition(answer) })
		add("language", func() (Judgement, bool) { return language(systemText(c.Input), questionText(c.Input), answer) })
	}
	add("prompt_leak", func() (Judgement, bool) { return leak(systemText(c.Input), answer) })
	for i := range r.patterns {
		if j, ok := r.patterns[i].judge(c, answer); ok {
			out = append(out, j)
		}
	}
	return out
}

// answerText is the text of the first choice.
func answerText(c *llm.Call) string {
	for i := range c.Output {
		if s := textOf(&c.Output[i]); s != "" {
			return s
		}
	}
	return ""
}

// contentKnown says whether the content of the answer was seen at all: many
// senders of telemetry leave it out.
func contentKnown(c *llm.Call) bool {
	return len(c.Output) > 0 || c.Source == llm.SourceGateway || len(c.Input) > 0
}

// empty says whether there is an answer.
func empty(c *llm.Call, answer string) (Judgement, bool) {
	const name = "empty"
	if strings.TrimSpace(answer) != "" {
		return good(name), true
	}
	if !whole(c) {
		return Judgement{}, false
	}
	for i := range c.Output {
		for j := range c.Output[i].Parts {
			switch p := &c.Output[i].Parts[j]; p.Type {
			case llm.PartText, llm.PartReasoning:
			default: // a tool's call, an image, a refusal
				return good(name), true
			}
		}
	}
	why := "the answer has no text and calls no tool"
	if n := c.Usage.OutputTokens.Or(0); n > 0 {
		why += fmt.Sprintf(", though %d tokens were generated", n)
	}
	return bad(name, "empty", why), true
}

// truncated says whether the answer ended because it had to.
func truncated(c *llm.Call) (Judgement, bool) {
	const name = "truncated"
	if len(c.FinishReasons) == 0 {
		return Judgement{}, false
	}
	if slices.Contains(c.FinishReasons, "length") {
		return bad(name, "truncated", "the answer reached its limit of tokens"), true
	}
	return good(name), true
}

// judge says whether an answer has what it must have and not what it must not.
func (p *pattern) judge(c *llm.Call, answer string) (Judgement, bool) {
	if !p.Filter.takes(c) {
		return Judgement{}, false
	}
	answer = prefix(answer, maxAnswer)
	switch {
	case p.must != nil && !p.must.MatchString(answer):
		return bad(p.Name, "missing", "the answer does not match must_match"), true
	case p.mustNot != nil && p.mustNot.MatchString(answer):
		return bad(p.Name, "forbidden", "the answer matches must_not_match"), true
	}
	return good(p.Name), true
}
