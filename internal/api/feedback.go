package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/pitot-dev/pitot/internal/events"
	"github.com/pitot-dev/pitot/internal/llm"
)

const (
	maxFeedbackBody  = 64 << 10
	maxFeedbackBatch = 1 << 20
	maxFeedbackItems = 500
	// maxFeedbackName bounds what becomes a label or a dimension.
	maxFeedbackName = 256
	feedbackForm    = `send {"call_id" or "trace_id" or "response_id" or "session_id", "score": 0 to 1 or "thumb": "up" or "down" or "label", "key", "name", "comment", "evaluator", "user"}, or an array of these`
)

// feedbackInput is a judgement as it comes in.
type feedbackInput struct {
	events.Feedback
	Thumb string `json:"thumb"`
	Key   string `json:"key"`
}

// feedbackID is all that a page of another origin is told: its key is for
// writing alone.
type feedbackID struct {
	ID string `json:"id"`
}

// feedback stores one judgement, or an array of them.
func (s *server) feedback(r *http.Request) (any, error) {
	if err := newParams(r, s.Now()).check(); err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxFeedbackBatch+1))
	if err != nil {
		return nil, badBody("the body cannot be read: "+err.Error(), "send one JSON object, or an array")
	}
	js, batch, err := parseFeedback(body)
	if err != nil {
		return nil, err
	}
	visitor := visitorOf(r.Context())
	if visitor != nil {
		if err := visitor.admit(js); err != nil {
			return nil, err
		}
	}
	if s.Judge == nil {
		return nil, &Error{http.StatusServiceUnavailable, CodeStoreDown, "this server takes no feedback", "start it with an event store"}
	}
	if err := s.Judge(r.Context(), js); err != nil {
		if q, ok := errors.AsType[*events.QueryError](err); ok && inBody(q.Param) {
			return nil, badBody("feedback: "+q.Error(), feedbackForm)
		}
		return nil, err
	}
	out := make([]any, len(js))
	for i, j := range js {
		out[i] = &j.Feedback
		if visitor != nil {
			out[i] = feedbackID{j.ID}
		}
	}
	if batch {
		return map[string]any{"feedback": out}, nil
	}
	return out[0], nil
}

// inBody says whether a fault that the store found is one of the body.
func inBody(param string) bool {
	_, field, indexed := strings.Cut(param, "].")
	if !indexed {
		field = param
	}
	return slices.Contains([]string{"call_id", "score", "metadata", "time"}, field)
}

