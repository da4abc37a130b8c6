package traffic

import (
	"strings"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

// writing is what the texts of an application are about, in a rich load.
type writing int

const (
	writeProse writing = iota
	writeTalk
	writeCode
	writeKnowledge
	writeResearch
	writeTranslation
	writeLabel
	writeLab
	writeReport
	writeIndex
)

// richApps are the applications of a rich load: those of every load, two more,
// and models of the company's own.
func richApps() []*app {
	list := apps()
	for _, a := range list {
		switch a.service {
		case "support-chat":
			a.share, a.writing, a.chinese, a.versions = 0.34, writeTalk, 0.25, []string{"v2", "v3"}
			a.models = []weighted{{0.45, "gpt-4o-mini"}, {0.2, "gpt-4o"}, {0.2, "claude-3-5-haiku-20241022"}, {0.15, "qwen3-8b"}}
		case "code-assistant":
			a.writing = writeCode
		case "knowledge-search":
			a.writing = writeKnowledge
		case "research-agent":
			a.writing = writeResearch
		case "translation":
			a.writing = writeTranslation
		case "batch-labeler":
			a.writing, a.chinese = writeLabel, 0.3
			a.models = []weighted{{0.3, "gpt-4o-mini"}, {0.4, "qwen3-8b"}, {0.2, "llama3.2"}, {0.1, "omni-moderation-latest"}}
		case "internal-lab":
			a.writing, a.chinese, a.prompt, a.versions = writeLab, 0.2, "playground", []string{"1"}
			a.models = []weighted{{0.3, "acme-internal-7b"}, {0.3, "deepseek-r1-distill-qwen-32b"}, {0.2, "gpt-4o"}, {0.2, "llama3.2"}}
		}
	}
	return append(list,
		&app{
			service: "report-writer", team: "finance", feature: "report", prompt: "weekly-report", versions: []string{"1", "2"},
			share: 0.005, callsPerTask: 1, stream: 1, turns: 1, writing: writeReport,
			models: []weighted{{0.5, "gpt-4o"}, {0.5, "claude-sonnet-4-20250514"}},
		},
		&app{
			service: "catalog-indexer", team: "platform", feature: "index", prompt: "", versions: []string{""},
			share: 0.015, callsPerTask: 1, turns: 30, writing: writeIndex,
			models: []weighted{{1, "text-embedding-3-small"}},
		},
	)
}

// Upstream is a place that a rich load calls beside the well-known ones.
type Upstream struct{ Name, Provider, Region string }

// Upstreams are the places that a rich load calls beside the well-known ones.
func Upstreams() []Upstream {
	return []Upstream{{Name: upstreamEU, Provider: llm.ProviderOpenAI, Region: regionEU}}
}

const (
	upstreamEU = "openai-eu"
	regionEU   = "eu-central-1"
)

// region is where a session's calls are served.
func (p *planner) region() string {
	if p.r.Float64() < 0.3 {
		return regionEU
	}
	return ""
}

// place says where a task runs.
func (p *planner) place(t *Task, s *session) {
	if t.Environment == "prod" && p.r.Float64() < 0.03 {
		t.Environment = "dev"
	}
	t.Region = s.region
}

// ask chooses what a workflow is about: its last call answers it.
func (p *planner) ask(list []exchange) string {
	e := &list[p.r.IntN(len(list))]
	p.preset = &script{e, newFacts(p.r)}
	return p.preset.facts.fill(e.ask)
}

// research chooses what an agent is to find out.
func (p *planner) research() (question string, t *researchTopic) {
	list := researchTopics()
	t = &list[p.r.IntN(len(list))]
	p.preset = &script{&t.exchange, newFacts(p.r)}
	return p.preset.facts.fill(t.ask), t
}

// write gives a call of a rich load its texts, and what goes with them. Lengths
// stay as they were drawn where nothing speaks against it.
func (p *planner) write(a *app, c *Call) {
	c.Chinese = p.session.chinese
	switch a.writing {
	case writeTalk:
		p.writeTalk(c)
	case writeCode:
		p.writeFrom(c, codeExchanges())
		c.System = "You complete code and answer questions about it. Keep to the style of the file."
	case writeKnowledge, writeResearch:
		c.script, p.preset = p.preset, nil
		c.System = "Answer from the context alone and cite it as [n]. Say so where it does not say."
	case writeTranslation:
		p.writeFrom(c, translations())
		c.System = "You translate texts for shop pages and parcels. Translate only, explain nothing."
		c.Output = min(c.Output, 160)
	case writeLabel:
		p.writeLabel(c)
	case writeLab:
		p.writeLab(c)
	case writeReport:
		p.writeReport(c)
	case writeIndex:
		p.writeIndex(c)
	case writeProse:
	}
	if c.Model.shows {
		c.Thought = p.thought(c.Chinese)
	}
	c.Input = max(c.Input, c.inputTokens())
}

// inputTokens is about how long the texts that go in are.
func (c *Call) inputTokens() int64 {
	n := len(c.System) + len(c.Prompt)
	for _, t := range c.Said {
		n += len(t.User) + len(t.Assistant)
	}
	for _, t := range c.Texts {
		n += len(t)
	}
	return int64(n/4 + 4)
}

func (p *planner) writeTalk(c *Call) {
	s := p.session
	e := s.talk.next(p.r, supportTopics(), s.chinese)
	c.script = &script{e, s.talk.facts}
	c.Prompt, c.Said = s.talk.facts.fill(e.ask), s.talk.said
	c.System = "You are the support assistant of an online shop. Be brief, friendly and concrete. Use the order data that you are given; never promise what is not in it."
	if s.chinese {
		c.System = "你是一家网店的客服助手。回答要简短、友好、具体。只使用提供的订单数据，不要承诺数据里没有的内容。"
	}
}

// writeFrom takes one of the exchanges in the language of the session, or any.
func (p *planner) writeFrom(c *Call, list []exchange) {
	e := &list[p.r.IntN(len(list))]
	c.script = &script{e, newFacts(p.r)}
	c.Prompt = c.script.facts.fill(e.ask)
}

func (p *planner) writeLabel(c *Call) {
	if c.Model.perToken == 0 { // moderation
		return
	}
	p.writeFrom(c, labelExchanges())
	c.System = "Label the ticket. Answer with JSON that follows the schema."
	c.Schema = labelSchema
	c.Output = 18 + p.r.Int64N(8)
	if p.r.Float64() < 0.05 {
		broken := brokenLabels()
		c.script = &script{&exchange{short: broken[p.r.IntN(len(broken))]}, c.script.facts}
	}
}

func (p *planner) writeLab(c *Call) {
	c.System = ""
	switch x := p.r.Float64(); {
	case x < 0.12:
		ask, answer := refusals(c.Chinese)
		c.Prompt, c.script = ask, &script{&exchange{short: answer}, newFacts(p.r)}
		c.Output = min(c.Output, 90)
	case x < 0.35 && c.Model.Name == "gpt-4o":
		p.writeFrom(c, pictures())
		c.Picture, c.Prompt, _ = strings.Cut(c.Prompt, "\n")
		c.Input += 1105 // a picture of 1024 by 1024
	case x < 0.6:
		p.writeFrom(c, knowledgeExchanges(c.Chinese))
	default:
		p.writeFrom(c, codeExchanges())
	}
}

// writeReport is an answer of minutes, in which nothing comes for a while.
func (p *planner) writeReport(c *Call) {
	c.System = "You write the weekly report of a company from its data. Use Markdown with tables."
	c.Prompt = "Write the report of this week from the attached figures. Cover deliveries, support, platform, costs and risks in detail."
	c.Input, c.Output = 6_000+p.r.Int64N(9_000), 2_400+p.r.Int64N(4_000)
	c.MaxTokens = 8_192
	c.script = &script{&exchange{medium: p.report(c.Output)}, newFacts(p.r)}
	c.StallAfter, c.Stall = 150+p.r.IntN(800), time.Duration(1500+p.r.IntN(5000))*time.Millisecond
}

func (p *planner) writeIndex(c *Call) {
	c.System, c.Prompt = "", "a batch of texts"
	for range 12 + p.r.IntN(36) {
		f := newFacts(p.r)
		c.Texts = append(c.Texts, f.fill("{item}, item {ticket}. ")+p.text(24, p.r.Float64() < 0.2))
	}
	c.Input = 0 // as the texts have it
}

func (p *planner) thought(chinese bool) string {
	list := thoughts(chinese)
	var b strings.Builder
	for range 3 + p.r.IntN(6) {
		b.WriteString(list[p.r.IntN(len(list))])
		if !chinese {
			b.WriteByte(' ')
		}
	}
	return strings.TrimSpace(b.String())
}
