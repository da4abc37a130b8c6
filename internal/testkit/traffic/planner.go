package traffic

import (
	"math"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/testkit/corpus"
	"github.com/pitot-dev/pitot/internal/testkit/dist"
)

// planner turns arrivals into tasks.
type planner struct {
	g        *Generator
	r        *rand.Rand
	users    *users
	sessions map[*app][]*session

	session *session // of the task that is planned
	preset  *script  // what the next call is about, where that is settled
}

// session is a conversation that goes on.
type session struct {
	user, id string
	chinese  bool
	region   string
	talk     conversation
}

// maxSessions bounds the conversations of an application that go on at once.
const maxSessions = 48

func (g *Generator) newPlanner(r *rand.Rand) *planner {
	return &planner{g: g, r: r, users: newUsers(r, g.cfg.Users), sessions: map[*app][]*session{}}
}

func (p *planner) task(d arrival) *Task {
	a := d.app
	t := &Task{At: d.at, Service: a.service, Environment: "prod", Feature: a.feature, Prompt: a.prompt, Team: a.team, seed: p.r.Uint64()}
	t.PromptVersion = a.versions[0]
	if len(a.versions) > 1 && p.r.Float64() < 0.3 {
		t.PromptVersion = a.versions[1]
	}
	if p.r.Float64() < 0.06 {
		t.Environment = "staging"
	}
	s := p.resume(a, d.user)
	p.session = s
	t.User, t.Session = s.user, s.id
	if p.g.cfg.Rich {
		p.place(t, s)
	}
	switch a.shape {
	case shapeRAG:
		t.Traced, t.Root = true, p.answerQuestion(a, d.at)
	case shapeAgent:
		t.Traced, t.Root = true, p.investigate(a, d.at)
	default:
		c := &Step{Call: p.chat(a, p.model(a), d.at, d.user != "")}
		t.Root = c
		if t.Traced = p.r.Float64() < 0.3; t.Traced {
			t.Root = &Step{
				Name: "POST /" + a.feature, Kind: llm.KindOther, OTelKind: "server", Before: p.ms(4), After: p.ms(2),
				Children:   []*Step{c},
				Attributes: map[string]any{"http.request.method": "POST", "http.route": "/" + a.feature},
			}
		}
	}
	if p.g.cfg.Rich {
		p.judge(a, t)
	}
	return t
}

// resume continues a conversation or starts one.
func (p *planner) resume(a *app, user string) *session {
	if user != "" {
		return &session{user: user, id: user + "-stuck"}
	}
	open := p.sessions[a]
	if len(open) > 0 && p.r.Float64() > 1/a.turns {
		return open[p.r.IntN(len(open))]
	}
	s := &session{user: p.users.draw(), id: "s-" + strconv.FormatUint(p.r.Uint64()>>16, 36)}
	if p.g.cfg.Rich {
		s.chinese, s.region = p.r.Float64() < a.chinese, p.region()
	}
	if len(open) < maxSessions {
		p.sessions[a] = append(open, s)
	} else {
		open[p.r.IntN(len(open))] = s
	}
	return s
}

func (p *planner) model(a *app) *Model {
	x := p.r.Float64()
	for _, w := range a.models {
		if x -= w.weight; x < 0 {
			return p.g.models[w.model]
		}
	}
	return p.g.models[a.models[0].model]
}

