package traffic

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/pitot-dev/pitot/internal/llm"
)

// Opinion is what somebody, or an evaluator, thinks of an answer.
type Opinion struct {
	Call  *Call
	After time.Duration // since the answer
	// Session says that it is of the conversation as a whole.
	Session   bool
	Evaluator string
	Name      string
	Label     string
	Score     llm.Opt[float64]
	Comment   string
}

// judge plans what is said of a task's answers.
func (p *planner) judge(a *app, t *Task) {
	calls := t.Calls()
	last := calls[len(calls)-1]
	if last.Status != 0 || last.CutAfter > 0 || last.LeaveAfter > 0 {
		return
	}
	bad := p.regression(t)
	good := 0.86
	if t.PromptVersion == a.versions[len(a.versions)-1] && len(a.versions) > 1 {
		good = 0.89 // what is rolled out is a little better
	}
	if bad {
		good = 0.5
	}
	if last.Duration() > 15*time.Second { // nobody likes to wait
		good -= 0.15
	}
	switch a.writing {
	case writeTalk:
		p.thumb(t, last, good, 0.09, bad)
		p.score(t, last, "helpfulness", good, 0.16)
		if p.r.Float64() < 0.02 {
			stars := float64(1 + poisson(p.r, 4*good))
			t.Opinions = append(t.Opinions, Opinion{Call: last, Session: true, After: p.later(), Evaluator: "user", Name: "csat", Score: llm.Some(math.Min(stars, 5) / 5)})
		}
	case writeKnowledge:
		p.thumb(t, last, good, 0.03, bad)
		if last.Model.reasoning > 0 {
			good += 0.06
		}
		p.score(t, last, "faithfulness", good, 0.2)
	case writeResearch:
		p.score(t, last, "correctness", good-0.06, 0.4)
	case writeCode:
		if p.r.Float64() < 0.12 {
			o := Opinion{Call: last, After: p.later() / 8, Evaluator: "editor", Name: "completion", Label: "accepted"}
			if p.r.Float64() > 0.42 { // no score: most completions are not taken, and nothing is wrong with that
				o.Label = "rejected"
			}
			t.Opinions = append(t.Opinions, o)
		}
	case writeTranslation:
		p.score(t, last, "fluency", good+0.05, 0.15)
	case writeProse, writeLabel, writeLab, writeReport, writeIndex: // nobody says anything
	}
}

// regression says whether the version of the task's prompt is a bad one now.
func (p *planner) regression(t *Task) bool {
	for i := range p.g.cfg.Incidents {
		in := &p.g.cfg.Incidents[i]
		if in.Prompt == "" || in.Prompt != t.Prompt || in.Version != t.PromptVersion {
			continue
		}
		if _, on := in.at(p.g.clock(t.At)); on {
			return true
		}
	}
	return false
}

func (p *planner) later() time.Duration { return p.ms(9000) + 2*time.Second }

// thumb is what a user says, now and then.
func (p *planner) thumb(t *Task, c *Call, good, share float64, regression bool) {
	if p.r.Float64() >= share {
		return
	}
	o := Opinion{Call: c, After: p.later(), Evaluator: "user", Name: "helpful", Label: "thumbs_up", Score: llm.Some(1.0)}
	up := p.r.Float64() < good
	if !up {
		o.Label, o.Score = "thumbs_down", llm.Some(0.0)
	}
	if p.r.Float64() < 0.45 || !up && p.r.Float64() < 0.5 {
		list := comments(up, c.Chinese, regression)
		o.Comment = list[p.r.IntN(len(list))]
	}
	t.Opinions = append(t.Opinions, o)
}

// score is what an evaluator gives.
func (p *planner) score(t *Task, c *Call, evaluator string, mean, share float64) {
	if p.r.Float64() >= share {
		return
	}
	v := math.Round(20*math.Max(0, math.Min(1, mean+0.12*p.r.NormFloat64()))) / 20
	o := Opinion{Call: c, After: p.later(), Evaluator: evaluator, Name: evaluator, Score: llm.Some(v)}
	if evaluator == "faithfulness" {
		o.Label = "grounded"
		if v < 0.6 {
			o.Label, o.Comment = "hallucination", "A statement is not supported by the retrieved documents."
		}
	}
	t.Opinions = append(t.Opinions, o)
}

// comments are what users write, by what they think.
func comments(up, chinese, regression bool) []string {
	switch {
	case up && chinese:
		return []string{"很快就解决了，谢谢！", "说得很清楚。", "比打电话方便多了", "👍", "步骤很详细，一次就成功了。"}
	case up:
		return []string{"Solved in one go, thanks!", "Clear and quick.", "Better than the hotline.", "👍", "The table made it obvious.", "Exactly what I needed."}
	case regression && chinese:
		return []string{"太啰嗦了，没有回答我的问题。", "答非所问，前几天还好好的", "一直重复同样的话", "承诺了退款，客服却说没有这回事"}
	case regression:
		return []string{"Far too long and it still does not answer my question.", "It was better last week. Now it just repeats itself.", "It promised a refund that support knows nothing about.", "It ignored my order number."}
	case chinese:
		return []string{"没有解决问题", "等了太久", "物流信息不对", "还是要转人工"}
	}
	return []string{"Did not help.", "I had to wait too long.", "The tracking information was wrong.", "I still had to call.", "Wrong language."}
}

// feedback is an opinion as it is stored: of a call that began and ended so. It
// has no id.
func (o *Opinion) feedback(t *Task, began, ended time.Time) *llm.Feedback {
	f := &llm.Feedback{
		Time: began.UTC(), Received: ended.Add(o.After).UTC(),
		Name: o.Name, Evaluator: o.Evaluator, Label: o.Label, Score: o.Score, Comment: o.Comment,
		Service: t.Service, Feature: t.Feature, PromptName: t.Prompt, PromptVersion: t.PromptVersion,
	}
	if o.Evaluator == "user" {
		f.User = t.User
	}
	if o.Session {
		f.SessionID = t.Session
	}
	return f
}

// newULID draws an id as of a moment.
func newULID(r *rand.Rand, t time.Time) (string, error) {
	var u ulid.ULID
	binary.BigEndian.PutUint64(u[8:], r.Uint64())
	binary.BigEndian.PutUint16(u[6:], uint16(r.Uint32()))
	err := u.SetTime(ulid.Timestamp(t)) // fails past the year 10889
	return u.String(), err
}
