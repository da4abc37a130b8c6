package api

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pitot-dev/pitot/internal/events"
	"github.com/pitot-dev/pitot/internal/llm"
)

func TestFeedback(t *testing.T) {
	var stored, told *events.Feedback
	a := newAPI(t, func(o *Options) { o.Feedback = func(f *events.Feedback) { told = f } })
	a.events.insertFeedback = func(_ context.Context, f *events.Feedback) error {
		f.ID, f.Time = callID, now
		stored = f
		return nil
	}
	w := wantOK(t, a.post("/api/pitot/v1/feedback", ` {"call_id":"`+strings.ToLower(callID)+`","trace_id":"8448EB211C80319C","score":0.5,"name":"helpful",
		"label":"good","comment":"你好","evaluator":"user","user":"u1","service":"checkout","response_id":"r","metadata":{"a":[1]}} `))
	want := &events.Feedback{
		ID: callID, Time: now, CallID: callID, TraceID: "00000000000000008448eb211c80319c", ResponseID: "r", Name: "helpful", Score: llm.Some(0.5),
		Label: "good", Comment: "你好", Evaluator: "user", Service: "checkout", User: "u1", Metadata: []byte(`{"a":[1]}`),
	}
	opt := cmp.Comparer(func(a, b llm.Opt[float64]) bool { return a == b })
	for name, got := range map[string]*events.Feedback{"stored": stored, "told the metrics": told} {
		if diff := cmp.Diff(want, got, opt); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	answered := decode[events.Feedback](t, w.Body.Bytes())
	if diff := cmp.Diff(want, &answered, opt); diff != "" {
		t.Errorf("answered (-want +got):\n%s", diff)
	}
}

func TestFeedbackIsValidated(t *testing.T) {
	a := newAPI(t, func(o *Options) { o.Feedback = func(*events.Feedback) { t.Error("the metrics were told") } })
	for body, message := range map[string]string{
		``:                             "ends too early",
		`{`:                            "ends too early",
		`nonsense`:                     "invalid character",
		`null`:                         "names nothing",
		`[]`:                           "wrong type",
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
	a.events.insertFeedback = func(context.Context, *events.Feedback) error {
		return &events.RejectedError{Rows: 1, Reason: "outside_retention"}
	}
	wantError(t, a.post("/api/pitot/v1/feedback", `{"response_id":"x","score":1}`), http.StatusBadRequest, CodeBadBody)
}
