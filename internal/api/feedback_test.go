package api

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pitot-dev/pitot/internal/events"
	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/pipeline"
)

func TestFeedback(t *testing.T) {
	a := newAPI(t)
	var stored []*events.Judgement
	a.events.judge = func(_ context.Context, js []*events.Judgement) error {
		for _, j := range js {
			j.ID, j.Time, j.Received = callID, now, now
		}
		stored = js
		return nil
	}
	w := wantOK(t, a.post("/api/pitot/v1/feedback", ` {"call_id":"`+strings.ToLower(callID)+`","trace_id":"8448EB211C80319C","span_id":"B7AD6B7169203331","score":0.5,"name":"helpful",
		"label":"good","comment":"你好","evaluator":"user","user":"u1","service":"checkout","response_id":"r","session_id":"s","key":"k","metadata":{"a":[1]}} `))
	want := &events.Feedback{
		ID: callID, Time: now, Received: now, CallID: callID, TraceID: "00000000000000008448eb211c80319c", SpanID: "b7ad6b7169203331", ResponseID: "r", SessionID: "s",
		Name: "helpful", Score: llm.Some(0.5), Label: "good", Comment: "你好", Evaluator: "user", Service: "checkout", User: "u1", Metadata: []byte(`{"a":[1]}`),
	}
	opt := cmp.Comparer(func(a, b llm.Opt[float64]) bool { return a == b })
	if len(stored) != 1 || stored[0].Key != "k" || stored[0].Space != "" || stored[0].Hasty {
		t.Fatalf("stored %+v", stored)
	}
	answered := decode[events.Feedback](t, w.Body.Bytes())
	for name, got := range map[string]*events.Feedback{"stored": &stored[0].Feedback, "answered": &answered} {
		if diff := cmp.Diff(want, got, opt); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestFeedbackThumbs(t *testing.T) {
	a := newAPI(t)
	a.events.full()
	f := func(body string, score float64, label string) {
		t.Helper()
		got := decode[events.Feedback](t, wantOK(t, a.post("/api/pitot/v1/feedback", body)).Body.Bytes())
		if v, ok := got.Score.Get(); !ok || v != score || got.Label != label {
			t.Errorf("%s: %v %q", body, got.Score, got.Label)
		}
	}
	f(`{"session_id":"s","thumb":"up"}`, 1, "thumbs_up")
	f(`{"session_id":"s","thumb":"down"}`, 0, "thumbs_down")
	f(`{"session_id":"s","thumb":"down","score":0.2,"label":"wrong"}`, 0.2, "wrong")
}

func TestFeedbackBatch(t *testing.T) {
	a := newAPI(t)
	a.events.full()
	w := wantOK(t, a.post("/api/pitot/v1/feedback", `[{"trace_id":"1","score":1},{"response_id":"x","thumb":"up","key":"k"}]`))
	got := decode[struct{ Feedback []events.Feedback }](t, w.Body.Bytes())
	if len(got.Feedback) != 2 || got.Feedback[1].Label != "thumbs_up" {
		t.Errorf("answered %+v", got)
	}
	for body, message := range map[string]string{
		`[]`:     "0 items",
		`[null]`: "feedback[0]: feedback names nothing",
		`[{"trace_id":"1","score":1},{"trace_id":"1"}]`: "feedback[1]: feedback says nothing",
		`[1]`: "wrong type",
		`[` + strings.Repeat(`{"trace_id":"1","score":1},`, 500) + `{"trace_id":"1","score":1}]`: "501 items",
	} {
		e := wantError(t, a.post("/api/pitot/v1/feedback", body), http.StatusBadRequest, CodeBadBody)
		if !strings.Contains(e.Message, message) {
			t.Errorf("%.80s: %q", body, e.Message)
		}
	}
	wantError(t, a.post("/api/pitot/v1/feedback", `[{"comment":"`+long(maxFeedbackBatch)+`"}]`), http.StatusRequestEntityTooLarge, CodeBadBody)
	a.events.judge = func(context.Context, []*events.Judgement) error {
		return &pipeline.OverloadError{Delay: time.Second, Err: pipeline.ErrQueueFull}
	}
	wantError(t, a.post("/api/pitot/v1/feedback", `{"trace_id":"1","score":1}`), http.StatusServiceUnavailable, CodeOverloaded)
}

func TestFeedbackList(t *testing.T) {
	a := newAPI(t)
	a.events.full()
	var asked events.FeedbackQuery
	a.events.feedbacks = func(_ context.Context, q events.FeedbackQuery) (events.FeedbackPage, error) {
		asked = q
		return events.FeedbackPage{Feedback: []events.Feedback{*fullFeedback()}, NextCursor: "next"}, nil
	}
	w := wantOK(t, a.get("/api/pitot/v1/feedback?start=-2h&service=checkout&model=gpt-4o&evaluator=judge&name=faithful&label=bad&max_score=0.5&min_score=0&user=u&session=s"+
		"&trace_id=1&call_id="+callID+"&response_id=r&feature=f&prompt_name=p&provider=openai&operation=chat&limit=5&query=score:>0&order=score"))
	want := events.FeedbackQuery{
		Range: events.Range{Start: now.Add(-2 * time.Hour), End: now}, Query: "score:>0", CallID: callID, TraceID: strings.Repeat("0", 31) + "1", ResponseID: "r", SessionID: "s",
		Service: "checkout", Provider: "openai", Model: "gpt-4o", Operation: "chat", Feature: "f", PromptName: "p", User: "u", Evaluator: "judge", Name: "faithful", Label: "bad",
		MinScore: llm.Some(0.0), MaxScore: llm.Some(0.5), Order: events.OrderWorst, Limit: 5,
	}
	if diff := cmp.Diff(want, asked, cmp.Comparer(func(a, b llm.Opt[float64]) bool { return a == b })); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	next := decode[events.FeedbackPage](t, w.Body.Bytes()).NextCursor
	wantOK(t, a.get("/api/pitot/v1/feedback?start=-2h&cursor="+next))
	if asked.Cursor != "next" || !asked.Start.Equal(now.Add(-2*time.Hour)) {
		t.Errorf("the next page: %+v", asked)
	}
	for _, q := range []string{"max_score=2", "min_score=x", "call_id=nope", "limit=0", "limit=1001", "nope=1", "cursor=nope", "trace_id=nope", "start=now", "order=worst"} {
		wantError(t, a.get("/api/pitot/v1/feedback?"+q), http.StatusBadRequest, CodeBadParameter)
	}
	a.events.feedbacks = func(context.Context, events.FeedbackQuery) (events.FeedbackPage, error) {
		return events.FeedbackPage{}, nil
	}
	if w := wantOK(t, a.get("/api/pitot/v1/feedback")); !strings.Contains(w.Body.String(), `{"feedback":[]}`) {
		t.Errorf("nothing is %s", w.Body)
	}
}

func TestFeedbackIsValidated(t *testing.T) {
	a := newAPI(t)
	for body, message := range map[string]string{
		``:                             "ends too early",
		`{`:                            "ends too early",
		`nonsense`:                     "invalid character",
		`null`:                         "names nothing",
		`"x"`:                          "wrong type",
		`{"score":1}`:                  "names nothing",
		`{"call_id":"` + callID + `"}`: "says nothing",
		`{"call_id":"` + callID + `","score":null}`:                                     "says nothing",
		`{"call_id":"` + callID + `","score":1.01}`:                                     "score: 1.01",
		`{"call_id":"` + callID + `","score":-0.1}`:                                     "score: -0.1",
		`{"call_id":"` + callID + `","score":"1"}`:                                      "wrong type: string",
		`{"call_id":"` + callID + `","score":1e999}`:                                    "number",
		`{"call_id":5,"score":1}`:                                                       "call_id has a value of the wrong type",
		`{"call_id":"nope","score":1}`:                                                  `call_id: "nope"`,
		`{"trace_id":"nope","score":1}`:                                                 `trace_id: "nope"`,
		`{"id":"x","call_id":"` + callID + `","score":1}`:                               `id: "x"`,
		`{"id":"` + callID + `","key":"k","call_id":"` + callID + `","score":1}`:        "both given",
		`{"call_id":"` + callID + `","thumb":"sideways"}`:                               `thumb: "sideways"`,
		`{"trace_id":"1","span_id":"nope","score":1}`:                                   `span_id: "nope"`,
		`{"trace_id":"1","score":1,"key":"` + long(257) + `"}`:                          "key has 257 bytes",
		`{"call_id":"` + callID + `","score":1,"stars":5}`:                              `unknown field "stars"`,
		`{"call_id":"` + callID + `","score":1} {}`:                                     "more than one",
		`{"call_id":"` + callID + `","score":1}]`:                                       "more than one",
		`{"call_id":"` + callID + `","time":"now","score":1}`:                           "parsing time",
		`{"call_id":"` + callID + `","label":"` + long(257) + `"}`:                      "label has 257 bytes",
		`{"response_id":"` + long(257) + `","label":"x"}`:                               "response_id has 257 bytes",
		`{"call_id":"` + callID + `","comment":"` + long(16385) + `"}`:                  "comment has 16385 bytes",
		`{"call_id":"` + callID + `","score":1,"metadata":[1]}`:                         "metadata",
		`{"call_id":"` + callID + `","score":1,"metadata":"x"}`:                         "metadata",
		`{"call_id":"` + callID + `","score":1,"metadata":{"a":"` + long(16385) + `"}}`: "metadata",
		"{\"call_id\":\"" + callID + "\",\"label\":\"\xff\"}":                           "not UTF-8",
	} {
		e := wantError(t, a.post("/api/pitot/v1/feedback", body), http.StatusBadRequest, CodeBadBody)
		if !strings.Contains(e.Message, message) {
			t.Errorf("%.80s: %q, want %q in it", body, e.Message, message)
		}
		if strings.Contains(e.Message, "Go ") || strings.Contains(e.Message, "json:") || strings.Contains(e.Message, "events.") {
			t.Errorf("%.80s: the message speaks of Go: %q", body, e.Message)
		}
	}
	wantError(t, a.post("/api/pitot/v1/feedback", `{"comment":"`+long(maxFeedbackBody)+`"}`), http.StatusRequestEntityTooLarge, CodeBadBody)
	wantError(t, a.post("/api/pitot/v1/feedback?x=1", `{}`), http.StatusBadRequest, CodeBadParameter)
}

func TestFeedbackBounds(t *testing.T) {
	a := newAPI(t)
	a.events.full()
	for _, body := range []string{
		`{"call_id":"` + callID + `","score":0}`, `{"trace_id":"1","score":1}`, `{"response_id":"x","label":"` + long(256) + `"}`,
		`{"response_id":"x","comment":"` + long(16384) + `"}`, `{"response_id":"x","score":1,"metadata":null}`, `{"response_id":"x","score":1,"time":"2026-11-21T10:00:00Z"}`,
	} {
		wantOK(t, a.post("/api/pitot/v1/feedback", body))
	}
	a.events.judge = func(context.Context, []*events.Judgement) error {
		return &events.QueryError{Param: "time", Message: "is outside of the retention"}
	}
	wantError(t, a.post("/api/pitot/v1/feedback", `{"response_id":"x","score":1}`), http.StatusBadRequest, CodeBadBody)
}