// ms draws a time around so many milliseconds.
func (p *planner) ms(median float64) time.Duration {
	return seconds(dist.LogNormal(median/1000, 0.6).Sample(p.r))
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// text draws prose of so many tokens, cut to what the load may carry.
func (p *planner) text(tokens int64, chinese bool) string {
	c := corpus.English()
	if chinese {
		c = corpus.Chinese()
	}
	return c.Draw(p.r, int(min(tokens, corpus.MaxTokens))).Prefix(p.g.cfg.MaxText)
}

// chat plans an ordinary call of the application.
func (p *planner) chat(a *app, m *Model, at time.Time, runaway bool) *Call {
	f := p.g.params
	in, out := &f.convInput, &f.convOutput
	if a.code {
		in, out = &f.codeInput, &f.codeOutput
	}
	c := p.call(a, m)
	c.Input = max(1, int64(scaled(in, 1).Sample(p.r)))
	c.Output = max(1, int64(scaled(out, 1).Sample(p.r)))
	if runaway { // the same long prompt again and again
		c.Input, c.Output = 24_000, 300
	}
	if p.g.cfg.Rich {
		if runaway {
			p.session.talk = conversation{} // the same again and again
		}
		p.write(a, c)
	}
	p.finish(c, at)
	if p.g.cfg.Rich && c.Status == 0 && a.writing == writeTalk {
		p.session.talk.remember(c.Prompt, c.Answer)
	}
	return c
}

// call plans what does not depend on lengths.
func (p *planner) call(a *app, m *Model) *Call {
	c := &Call{Model: m, Operation: llm.OpChat, Finish: "stop", Temperature: 0.2, MaxTokens: 2048}
	switch m.api {
	case apiGemini:
		c.Operation = llm.OpGenerateContent
	case apiResponses:
		c.Operation = llm.OpResponses
	case apiEmbeddings:
		c.Operation = llm.OpEmbeddings
	case apiModeration:
		c.Operation = llm.OpModeration
	case apiRerank:
		c.Operation = llm.OpRerank
	default: // the others chat
	}
	if m.Upstream == "openai" && p.session != nil && p.session.region == regionEU {
		c.upstream = upstreamEU
	}
	c.Stream = p.r.Float64() < a.stream
	c.Chinese = p.r.Float64() < a.chinese
	c.System = systemPrompt(a, c.Chinese)
	return c
}

func systemPrompt(a *app, chinese bool) string {
	if a.writing == writeResearch {
		return "You are a researcher. Find out what you are asked with the tools, then report the result first and how you found it second."
	}
	if chinese {
		return "你是" + a.service + "的助手，请简洁地回答。"
	}
	return "You are the assistant of " + a.service + ". Answer briefly and cite what you use."
}

// finish plans caching, times, texts and faults of c at a moment, once its
// lengths are known.
func (p *planner) finish(c *Call, at time.Time) {
	f, m := p.g.params, c.Model
	if m.perToken == 0 { // no text comes back
		c.Stream, c.Output = false, 0
	}
	if m.reasoning > 0 {
		c.Reasoning = int64(dist.LogNormal(m.reasoning, 0.7).Sample(p.r))
		c.Output += c.Reasoning
	}
	if m.caches && c.Input >= cacheMin {
		c.CacheRead = int64(f.cached.At(p.r.Float64())*float64(c.Input)) / cacheBlock * cacheBlock
		c.CacheRead = min(c.CacheRead, (c.Input-1)/cacheBlock*cacheBlock)
		if m.marks {
			c.CacheWrite = (c.Input - c.CacheRead) / 2 / cacheBlock * cacheBlock
		}
	}
	uncached := float64(c.Input - c.CacheRead)
	ttft := (m.base + f.prefillPerToken*uncached) * f.prefill.At(p.r.Float64())
	perToken := m.perToken * f.tpot.At(p.r.Float64())
	if !m.shows {
		ttft += float64(c.Reasoning) * perToken
	}
	ttft, perToken = p.disturb(c, at, ttft, perToken)
	c.TTFT, c.PerToken = seconds(ttft), seconds(perToken)
	if c.Prompt == "" {
		c.Prompt = p.text(c.Input, c.Chinese)
	}
	switch {
	case c.visible() <= 0 || c.Tool != "":
	case c.script != nil:
		c.Answer = c.script.answer(c.visible())
	default:
		c.Answer = p.text(c.visible(), c.Chinese)
	}
	if c.Finish == "stop" && c.Output-c.Reasoning >= 900 && p.r.Float64() < 0.3 {
		c.Finish, c.MaxTokens = "length", c.Output
	}
	p.leave(c)
}

// disturb applies the incidents of the moment and the faults of every day.
func (p *planner) disturb(c *Call, at time.Time, ttft, perToken float64) (float64, float64) {
	for i := range p.g.cfg.Incidents {
		in := &p.g.cfg.Incidents[i]
		if _, on := in.at(p.g.clock(at)); !on || !in.hits(c.Model) {
			continue
		}
		if in.Slow > 0 {
			ttft, perToken = ttft*in.Slow, perToken*in.Slow
		}
		if p.r.Float64() < in.Queue {
			ttft += p.g.params.queue.At(p.r.Float64())
		}
		if p.r.Float64() < in.ErrorShare {
			c.Status = in.Status
		}
	}
	if c.Status == 0 {
		switch x := p.r.Float64(); {
		case x < 0.003:
			c.Status = 429
		case x < 0.0045:
			c.Status = 500
		case x < 0.0055:
			c.Status = 400
		case x < 0.0065 && c.Model.api == apiMessages:
			c.Status = 529
		case x < 0.0075 && c.Stream:
			c.CutAfter = 1 + p.r.IntN(20)
		case x < 0.0105:
			c.Finish = "content_filter"
		}
	}
	if c.Status != 0 { // errors come fast
		ttft = 0.04 + 0.1*p.r.Float64()
		c.Answer, c.Tool = "", ""
	}
	return ttft, perToken
}

// leave makes some readers leave before the end: more of them the longer it
// takes.
func (p *planner) leave(c *Call) {
	if !c.Stream || c.Status != 0 || c.CutAfter > 0 || c.Chunks() < 8 {
		return
	}
	if p.r.Float64() < 0.004+0.02*math.Min(c.Duration().Seconds()/30, 1) {
		c.LeaveAfter = 0.1 + 0.7*p.r.Float64()
	}
}
