package api

import (
	"context"
	"slices"
	"testing"

	"github.com/pitot-dev/pitot/internal/events"
)

func TestEvaluators(t *testing.T) {
	a := newAPI(t)
	if r := decode[EvaluatorsReport](t, wantOK(t, a.get(base+"/evaluators")).Body.Bytes()); r.Rules == nil || r.Judges == nil {
		t.Errorf("without evaluators: %+v", r)
	}
	wantError(t, a.get(base+"/evaluators?colour=red"), 400, CodeBadParameter)

	a = newAPI(t, func(o *Options) {
		o.Evaluators = func() EvaluatorsReport {
			return EvaluatorsReport{
				Share: 0.5, Sampled: 9, Stored: "failed", Waiting: 1, Dropped: map[string]int64{"queue_full": 2}, SpentTodayUSD: 0.25, CapUSD: 1,
				Rules: []RuleEvaluator{{Name: "polite", Own: true, Judged: 9, Failed: 3}},
				Judges: []JudgeEvaluation{{
					Name: "strict", Upstream: "up", Model: "m", Rubric: "safety", Share: 0.1, State: "failed", Detail: "no answer", Last: now, LastError: "no answer", LastErrorAt: now,
					Sampled: 5, Judged: 4, Failed: 1, Waiting: 1, SpentTodayUSD: 0.25, CapUSD: 0.5, Unpriced: 1, Runs: map[string]int64{"ok": 4, "failed": 1},
				}},
			}
		}
	})
	r := decode[EvaluatorsReport](t, wantOK(t, a.get(base+"/evaluators")).Body.Bytes())
	if len(r.Rules) != 1 || len(r.Judges) != 1 || r.Judges[0].LastError != "no answer" || r.Judges[0].CapUSD != 0.5 || r.Dropped["queue_full"] != 2 {
		t.Errorf("%+v", r)
	}
}

// TestCompareWithoutFailures: of rules only failures are stored.
func TestCompareWithoutFailures(t *testing.T) {
	a := newAPI(t, func(o *Options) { o.FailuresOnly = func() []string { return []string{"refusal", "polite"} } })
	var asked events.CompareQuery
	a.events.compare = func(_ context.Context, q events.CompareQuery) (*events.Comparison, error) {
		asked = q
		return fullComparison(q), nil
	}
	wantOK(t, a.get(base+"/compare?by=model&judgement=refusal"))
	if !slices.Equal(asked.Without, []string{"refusal", "polite"}) {
		t.Errorf("asked %+v", asked)
	}
}
