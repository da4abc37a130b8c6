package pitot

import (
	"context"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/pitot-dev/pitot/internal/llm"
)

// agentTally counts what one run of an agent does itself.
type agentTally struct {
	inferences, tools atomic.Int64
}

type tallyKey struct{}

// beginAgent gives a run of an agent its own tally. The context that it returns
// is the one to run the agent in and to give to observeStep at its end.
func (r *core) beginAgent(ctx context.Context) context.Context {
	return context.WithValue(ctx, tallyKey{}, new(agentTally))
}

func tallyOf(ctx context.Context) *agentTally {
	t, _ := ctx.Value(tallyKey{}).(*agentTally)
	return t
}

// stepKey identifies the labels of a step.
type stepKey struct {
	kind               llm.SpanKind
	agent, name, error string
}

// stepSet are the label sets of a stepKey.
type stepSet struct {
	count, failed adds
	record        records
}

// stepLabels gives steps their label sets and bounds them.
type stepLabels struct {
	sets                  cow[stepKey, stepSet]
	agents, names, errors limiter
}

func newStepLabels() *stepLabels {
	return &stepLabels{agents: limiter{limit: maxStepNames}, names: limiter{limit: maxStepNames}, errors: limiter{limit: maxErrorTypes}}
}

func (s *stepLabels) of(k stepKey) stepSet {
	if v, ok := s.sets.get(k); ok {
		return v
	}
	k = stepKey{k.kind, s.agents.admit(k.agent), s.names.admit(k.name), s.errors.admit(k.error)}
	if v, ok := s.sets.add(k, maxStepSets, func() stepSet { return newStepSet(k) }); ok {
		return v
	}
	k.agent, k.name = otherValue, otherValue
	if k.error != "" {
		k.error = otherValue
	}
	v, _ := s.sets.add(k, maxStepSets+20, func() stepSet { return newStepSet(k) }) // two a kind
	return v
}

func newStepSet(k stepKey) stepSet {
	add := func(kv ...string) adds { return adds{option(nil, kv...)} }
	set := func(kv ...string) records { return records{metric.WithAttributeSet(attribute.NewSet(pairs(kv...)...))} }
	switch k.kind {
	case llm.KindTool:
		return stepSet{
			count:  add("agent.name", k.agent, "agent.step.type", "tool_call", "agent.tool.name", k.name),
			failed: add("agent.name", k.agent, "error.type", k.error, "agent.tool.name", k.name),
			record: set("gen_ai.tool.name", k.name, "gen_ai.agent.name", k.agent, "error.type", k.error),
		}
	case llm.KindRetrieval:
		return stepSet{
			count:  add("agent.name", k.agent, "agent.step.type", "retriever", "retriever.name", k.name),
			failed: add("agent.name", k.agent, "error.type", k.error, "retriever.name", k.name),
		}
	case llm.KindWorkflow:
		return stepSet{record: set("gen_ai.workflow.name", k.name, "error.type", k.error)}
	default:
		return stepSet{
			failed: add("agent.name", k.name, "error.type", k.error),
			record: set("gen_ai.agent.name", k.name, "error.type", k.error),
		}
	}
}

// observeStep counts a piece of work that ended: the run of a workflow or an
// agent, a tool call, a retrieval. name is its own, agent the agent that it was
// a step of, errType empty where it succeeded. Tasks have no metrics.
func (r *core) observeStep(ctx context.Context, kind llm.SpanKind, agent, name string, seconds float64, errType string) {
	m := r.meters
	switch kind {
	case llm.KindWorkflow, llm.KindAgent, llm.KindTool, llm.KindRetrieval:
	default:
		return
	}
	l := m.steps.of(stepKey{kind, agent, name, errType})
	if l.count != nil {
		m.genAI.agentSteps.Add(ctx, 1, l.count...)
	}
	if errType != "" && l.failed != nil {
		m.genAI.agentErrors.Add(ctx, 1, l.failed...)
	}
	switch kind {
	case llm.KindWorkflow:
		m.genAI.workflow.Record(ctx, seconds, l.record...)
	case llm.KindAgent:
		m.genAI.agent.Record(ctx, seconds, l.record...)
		if t := tallyOf(ctx); t != nil {
			names := m.steps.of(stepKey{kind: kind, name: name}) // without the error
			m.genAI.agentInferenceCalls.Record(ctx, t.inferences.Load(), names.record...)
			m.genAI.agentToolCalls.Record(ctx, t.tools.Load(), names.record...)
		}
	case llm.KindTool:
		m.genAI.tool.Record(ctx, seconds, l.record...)
		if t := tallyOf(ctx); t != nil {
			t.tools.Add(1)
		}
	case llm.KindRetrieval, llm.KindTask, llm.KindLLM, llm.KindOther:
	}
}
