package harness

import (
	"fmt"
	"maps"
	"slices"
)

// The names that senders give to what they do; a sender that has no way to say
// one of them leaves it out.
const (
	User     = "user-17"
	Session  = "session-4"
	Workflow = "trip_planner"
	Agent    = "planner"
	Tool     = "weather"
)

// Scenario is something that an application does, and what the providers answer.
type Scenario struct {
	Name string
	// Answers dictate the answer to each model call in turn, as X-Fake-* headers
	// of package provider; further calls get the last one.
	Answers []Answer
	// Context says that the calls are made for User and in Session.
	Context bool
	// Spans are what surrounds the calls, outermost first.
	Spans []Span
	// Gateway says that it is worth a run through the gateway too.
	Gateway bool
}

// Answer is what a provider answers to one call, and where the call is made.
type Answer struct {
	Fake map[string]string // X-Fake-* headers, without the prefix
	// Within are the names of the spans that the call is made in, outermost first.
	Within []string
	// Agent and Workflow are those on whose behalf the call is made.
	Agent, Workflow string
}

// Span is a part of an application that its sender is told about.
type Span struct {
	Name   string `json:"name"`
	Kind   string `json:"kind"` // workflow, agent or tool
	Parent string `json:"parent,omitempty"`
}

// fake is an answer with the given usage and whatever more is dictated. All are
// short, and quick enough to run many, and slow enough that times can be told
// apart.
func fake(usage string, more ...string) Answer {
	a := Answer{Fake: map[string]string{
		"Status": "200", "Tokens": "12", "Tool": "none", "Reasoning": "0", "Delay": "60ms", "Chunk-Interval": "8ms", "Lang": "en", "Usage": usage,
	}}
	for i := 0; i+1 < len(more); i += 2 {
		a.Fake[more[i]] = more[i+1]
	}
	return a
}

func (a Answer) within(agent, workflow string, spans ...string) Answer {
	a.Agent, a.Workflow, a.Within = agent, workflow, spans
	return a
}

// Scenarios returns all scenarios, in the order in which they are shown.
func Scenarios() []Scenario {
	callTool := []string{"Tool", Tool, "Tokens", "0"}
	return []Scenario{
		{Name: "plain", Gateway: true, Answers: []Answer{fake("input=1310,output=42,cache_read=1024,reasoning=0")}},
		{Name: "stream_usage", Answers: []Answer{fake("input=220,output=96,cache_read=0,reasoning=64")}},
		{Name: "stream", Gateway: true, Answers: []Answer{fake("input=180,output=40")}},
		{
			Name:    "tool", // the model asks for a tool, gets its result, answers
			Answers: []Answer{fake("input=150,output=22", callTool...), fake("input=210,output=30")},
			Spans:   []Span{{Name: Tool, Kind: "tool"}},
		},
		{Name: "error_4xx", Gateway: true, Answers: []Answer{fake("none", "Status", "429")}},
		{Name: "error_5xx", Answers: []Answer{fake("none", "Status", "503")}},
		{
			Name:    "agent", // the tool itself asks a model
			Context: true, Gateway: true,
			Answers: []Answer{
				fake("input=100,output=20", callTool...).within(Agent, Workflow, Workflow, Agent),
				fake("input=60,output=15").within(Agent, Workflow, Workflow, Agent, Tool),
				fake("input=230,output=50").within(Agent, Workflow, Workflow, Agent),
			},
			Spans: []Span{
				{Name: Workflow, Kind: "workflow"},
				{Name: Agent, Kind: "agent", Parent: Workflow},
				{Name: Tool, Kind: "tool", Parent: Agent},
			},
		},
		{Name: "embeddings", Answers: []Answer{fake("input=9")}},
		{Name: "responses", Answers: []Answer{fake("input=330,output=70,cache_read=128,reasoning=32")}},
		{Name: "anthropic", Gateway: true, Answers: []Answer{fake("input=2100,output=37,cache_read=1800,cache_write=200")}},
		{Name: "anthropic_stream", Answers: []Answer{fake("input=140,output=33,cache_read=100")}},
	}
}

// ScenarioOf returns the scenario with the given name.
func ScenarioOf(name string) (Scenario, error) {
	all := Scenarios()
	i := slices.IndexFunc(all, func(s Scenario) bool { return s.Name == name })
	if i < 0 {
		return Scenario{}, fmt.Errorf("no scenario %q", name)
	}
	return all[i], nil
}

// Fails says whether its calls fail.
func (s Scenario) Fails() bool { return s.Answers[0].Fake["Status"] != "200" }

// answer returns what to answer to call n of the scenario, counted from 0.
func (s Scenario) answer(n int) Answer {
	return s.Answers[min(n, len(s.Answers)-1)]
}

// headers are the dictates of an answer in a stable order.
func (a Answer) headers(set func(k, v string)) {
	for _, k := range slices.Sorted(maps.Keys(a.Fake)) {
		set("X-Fake-"+k, a.Fake[k])
	}
}
