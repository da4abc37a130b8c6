package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/pitot-dev/pitot/internal/events"
)

const (
	maxFeedbackBody = 64 << 10
	// maxFeedbackName bounds what becomes a label or a dimension.
	maxFeedbackName = 256
	feedbackForm    = `send {"call_id" or "trace_id" or "response_id", "score": 0 to 1 or "label", "name", "comment", "evaluator", "user"}`
)

// feedback stores a judgement.
func (s *server) feedback(r *http.Request) (any, error) {
	if err := newParams(r, s.Now()).check(); err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxFeedbackBody+1))
	if err != nil {
		return nil, badBody("the body cannot be read: "+err.Error(), "send one JSON object")
	}
	if len(body) > maxFeedbackBody {
		return nil, &Error{http.StatusRequestEntityTooLarge, CodeBadBody, "the body is over 64 KiB", "send one JSON object; a comment may have 16 KiB"}
	}
	f, err := parseFeedback(body)
	if err != nil {
		return nil, err
	}
	if err := s.Events.InsertFeedback(r.Context(), f); err != nil {
		if rejected, ok := errors.AsType[*events.RejectedError](err); ok {
			return nil, badBody("feedback: "+rejected.Error(), "set time within the retention, or leave it out")
		}
		return nil, err
	}
	if s.Feedback != nil {
		s.Feedback(f)
	}
	return f, nil
}

// parseFeedback reads and checks a judgement.
func parseFeedback(body []byte) (*events.Feedback, error) {
	if !utf8.Valid(body) {
		return nil, badBody("feedback: not UTF-8", feedbackForm)
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	f := new(events.Feedback)
	if err := dec.Decode(f); err != nil {
		return nil, badBody("feedback: "+jsonFault(err), feedbackForm)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, badBody("feedback: there is more than one JSON value", "send one JSON object a request")
	}
	if err := checkFeedback(f); err != nil {
		return nil, err
	}
	return f, nil
}

func checkFeedback(f *events.Feedback) error {
	if string(f.Metadata) == "null" {
		f.Metadata = nil
	}
	if f.CallID == "" && f.TraceID == "" && f.ResponseID == "" {
		return badBody("feedback names nothing", "set call_id, trace_id or response_id")
	}
	score, scored := f.Score.Get()
	if !scored && f.Label == "" && f.Comment == "" {
		return badBody("feedback says nothing", "set score, label or comment")
	}
	if scored && (score < 0 || score > 1) {
		return badBody(fmt.Sprintf("score: %v is not valid", score), "allowed: 0 to 1")
	}
	for _, id := range []struct {
		name  string
		value *string
		parse func(string) (string, bool)
		form  string
	}{
		{"id", &f.ID, parseCallID, "26 letters and digits of a ULID, or leave it out"},
		{"call_id", &f.CallID, parseCallID, callIDForm},
		{"trace_id", &f.TraceID, parseTraceID, traceIDForm},
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
		"response_id": f.ResponseID, "name": f.Name, "label": f.Label, "evaluator": f.Evaluator, "service": f.Service, "user": f.User,
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
