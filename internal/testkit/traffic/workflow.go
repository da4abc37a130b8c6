package traffic

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

// answerQuestion is a workflow of retrieval: embed the question, search,
// sometimes rerank, answer.
func (p *planner) answerQuestion(a *app, at time.Time) *Step {
	chinese := p.r.Float64() < a.chinese
	question := p.text(int64(8+p.r.IntN(20)), chinese)
	if p.g.cfg.Rich {
		question = p.ask(knowledgeExchanges(p.session.chinese))
	}
	root := &Step{Name: "answer_question", Kind: llm.KindWorkflow, OTelKind: "internal", Before: p.ms(3), After: p.ms(2), Input: question}

	embed := p.call(a, p.g.models["text-embedding-3-small"])
	embed.System, embed.Prompt, embed.Input = "", question, int64(len(question)/4+1)
	p.finish(embed, at)

	documents := 4 + p.r.IntN(12)
	search := &Step{
		Name: "retrieval docs", Kind: llm.KindRetrieval, OTelKind: "client", Before: p.ms(35), Input: question,
		Attributes: map[string]any{
			"gen_ai.operation.name": "retrieval", "gen_ai.data_source.id": "docs",
			"db.system.name": "qdrant", "retrieval.documents.count": documents,
		},
	}
	root.Children = []*Step{{Call: embed}, search}
	if embed.Status != 0 { // without a vector there is nothing to search by
		root.Children = root.Children[:1]
		root.ErrorType = "embedding_failed"
		return root
	}
	if p.r.Float64() < 0.4 {
		rerank := p.call(a, p.g.models["rerank-v3.5"])
		rerank.System, rerank.Prompt, rerank.Input = "", question, int64(documents*120)
		p.finish(rerank, at)
		root.Children = append(root.Children, &Step{Call: rerank})
	}
	answer := p.chat(a, p.model(a), at, false)
	answer.Prompt = question + p.text(answer.Input, chinese)
	if p.g.cfg.Rich {
		answer.Prompt = question + "\n\n" + strings.Join(passages(), "\n")
	}
	root.Children = append(root.Children, &Step{Call: answer})
	root.Output = answer.Answer
	if answer.Status != 0 {
		root.ErrorType = "answer_failed"
	}
	return root
}

// toolTimes are the medians of the tools' times in milliseconds.
func toolTime(name string) float64 {
	switch name {
	case "search_web":
		return 420
	case "fetch_page":
		return 800
	case "run_sql":
		return 70
	}
	return 2
}

// investigate is an agent: it calls a model that calls tools until it knows
// enough, and sometimes has another agent review the answer.
func (p *planner) investigate(a *app, at time.Time) *Step {
	question := p.text(int64(15+p.r.IntN(40)), false)
	var topic *researchTopic
	if p.g.cfg.Rich {
		question, topic = p.research()
	}
	about := p.preset
	p.preset = nil
	agent := &Step{
		Name: "invoke_agent researcher", Kind: llm.KindAgent, OTelKind: "internal", Agent: "researcher", Before: p.ms(2), Input: question,
		Attributes: map[string]any{"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "researcher"},
	}
	root := &Step{
		Name: "research_workflow", Kind: llm.KindWorkflow, OTelKind: "internal", Before: p.ms(5), After: p.ms(3), Input: question,
		Children: []*Step{agent},
	}
	m := p.model(a)
	rounds := 1
	for rounds < 5 && p.r.Float64() < 0.5 {
		rounds++
	}
	input := int64(900 + p.r.IntN(1500))
	var lastTool, lastArgs, lastResult string
	var before []ToolRound
	for i := range rounds + 1 {
		c := p.call(a, m)
		c.Prompt, c.Input = question, input
		c.CalledTool, c.CalledArgs, c.ToolResult = lastTool, lastArgs, lastResult
		c.Rounds = before
		last := i == rounds
		if last {
			c.script = about
			c.Output = max(40, int64(scaled(&p.g.params.convOutput, 1).Sample(p.r)))
		} else {
			c.Tool = a.tools[p.r.IntN(len(a.tools))]
			c.Args = `{"query":"` + p.text(5, false) + `"}`
			if topic != nil {
				c.Args = topic.tools[c.Tool].Args
			}
			c.Finish, c.Output = "tool_calls", int64(25+p.r.IntN(40))
		}
		p.finish(c, at)
		agent.Children = append(agent.Children, &Step{Call: c})
		if c.Status != 0 {
			agent.ErrorType, root.ErrorType = "model_error", "agent_failed"
			return root
		}
		if last {
			agent.Output, root.Output = c.Answer, c.Answer
			break
		}
		tool := p.tool(c.Tool, c.Args, i, topic)
		agent.Children = append(agent.Children, tool)
		if topic != nil && lastTool != "" {
			before = append(slices.Clip(before), ToolRound{Tool: lastTool, Args: lastArgs, Result: lastResult})
		}
		lastTool, lastArgs, lastResult = c.Tool, c.Args, tool.Output
		input += c.Output + int64(len(tool.Output)/4) + int64(200+p.r.IntN(800))
	}
	if p.r.Float64() < 0.3 {
		root.Children = append(root.Children, p.review(a, at, agent.Output))
	}
	return root
}

func (p *planner) tool(name, args string, n int, topic *researchTopic) *Step {
	s := &Step{
		Name: "execute_tool " + name, Kind: llm.KindTool, OTelKind: "internal", Agent: "researcher", Tool: name,
		Before: p.ms(toolTime(name)), Input: args, Output: p.text(int64(30+p.r.IntN(120)), false),
		Attributes: map[string]any{
			"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": name, "gen_ai.tool.call.id": "call_" + strconv.Itoa(n+1),
		},
	}
	if topic != nil {
		s.Output = topic.tools[name].Result
	}
	if p.r.Float64() < 0.03 {
		s.ErrorType, s.Output = "timeout", `{"error":"the tool did not answer in time"}`
	}
	return s
}

// review is a second agent with a cheaper model.
func (p *planner) review(a *app, at time.Time, draft string) *Step {
	c := p.call(a, p.g.models["gpt-4o-mini"])
	c.Prompt, c.Input, c.Output = "Review: "+draft, int64(len(draft)/4+200), int64(20+p.r.IntN(60))
	p.finish(c, at)
	s := &Step{
		Name: "invoke_agent reviewer", Kind: llm.KindAgent, OTelKind: "internal", Agent: "reviewer", Before: p.ms(1), Input: draft, Output: c.Answer,
		Children:   []*Step{{Call: c}},
		Attributes: map[string]any{"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "reviewer"},
	}
	if c.Status != 0 {
		s.ErrorType = "model_error"
	}
	return s
}
