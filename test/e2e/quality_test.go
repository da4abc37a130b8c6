//go:build linux

package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pitot-dev/pitot/internal/testkit"
	"github.com/pitot-dev/pitot/internal/testkit/provider"
)

// judgement is Feedback as the API documents it.
type judgement struct {
	ID        string    `json:"id"`
	Time      time.Time `json:"time"`
	Received  time.Time `json:"received"`
	CallID    string    `json:"call_id"`
	Service   string    `json:"service"`
	Model     string    `json:"model"`
	Name      string    `json:"name"`
	Score     *float64  `json:"score"`
	Label     string    `json:"label"`
	Comment   string    `json:"comment"`
	Evaluator string    `json:"evaluator"`
}

func (s *server) feedback(q url.Values) []judgement {
	s.tb.Helper()
	var page struct{ Feedback []judgement }
	s.getJSON("/api/pitot/v1/feedback", q, &page)
	return page.Feedback
}

func (s *server) judge(body string, headers ...string) (int, string) {
	s.tb.Helper()
	status, b, err := s.try(http.MethodPost, s.api+"/api/pitot/v1/feedback", strings.NewReader(body), append(headers, "Content-Type", "application/json")...)
	if err != nil {
		s.tb.Fatal(err)
	}
	return status, string(b)
}

// TestFeedbackSurvivesAKill judges, kills the server and its engine at the
// answer, and judges the same once more.
func TestFeedbackSurvivesAKill(t *testing.T) {
	t.Parallel()
	up := simulate(t, provider.Config{Pace: provider.NoPace})
	o := setup{config: upstreamConfig(up.url), data: filepath.Join(t.TempDir(), "data")}
	s := serve(t, o).ready()
	s.post("/openai/v1/chat/completions", `{"model":"gpt-4o-mini",`+chatMessages+`}`, "X-Pitot-Service", "shop", "X-Pitot-Session", "s-1", "X-Fake-Status", "200", "X-Fake-Tool", "none")
	c := s.waitCalls(1, url.Values{"service": {"shop"}})[0]

	const n = 20
	send := func(s *server, thumb string) {
		t.Helper()
		for i := range n {
			if status, body := s.judge(fmt.Sprintf(`{"response_id":%q,"thumb":%q,"key":"button-%d"}`, c.ResponseID, thumb, i)); status != http.StatusOK || !strings.Contains(body, c.ID) {
				t.Fatalf("%d %s", status, body)
			}
		}
	}
	send(s, "up")
	s.waitPromQL(`sum(llm_feedback_total{service="shop",model="gpt-4o-mini",evaluator="user",label="thumbs_up"})`, n)
	engine := enginePID(t, s)
	if engine != 0 {
		killEngine(t, s)
	}
	killServer(t, s)

	s = serve(t, o).ready()
	testkit.Eventually(t, "all judgements are there", func() bool { return len(s.feedback(url.Values{"service": {"shop"}, "evaluator": {"user"}})) == n })
	for _, j := range s.feedback(url.Values{"service": {"shop"}, "evaluator": {"user"}}) {
		if j.CallID != c.ID || !j.Time.Equal(c.Time) || j.Received.Before(c.Time) || j.Model != "gpt-4o-mini" || j.Score == nil || *j.Score != 1 {
			t.Errorf("%+v", j)
		}
	}
	// The same keys again: nothing new, and nothing counted; then a change of mind.
	send(s, "up")
	send(s, "down")
	testkit.Eventually(t, "all are changed", func() bool { return len(s.feedback(url.Values{"service": {"shop"}, "label": {"thumbs_down"}})) == n })
	if got := s.feedback(url.Values{"service": {"shop"}, "evaluator": {"user"}}); len(got) != n {
		t.Errorf("%d judgements of %d keys", len(got), n)
	}
	if v, found := s.promQL(`sum(increase(llm_feedback_total{service="shop",evaluator="user"}[10m])) - sum(llm_feedback_total{service="shop",evaluator="user"})`); found && v > 1.5*n {
		// increase() extrapolates a little past what was counted; counted again it would be twice as much.
		t.Errorf("counted again after the restart: %v", v)
	}
	s.stop()
}

