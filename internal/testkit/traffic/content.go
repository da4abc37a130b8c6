package traffic

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// topic is a conversation that was written by hand: what people ask in turn,
// and answers of several lengths. Words in braces are filled in by chance.
type topic struct {
	chinese bool
	turns   []exchange
}

// exchange is a question with its answers.
type exchange struct {
	ask                 string
	short, medium, long string // an empty one is replaced by the next shorter
}

// The lengths, in tokens, from which the longer answers are given.
const (
	mediumFrom = 60
	longFrom   = 180
)

// answer is the answer that fits so many tokens best.
func (e *exchange) answer(tokens int64) string {
	switch {
	case tokens >= longFrom && e.long != "":
		return e.long
	case tokens >= mediumFrom && e.medium != "":
		return e.medium
	case e.short != "":
		return e.short
	}
	return e.medium
}

// facts fill the words in braces, the same ones all through a conversation.
type facts struct{ r *strings.Replacer }

func newFacts(r *rand.Rand) facts {
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	amount := 5 + r.IntN(240)
	return facts{strings.NewReplacer(
		"{order}", "A-"+strconv.Itoa(40000+r.IntN(60000)),
		"{ticket}", "T-"+strconv.Itoa(1000+r.IntN(9000)),
		"{amount}", "$"+strconv.Itoa(amount)+"."+pick("00", "50", "90", "99"),
		"{yuan}", "¥"+strconv.Itoa(amount*7),
		"{day}", pick("Monday", "Tuesday", "Wednesday", "Thursday", "Friday"),
		"{zday}", pick("周一", "周二", "周三", "周四", "周五"),
		"{city}", pick("Lyon", "Leeds", "Utrecht", "Porto", "Graz", "Malmö"),
		"{zcity}", pick("杭州", "成都", "武汉", "青岛", "苏州"),
		"{item}", pick("desk lamp", "kettle", "headphones", "rain jacket", "bike light", "keyboard"),
		"{zitem}", pick("台灯", "电水壶", "耳机", "冲锋衣", "键盘"),
		"{n}", strconv.Itoa(2+r.IntN(8)),
		"{m}", strconv.Itoa(12+r.IntN(80)),
		"{plan}", pick("Basic", "Team", "Business"),
	)}
}

func (f facts) fill(s string) string { return f.r.Replace(s) }

// conversation is where a session stands.
type conversation struct {
	topic *topic
	turn  int
	facts facts
	said  []Turn
}

// Turn is a question and its answer earlier in a conversation.
type Turn struct{ User, Assistant string }

// maxTurns bounds what a conversation sends along of its past.
const maxTurns = 10

// next is the next question of a conversation, and how it is answered.
func (c *conversation) next(r *rand.Rand, topics []topic, chinese bool) *exchange {
	if c.topic == nil || c.turn >= len(c.topic.turns) {
		c.facts = newFacts(r)
		for {
			c.topic, c.turn = &topics[r.IntN(len(topics))], 0
			if c.topic.chinese == chinese {
				break
			}
		}
	}
	c.turn++
	return &c.topic.turns[c.turn-1]
}

// remember adds a turn to the past.
func (c *conversation) remember(user, assistant string) {
	if len(c.said) >= maxTurns {
		c.said = c.said[len(c.said)-maxTurns+1:]
	}
	// Calls hold what was said before: it must not change under them.
	c.said = append(slices.Clip(c.said), Turn{user, assistant})
}

// report makes a long document of so many tokens.
func (p *planner) report(tokens int64) string {
	const limit = 20 << 10
	var b strings.Builder
	f := newFacts(p.r)
	b.WriteString(f.fill("# Weekly operations report\n\nAll figures are for the week that ended on {day}. Changes are against the week before.\n"))
	for n := 1; b.Len() < int(min(tokens*4, limit)); n++ {
		f = newFacts(p.r)
		s := reportSections[p.r.IntN(len(reportSections))]
		b.WriteString("\n## " + strconv.Itoa(n) + ". " + f.fill(s))
		b.WriteString("\n" + strings.TrimSpace(p.text(60, false)) + "\n")
	}
	return b.String()
}