// parseFeedback reads and checks judgements.
func parseFeedback(body []byte) (js []*events.Judgement, batch bool, err error) {
	body = bytes.TrimLeft(body, " \t\r\n")
	batch = len(body) > 0 && body[0] == '['
	switch {
	case !batch && len(body) > maxFeedbackBody:
		return nil, false, &Error{http.StatusRequestEntityTooLarge, CodeBadBody, "the body is over 64 KiB", "send one JSON object; a comment may have 16 KiB"}
	case len(body) > maxFeedbackBatch:
		return nil, false, &Error{http.StatusRequestEntityTooLarge, CodeBadBody, "the body is over 1 MiB", "send fewer judgements at once"}
	case !utf8.Valid(body):
		return nil, false, badBody("feedback: not UTF-8", feedbackForm)
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	var in []*feedbackInput
	if batch {
		err = dec.Decode(&in)
	} else {
		in = []*feedbackInput{new(feedbackInput)}
		err = dec.Decode(in[0])
	}
	if err != nil {
		return nil, false, badBody("feedback: "+jsonFault(err), feedbackForm)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, false, badBody("feedback: there is more than one JSON value", "send one JSON object a request, or an array of them")
	}
	if len(in) == 0 || len(in) > maxFeedbackItems {
		return nil, false, badBody(fmt.Sprintf("feedback: the array has %d items", len(in)), fmt.Sprintf("allowed: 1 to %d", maxFeedbackItems))
	}
	for i, f := range in {
		if f == nil {
			f = new(feedbackInput)
		}
		if err := f.check(); err != nil {
			if batch {
				err.Message = fmt.Sprintf("feedback[%d]: %s", i, err.Message)
			}
			return nil, false, err
		}
		js = append(js, &events.Judgement{Feedback: f.Feedback, Key: f.Key})
	}
	return js, batch, nil
}

func (f *feedbackInput) check() *Error {
	if string(f.Metadata) == "null" {
		f.Metadata = nil
	}
	if f.CallID == "" && f.TraceID == "" && f.ResponseID == "" && f.SessionID == "" {
		return badBody("feedback names nothing", "set call_id, trace_id, response_id or session_id")
	}
	if err := f.thumb(); err != nil {
		return err
	}
	score, scored := f.Score.Get()
	if !scored && f.Label == "" && f.Comment == "" {
		return badBody("feedback says nothing", "set score, thumb, label or comment")
	}
	if scored && (score < 0 || score > 1) {
		return badBody(fmt.Sprintf("score: %v is not valid", score), "allowed: 0 to 1")
	}
	if f.ID != "" && f.Key != "" {
		return badBody("id and key are both given", "send one of them: they do the same")
	}
	for _, id := range []struct {
		name  string
		value *string
		parse func(string) (string, bool)
		form  string
	}{
		{"id", &f.ID, parseCallID, "26 letters and digits of a ULID, or leave it out; key takes any text"},
		{"call_id", &f.CallID, parseCallID, callIDForm},
		{"trace_id", &f.TraceID, parseTraceID, traceIDForm},
		{"span_id", &f.SpanID, parseSpanID, "the id of a span: 16 hex digits"},
	} {
		if *id.value == "" {
			continue
		}
		parsed, ok := id.parse(*id.value)
		if !ok {
			return badBody(fmt.Sprintf("%s: %q is not valid", id.name, cut(*id.value)), "allowed: "+id.form)
		}
		*id.value = parsed
	}
	for name, value := range map[string]string{
		"response_id": f.ResponseID, "session_id": f.SessionID, "key": f.Key, "name": f.Name, "label": f.Label, "evaluator": f.Evaluator, "user": f.User,
		"service": f.Service, "provider": f.Provider, "model": f.Model, "operation": string(f.Operation), "feature": f.Feature,
		"prompt_name": f.PromptName, "prompt_version": f.PromptVersion,
	} {
		if len(value) > maxFeedbackName {
			return badBody(fmt.Sprintf("%s has %d bytes", name, len(value)), fmt.Sprintf("allowed: %d; longer text goes into comment", maxFeedbackName))
		}
	}
	if len(f.Comment) > events.MaxComment {
		return badBody(fmt.Sprintf("comment has %d bytes", len(f.Comment)), fmt.Sprintf("allowed: %d", events.MaxComment))
	}
	if len(f.Metadata) > 0 && (f.Metadata[0] != '{' || len(f.Metadata) > events.MaxComment) {
		return badBody("metadata is not valid", fmt.Sprintf("allowed: a JSON object of at most %d bytes", events.MaxComment))
	}
	return nil
}

// thumb turns the plainest judgement into a score and a label, the same as those
// of the SDKs.
func (f *feedbackInput) thumb() *Error {
	label, score := "", 0.0
	switch f.Thumb {
	case "":
		return nil
	case "up":
		label, score = "thumbs_up", 1
	case "down":
		label, score = "thumbs_down", 0
	default:
		return badBody(fmt.Sprintf("thumb: %q is not valid", cut(f.Thumb)), `allowed: "up", "down"`)
	}
	if !f.Score.Known() {
		f.Score = llm.Some(score)
	}
	if f.Label == "" {
		f.Label = label
	}
	return nil
}

// parseSpanID returns the form in which span ids are stored.
func parseSpanID(s string) (string, bool) {
	if len(s) > 16 || strings.Trim(s, "0123456789abcdefABCDEF") != "" {
		return "", false
	}
	return strings.Repeat("0", 16-len(s)) + strings.ToLower(s), true
}

// feedbackList answers a page of judgements.
func (s *server) feedbackList(r *http.Request) (any, error) {
	p := newParams(r, s.Now())
	q := events.FeedbackQuery{
		Query: p.get("query"), TraceID: p.traceID("trace_id"), ResponseID: p.get("response_id"), SessionID: p.get("session"),
		Service: p.get("service"), Provider: p.get("provider"), Model: p.get("model"), Operation: p.get("operation"), Feature: p.get("feature"),
		PromptName: p.get("prompt_name"), User: p.get("user"), Evaluator: p.get("evaluator"), Name: p.get("name"), Label: p.get("label"),
		MinScore: p.score("min_score"), MaxScore: p.score("max_score"),
		Order: p.oneOf("order", events.OrderNewest, events.OrderWorst, events.OrderBest), Limit: p.count("limit", events.DefaultLimit, maxPageLimit),
	}
	if id := p.get("call_id"); id != "" {
		parsed, ok := parseCallID(id)
		if !ok {
			p.fail(badParameter("call_id", id, callIDForm))
		}
		q.CallID = parsed
	}
	q.Start, q.End = p.timeRange(day)
	p.page(&q.Range, &q.Cursor)
	if err := p.check(); err != nil {
		return nil, err
	}
	page, err := s.Events.Feedbacks(r.Context(), q)
	if err != nil {
		return nil, err
	}
	page.Feedback = orEmpty(page.Feedback)
	if page.NextCursor != "" {
		page.NextCursor = cursor{q.Start, q.End, page.NextCursor}.String()
	}
	return page, nil
}

// score reads a number from 0 to 1.
func (p *params) score(name string) llm.Opt[float64] {
	s := p.get(name)
	if s == "" {
		return llm.Opt[float64]{}
	}
	v, ok := parseDecimal(s)
	if !ok || v > 1 {
		p.fail(badParameter(name, s, "a number from 0 to 1"))
		return llm.Opt[float64]{}
	}
	return llm.Some(v)
}

// jsonFault says what is wrong with JSON in words of JSON, not of Go.
func jsonFault(err error) string {
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		what := "a value of the wrong type: " + wrong.Value
		if wrong.Field != "" {
			what = wrong.Field + " has a value of the wrong type: " + wrong.Value
		}
		return what
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "the JSON ends too early"
	}
	return strings.TrimPrefix(err.Error(), "json: ")
}