// TestQualityOfAnswers has answers judged by a rule and by a judge, which is a
// model behind the gateway, too.
func TestQualityOfAnswers(t *testing.T) {
	t.Parallel()
	up := simulate(t, provider.Config{Pace: provider.NoPace})
	key := "page-" + strings.Repeat("x", 20)
	s := serve(t, setup{config: upstreamConfig(up.url) + `
quality:
  judges:
    - {name: helpful, upstream: deepseek, model: deepseek-chat, share: 1, services: [shop], headers: {X-Fake-Text: '{"reason":"fits","score":4}', X-Fake-Status: "200"}}
  feedback: {allowed_origins: [https://shop.example], keys: [` + key + `]}
`}).ready()
	ask := func(session, answer string) call {
		t.Helper()
		s.post("/openai/v1/chat/completions", `{"model":"gpt-4o-mini",`+chatMessages+`}`, "X-Pitot-Service", "shop", "X-Pitot-Session", session,
			"X-Fake-Text", url.PathEscape(answer), "X-Fake-Status", "200", "X-Fake-Tool", "none")
		return s.waitCalls(1, url.Values{"session": {session}})[0]
	}
	refused := ask("refused", "I'm sorry, but I can't help with that request.")
	fine := ask("fine", "The meeting is at three o'clock in the large room.")
	testkit.Eventually(t, "the refusal is found", func() bool {
		got := s.feedback(url.Values{"evaluator": {"refusal"}})
		return len(got) == 1 && got[0].CallID == refused.ID && got[0].Label == "refused" && got[0].Model == "gpt-4o-mini" && got[0].Service == "shop"
	})
	testkit.Eventually(t, "the judge has judged both", func() bool { return len(s.feedback(url.Values{"evaluator": {"helpful"}, "service": {"shop"}})) == 2 })
	for _, j := range s.feedback(url.Values{"call_id": {fine.ID}}) {
		if j.Evaluator != "helpful" || j.Score == nil || *j.Score != 0.75 || j.Comment != "fits" {
			t.Errorf("%+v", j)
		}
	}
	s.waitPromQL(`sum(llm_response_quality_score_count{evaluator="refusal",service="shop"})`, 2)
	s.waitPromQL(`sum(llm_response_quality_score_count{evaluator="helpful",service="shop",model="gpt-4o-mini"})`, 2)
	s.waitPromQL(`sum(llm_feedback_total{evaluator="refusal",label="refused"})`, 1)
	// The judge's calls are calls like any other, and are not judged.
	judges := s.waitCalls(2, url.Values{"service": {"pitot-judge"}})
	if judges[0].Tags["evaluator"] != "helpful" || judges[0].Cost.USD == nil {
		t.Errorf("the judge's call: %+v", judges[0])
	}
	if got := s.feedback(url.Values{"service": {"pitot-judge"}}); len(got) != 0 {
		t.Errorf("the judge is judged: %+v", got)
	}

	// A page of the shop.
	page := []string{"Origin", "https://shop.example", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "cors"}
	body := fmt.Sprintf(`{"response_id":%q,"thumb":"down","key":"m1"}`, fine.ResponseID)
	if status, b := s.judge(body, page...); status != http.StatusUnauthorized {
		t.Errorf("without a key: %d %s", status, b)
	}
	if status, b := s.judge(body, append(page, "X-Pitot-Feedback-Key", key)...); status != http.StatusOK || strings.Contains(b, fine.ID) {
		t.Errorf("with a key: %d %s", status, b)
	}
	if status, _, _ := s.try(http.MethodGet, s.api+"/api/pitot/v1/calls", nil, append(page, "X-Pitot-Feedback-Key", key)...); status != http.StatusForbidden {
		t.Errorf("the key reads calls: %d", status)
	}
	testkit.Eventually(t, "the thumb is stored", func() bool { return len(s.feedback(url.Values{"call_id": {fine.ID}, "label": {"thumbs_down"}})) == 1 })
	s.stop()
}
