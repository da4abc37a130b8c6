package api

import (
	"net/http"
	"time"
)

// EvaluatorsReport is how rules and judge models fare. What is counted is counted
// since the server's start.
type EvaluatorsReport struct {
	Share         float64           `json:"share"`   // of the answers, that the rules judge
	Sampled       int64             `json:"sampled"` // answers that were drawn for the rules
	Stored        string            `json:"stored"`  // which judgements of rules are kept: failed, all, none
	Waiting       int               `json:"waiting"`
	Dropped       map[string]int64  `json:"dropped,omitempty"` // by reason
	SpentTodayUSD float64           `json:"spent_today_usd"`   // of all judges
	CapUSD        float64           `json:"cap_usd"`
	Rules         []RuleEvaluator   `json:"rules"`
	Judges        []JudgeEvaluation `json:"judges"`
}

// RuleEvaluator is what a rule found.
type RuleEvaluator struct {
	Name   string `json:"name"`
	Own    bool   `json:"own,omitempty"` // a pattern of the user's
	Judged int64  `json:"judged"`
	Failed int64  `json:"failed"`
}

// JudgeEvaluation is how a judge model fares.
type JudgeEvaluation struct {
	Name          string           `json:"name"`
	Upstream      string           `json:"upstream"`
	Model         string           `json:"model"`
	Rubric        string           `json:"rubric,omitempty"` // absent where it has instructions of its own
	Share         float64          `json:"share"`
	State         string           `json:"state"` // waiting, ok, failed, paused
	Detail        string           `json:"detail,omitempty"`
	Last          time.Time        `json:"last,omitzero"`
	LastError     string           `json:"last_error,omitempty"`
	LastErrorAt   time.Time        `json:"last_error_at,omitzero"`
	Sampled       int64            `json:"sampled"`
	Judged        int64            `json:"judged"`
	Failed        int64            `json:"failed"` // of judged: answers that it found bad
	Waiting       int              `json:"waiting"`
	SpentTodayUSD float64          `json:"spent_today_usd"`
	CapUSD        float64          `json:"cap_usd"`
	Unpriced      int64            `json:"unpriced_calls_today,omitempty"`
	Runs          map[string]int64 `json:"runs"` // by result: ok, failed, paused
}

// evaluators answers how rules and judges fare.
func (s *server) evaluators(r *http.Request) (any, error) {
	if err := newParams(r, s.Now()).check(); err != nil {
		return nil, err
	}
	out := EvaluatorsReport{Stored: "none"}
	if s.Evaluators != nil {
		out = s.Evaluators()
	}
	out.Rules, out.Judges = orEmpty(out.Rules), orEmpty(out.Judges)
	return out, nil
}
