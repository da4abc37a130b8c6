package pitottest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/pitot-dev/pitot"
	"github.com/pitot-dev/pitot/pitottest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// ask makes one chat completion and reads the answer to its end.
func ask(ctx context.Context, t *testing.T, p *pitottest.Providers, body string, header ...string) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.URL("openai")+"/chat/completions", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	base := &http.Transport{}
	defer base.CloseIdleConnections()
	client := &http.Client{Transport: pitot.Transport(base)}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Log(err)
	}
}

const chat = `{"model":"gpt-4o-mini","messages":[{"role":"user","content":"hi"}]}`

func TestRecorderSeesWhatPitotWillSee(t *testing.T) {
	models := pitottest.NewProviders(t)
	rec := pitottest.Start(t)
	ctx := pitot.With(t.Context(), pitot.User("u1"), pitot.Session("s1"), pitot.Feature("search"))
	_, err := pitot.Workflow(ctx, "answer", func(ctx context.Context) (string, error) {
		if _, err := pitot.Retrieve(ctx, "docs", func(context.Context) ([]string, error) { return []string{"a"}, nil }); err != nil {
			return "", err
		}
		return pitot.Agent(ctx, "planner", func(ctx context.Context) (string, error) {
			ask(ctx, t, models, chat, "X-Fake-Text", "hello", "X-Fake-Usage", "input=7,output=8,cache_read=1")
			_, err := pitot.Tool(ctx, "search", func(context.Context) (int, error) { return 0, errors.New("no network") })
			return "done", err
		})
	})
	if err == nil {
		t.Error("the tool's error is lost")
	}
	rec.WantTree(`
		workflow answer: error
		  retrieval docs
		  agent planner: error
		    chat gpt-4o-mini
		    tool search: error
	`)
	c := rec.Call(0)
	if c.Failed || c.Provider == "" || c.Usage.InputTokens != 7 || c.Usage.OutputTokens != 8 || c.Usage.CacheReadTokens != 1 || !c.UsageKnown {
		t.Errorf("call: %+v", c)
	}
	if c.Input != "user: hi" || c.Output != "assistant: hello" || c.User != "u1" || c.Session != "s1" || c.Feature != "search" || c.Agent != "planner" {
		t.Errorf("call: %+v", c)
	}
	if s := rec.Span("search"); s.Kind != "tool" || !s.Failed || s.ErrorMessage != "no network" || s.User != "u1" {
		t.Errorf("tool: %+v", s)
	}
	if a := models.Answers(); len(a) != 1 || a[0].Text != "hello" || a[0].ResponseID != c.ResponseID || a[0].OutputTokens != 8 {
		t.Errorf("answers: %+v", a)
	}
	if m := rec.Metrics(); !strings.Contains(m, "llm_requests_total{") {
		t.Errorf("metrics:\n%s", m)
	}

	rec.Reset()
	if n := len(rec.Calls()) + len(rec.Spans()); n != 0 {
		t.Errorf("%d records after Reset", n)
	}
	ask(t.Context(), t, models, `{"model":"any-model","stream":true,"messages":[]}`, "X-Fake-Chunks", "4")
	if c := rec.WaitCalls(1)[0]; !c.Stream || c.TTFT == 0 || c.Chunks < 4 || c.RequestModel != "any-model" {
		t.Errorf("stream: %+v", c)
	}
}

func TestProvidersFailAsAsked(t *testing.T) {
	models := pitottest.NewProviders(t)
	rec := pitottest.Start(t)
	ask(t.Context(), t, models, chat, "X-Fake-Status", "429")
	ask(t.Context(), t, models, `{"model":"gpt-4o-mini","stream":true,"messages":[]}`, "X-Fake-Chunks", "9", "X-Fake-Cut-After", "3")
	calls := rec.WaitCalls(2)
	if !calls[0].Failed || calls[0].HTTPStatus != 429 || calls[0].ErrorType == "" {
		t.Errorf("refused: %+v", calls[0])
	}
	if !calls[1].Failed || calls[1].HTTPStatus != 200 {
		t.Errorf("cut: %+v", calls[1])
	}
	rec.WantTree("chat gpt-4o-mini: error rate_limit_exceeded\n...")
}

func TestFeedbackIsALog(t *testing.T) {
	models := pitottest.NewProviders(t)
	rec := pitottest.Start(t)
	ask(t.Context(), t, models, chat)
	if err := pitot.Score(t.Context(), pitot.Evaluation{Name: "helpful", Value: 0.5, ResponseID: rec.Call(0).ResponseID}); err != nil {
		t.Fatal(err)
	}
	logs := rec.Logs()
	if len(logs) != 1 || logs[0].Event != "gen_ai.evaluation.result" || logs[0].Attributes["gen_ai.evaluation.name"] != "helpful" {
		t.Errorf("%+v", logs)
	}
}

// recording is a testing.TB that keeps what is said of a tree.
type recording struct {
	testing.TB
	failed bool
}

func (r *recording) Errorf(string, ...any) { r.failed = true }
func (r *recording) Helper()               {}

func TestWantTreeFails(t *testing.T) {
	tb := &recording{TB: t}
	rec := pitottest.Start(tb)
	for _, name := range []string{"a", "b", "c"} {
		_, _ = pitot.Task(t.Context(), name, func(context.Context) (int, error) { return 0, nil })
	}
	for want, ok := range map[string]bool{
		"task a\ntask b\ntask c": true, "...": true, "task a\n...": true, "...\ntask c": true, "task a\n...\ntask c\n...": true, "\t\ttask a\n\t\ttask b\n\t\ttask c\n": true,
		"": false, "task a": false, "task a\ntask c": false, "task a\n  task b\ntask c": false, "...\ntask b": false, "task b\n...": false,
	} {
		tb.failed = false
		rec.WantTree(want)
		if tb.failed == ok {
			t.Errorf("%q: failed %v", want, tb.failed)
		}
	}
}
