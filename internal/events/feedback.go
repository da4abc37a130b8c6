package events

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strings"

	"github.com/oklog/ulid/v2"
)

// InsertFeedback stores a judgement. It sets ID and Time where they are zero,
// and returns a *QueryError where the judgement says nothing or of nothing.
func (s *Store) InsertFeedback(ctx context.Context, f *Feedback) error {
	if f.CallID == "" && f.TraceID == "" && f.ResponseID == "" {
		return &QueryError{Param: "call_id", Message: "one of call_id, trace_id and response_id must be given"}
	}
	score, scored := f.Score.Get()
	if scored && (math.IsNaN(score) || score < 0 || score > 1) {
		return &QueryError{Param: "score", Message: "must be between 0 and 1"}
	}
	if !scored && f.Label == "" && f.Comment == "" {
		return &QueryError{Param: "score", Message: "one of score, label and comment must be given"}
	}
	if len(f.Metadata) > 0 && (!json.Valid(f.Metadata) || f.Metadata[0] != '{' || len(f.Metadata) > MaxComment) {
		return &QueryError{Param: "metadata", Message: fmt.Sprintf("must be a JSON object of at most %d bytes", MaxComment)}
	}
	if f.Time.IsZero() {
		f.Time = s.now()
	}
	f.Time = f.Time.UTC()
	if !s.Accepts(f.Time) {
		return &QueryError{Param: "time", Message: "is outside of the retention"}
	}
	if f.ID == "" {
		f.ID = ulid.MustNew(ulid.Timestamp(f.Time), ulid.DefaultEntropy()).String()
	}
	f.Comment = strings.ToValidUTF8(f.Comment[:min(len(f.Comment), MaxComment)], "")
	return s.insert(ctx, appendFeedback(nil, f))
}

func appendFeedback(dst []byte, f *Feedback) []byte {
	w := rowWriter{buf: dst}
	w.begin(f.ID, f.Time, kindFeedback)
	msg := f.Name
	if score, ok := f.Score.Get(); ok {
		msg += fmt.Sprintf(" %.3g", score)
	}
	msg = strings.TrimSpace(msg + " " + f.Label + " " + prefix(f.Comment, msgChars))
	w.str("_msg", msg)
	w.str("call_id", f.CallID)
	w.str("trace_id", f.TraceID)
	w.str("response_id", f.ResponseID)
	w.str("name", f.Name)
	w.optFloat("score", f.Score)
	w.str("label", f.Label)
	w.str("comment", f.Comment)
	w.str("evaluator", f.Evaluator)
	w.str("service", f.Service)
	w.str("user", f.User)
	w.bytes("metadata", f.Metadata)
	w.end()
	return w.buf
}

func decodeFeedback(m row) (Feedback, error) {
	r := newRowReader(m)
	f := Feedback{
		ID: m["id"], Time: r.time("_time"), CallID: m["call_id"], TraceID: m["trace_id"], ResponseID: m["response_id"],
		Name: m["name"], Score: r.optFloat("score"), Label: m["label"], Comment: m["comment"],
		Evaluator: m["evaluator"], Service: m["service"], User: m["user"],
	}
	if v := m["metadata"]; v != "" {
		f.Metadata = json.RawMessage(v)
	}
	return f, r.err
}

// maxFeedback is the most judgements that are returned of one Call.
const maxFeedback = 500

// FeedbackFor returns the judgements of a Call, found by any of its ids, newest
// first. A zero Range searches all.
func (s *Store) FeedbackFor(ctx context.Context, callID, traceID, responseID string, r Range) ([]Feedback, error) {
	var conds []string
	for _, c := range []struct{ field, value string }{{"call_id", callID}, {"trace_id", traceID}, {"response_id", responseID}} {
		if c.value != "" {
			conds = append(conds, c.field+":="+quote(c.value))
		}
	}
	if len(conds) == 0 {
		return nil, nil
	}
	rows, err := s.rows(ctx, request{
		op:    "get feedback",
		query: fmt.Sprintf("%s id:* (%s) | sort by (_time desc) limit %d", stream(kindFeedback, "", ""), strings.Join(conds, " or "), maxFeedback),
		r:     s.resolveOpen(r),
	})
	if err != nil {
		return nil, err
	}
	out := make([]Feedback, 0, len(rows))
	for _, m := range rows {
		f, err := decodeFeedback(m)
		if err != nil {
			return nil, err
		}
		// What is said of another Call of the same trace is not of this one.
		if callID != "" && f.CallID != "" && f.CallID != callID {
			continue
		}
		out = append(out, f)
	}
	return out, nil
}

// FeedbackQuery asks for judgements.
type FeedbackQuery struct {
	Range
	Query   string // a LogsQL filter
	Service string
	Limit   int
}

// Feedbacks returns judgements, newest first.
func (s *Store) Feedbacks(ctx context.Context, q FeedbackQuery) ([]Feedback, error) {
	limit, err := checkLimit(q.Limit, DefaultLimit, MaxLimit)
	if err != nil {
		return nil, err
	}
	rows, err := s.rows(ctx, request{
		op:      "list feedback",
		query:   fmt.Sprintf("%s id:* | sort by (_time desc) limit %d", stream(kindFeedback, q.Service, ""), limit),
		filters: userFilters(q.Query),
		r:       s.resolveOpen(q.Range),
	})
	if err != nil {
		return nil, err
	}
	out := make([]Feedback, 0, len(rows))
	for _, m := range rows {
		f, err := decodeFeedback(m)
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, nil
}
