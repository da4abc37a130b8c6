package quality

import "github.com/pitot-dev/pitot/internal/llm"

// Judgement is what a rule or a judge thinks of an answer.
type Judgement struct {
	Evaluator string
	Score     float64 // 0 to 1; 1 is good
	// Label says what is wrong in a word; empty where nothing is.
	Label string
	// Explanation has no content of the answer where a rule gave it.
	Explanation string
}

// good is the judgement of a rule that has nothing to say.
func good(evaluator string) Judgement { return Judgement{Evaluator: evaluator, Score: 1} }

func bad(evaluator, label, explanation string) Judgement {
	return Judgement{Evaluator: evaluator, Label: label, Explanation: explanation}
}

// ServiceName is the service of the calls that judges make.
const ServiceName = "pitot-judge"

// TagName is the tag that names the judge on its calls.
const TagName = "evaluator"

// probeService is the service of the calls that probes make: their answers are
// judged by what they expect.
const probeService = "pitot-probe"

// answers are the operations whose answers are text.
func answers(op llm.Operation) bool {
	return op == llm.OpChat || op == llm.OpTextCompletion || op == llm.OpGenerateContent || op == llm.OpResponses
}

// judgeable says whether a Call has an answer that can be judged.
func judgeable(c *llm.Call) bool {
	return c.Status == llm.StatusOK && answers(c.Operation) && c.Service != ServiceName && c.Service != probeService
}
