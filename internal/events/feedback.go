package events

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/pitot-dev/pitot/internal/llm"
)

// checkFeedback returns a *QueryError where a judgement says nothing, is of
// nothing, or could not be stored.
func checkFeedback(f *Feedback) error {
	if f.CallID == "" && f.TraceID == "" && f.ResponseID == "" && f.SessionID == "" {
		return &QueryError{Param: "call_id", Message: "one of call_id, trace_id, response_id and session_id must be given"}
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
	f.Comment = strings.ToValidUTF8(f.Comment[:min(len(f.Comment), MaxComment)], "")
	return nil
}

func appendFeedback(dst []byte, f *Feedback) []byte {
	row := f.RowID
	if row == "" {
		row = f.ID
	}
	w := rowWriter{buf: dst}
	w.begin(row, f.Time, kindFeedback)
	w.str(fieldTenant, f.Tenant)
	msg := f.Name
	if score, ok := f.Score.Get(); ok {
		msg += fmt.Sprintf(" %.3g", score)
	}
	msg = strings.TrimSpace(msg + " " + f.Label + " " + prefix(f.Comment, msgChars))
	if msg == "" {
		msg = kindFeedback // the policy took all that it said
	}
	w.str("_msg", msg)
	if f.ID != row {
		w.str("feedback_id", f.ID)
	}
	w.str("supersedes", f.Supersedes)
	if !f.Received.IsZero() {
		w.str("received", formatTime(f.Received))
	}
	w.str("call_id", f.CallID)
	w.str("trace_id", f.TraceID)
	w.str("span_id", f.SpanID)
	w.str("response_id", f.ResponseID)
	w.str("session_id", f.SessionID)
	w.str("name", f.Name)
	w.optFloat("score", f.Score)
	w.str("label", f.Label)
	w.str("comment", f.Comment)
	w.str("evaluator", f.Evaluator)
	w.str("user", f.User)
	w.str("service", f.Service)
	w.str("provider", f.Provider)
	w.str(fieldModel, f.Model)
	w.str("operation", string(f.Operation))
	w.str("feature", f.Feature)
	w.str("prompt_name", f.PromptName)
	w.str("prompt_version", f.PromptVersion)
	w.bytes("metadata", f.Metadata)
	w.end()
	return w.buf
}

func decodeFeedback(m row) (Feedback, error) {
	r := newRowReader(m)
	f := Feedback{
		Tenant: m[fieldTenant], ID: m["feedback_id"], RowID: m["id"], Supersedes: m["supersedes"], Time: r.time("_time"),
		CallID: m["call_id"], TraceID: m["trace_id"], SpanID: m["span_id"], ResponseID: m["response_id"], SessionID: m["session_id"],
		Name: m["name"], Score: r.optFloat("score"), Label: m["label"], Comment: m["comment"], Evaluator: m["evaluator"], User: m["user"],
		Service: m["service"], Provider: m["provider"], Model: m[fieldModel], Operation: llm.Operation(m["operation"]),
		Feature: m["feature"], PromptName: m["prompt_name"], PromptVersion: m["prompt_version"],
	}
	if f.ID == "" {
		f.ID = f.RowID
	}
	if m["received"] != "" {
		f.Received = r.time("received")
	}
	if v := m["metadata"]; v != "" {
		f.Metadata = json.RawMessage(v)
	}
	return f, r.err
}

// maxFeedback is the most judgements that are returned of one Call.
const maxFeedback = 500

// feedbackOf returns the judgements of a Call, newest first: those of itself, of
// its answer, and of its trace and session as a whole.
func (s *Store) feedbackOf(ctx context.Context, c *llm.Call, r Range) ([]Feedback, error) {
	var conds []string
	for _, id := range []struct{ field, value string }{
		{"call_id", c.ID}, {"trace_id", c.TraceID}, {"response_id", c.ResponseID}, {"session_id", c.Session},
	} {
		if id.value != "" {
			conds = append(conds, id.field+":="+quote(id.value))
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
	out, err := decodeFeedbacks(rows)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(withoutReplaced(out, nil), func(f Feedback) bool { return !isOf(&f, c) }), nil
}

// isOf says whether a judgement that shares an id with a Call is of that Call:
// what is said of another one of the same trace or session is not.
func isOf(f *Feedback, c *llm.Call) bool {
	switch {
	case f.CallID != "":
		return f.CallID == c.ID
	case f.ResponseID != "":
		return f.ResponseID == c.ResponseID
	case f.TraceID != "":
		return f.TraceID == c.TraceID
	}
	return f.SessionID == c.Session
}

func decodeFeedbacks(rows []row) ([]Feedback, error) {
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

// withoutReplaced leaves the last version of each judgement. replaced are
// further rows that are known to be replaced.
func withoutReplaced(fs []Feedback, replaced map[string]bool) []Feedback {
	last := map[string]*Feedback{}
	for i := range fs {
		f := &fs[i]
		if replaced[f.RowID] {
			continue
		}
		// Two first versions of one id, stored while the store could not be asked,
		// replace nobody: the later one counts.
		if was := last[f.ID]; was == nil || cmp.Or(f.Received.Compare(was.Received), strings.Compare(f.RowID, was.RowID)) > 0 {
			last[f.ID] = f
		}
	}
	out := make([]Feedback, 0, len(last))
	for i := range fs {
		if last[fs[i].ID] == &fs[i] {
			out = append(out, fs[i])
		}
	}
	return out
}

// The orders of a list of judgements beside OrderNewest, the default. Those by
// score leave out judgements without one.
const (
	OrderWorst = "score"
	OrderBest  = "-score"
)

// FeedbackQuery asks for a page of judgements. All that is given holds.
type FeedbackQuery struct {
	Range
	Query      string // a LogsQL filter
	CallID     string
	TraceID    string
	ResponseID string
	SessionID  string
	Service    string
	Provider   string
	Model      string
	Operation  string
	Feature    string
	PromptName string
	User       string
	Evaluator  string
	Without    []string // evaluators to leave out
	Name       string
	Label      string
	MinScore   llm.Opt[float64]
	MaxScore   llm.Opt[float64]
	Order      string // OrderNewest, OrderWorst or OrderBest
	Limit      int
	Cursor     string // NextCursor of the page before, with the same filter and order
}

// FeedbackPage is one page of judgements. It may be shorter than the limit
// before the last one: versions that were replaced are left out.
type FeedbackPage struct {
	Feedback   []Feedback `json:"feedback"`
	NextCursor string     `json:"next_cursor,omitempty"`
}

func (q *FeedbackQuery) logsql() string {
	var f filterBuilder
	f.add(stream(kindFeedback, q.Service, ""))
	f.add("_msg:*")
	for _, is := range []struct{ field, value string }{
		{"call_id", q.CallID},
		{"trace_id", q.TraceID},
		{"response_id", q.ResponseID},
		{"session_id", q.SessionID},
		{"provider", q.Provider},
		{fieldModel, q.Model},
		{"operation", q.Operation},
		{"feature", q.Feature},
		{"prompt_name", q.PromptName},
		{"user", q.User},
		{"evaluator", q.Evaluator},
		{"name", q.Name},
		{"label", q.Label},
	} {
		f.is(is.field, is.value)
	}
	if len(q.Without) > 0 {
		f.add("!evaluator:" + in(q.Without))
	}
	if v, ok := q.MinScore.Get(); ok {
		f.add("score:>=" + string(appendFloat(nil, v)))
	}
	if v, ok := q.MaxScore.Get(); ok {
		f.add("score:<=" + string(appendFloat(nil, v)))
	}
	return f.String()
}

// Feedbacks returns a page of judgements.
func (s *Store) Feedbacks(ctx context.Context, q FeedbackQuery) (FeedbackPage, error) {
	limit, err := checkLimit(q.Limit, DefaultLimit, MaxLimit)
	if err != nil {
		return FeedbackPage{}, err
	}
	p := pager{
		s: s, op: "list feedback", filter: q.logsql(), user: userFilters(q.Query), fields: "*",
		r: s.resolveOpen(q.Range), limit: limit,
	}
	p.hash = hashOf(p.filter, p.user, q.Order, formatTime(q.Start), formatTime(q.End))
	if q.Cursor != "" {
		if p.from, err = parseCursor(q.Cursor, p.hash); err != nil {
			return FeedbackPage{}, err
		}
	}
	var rows []row
	var next string
	switch q.Order {
	case "", OrderNewest:
		rows, next, err = p.byTime(ctx, false)
	case OrderWorst, OrderBest:
		rows, next, err = p.byField(ctx, "score", q.Order == OrderBest)
	default:
		err = &QueryError{Param: "order", Message: strconv.Quote(q.Order) + " is unknown; allowed are " + strings.Join([]string{OrderNewest, OrderWorst, OrderBest}, ", ")}
	}
	if err != nil {
		return FeedbackPage{}, err
	}
	fs, err := decodeFeedbacks(rows)
	if err != nil {
		return FeedbackPage{}, err
	}
	replaced, err := s.replaced(ctx, fs)
	if err != nil {
		return FeedbackPage{}, err
	}
	return FeedbackPage{Feedback: withoutReplaced(fs, replaced), NextCursor: next}, nil
}

// replaced says which of the rows a later version replaces. All versions of a
// judgement have one time.
func (s *Store) replaced(ctx context.Context, fs []Feedback) (map[string]bool, error) {
	if len(fs) == 0 {
		return nil, nil
	}
	out := map[string]bool{}
	ids := make([]string, len(fs))
	for i := range fs {
		ids[i] = fs[i].RowID
	}
	r := Range{Start: fs[0].Time, End: fs[0].Time}
	for i := range fs {
		if t := fs[i].Time; t.Before(r.Start) {
			r.Start = t
		} else if t.After(r.End) {
			r.End = t
		}
	}
	r.End = r.End.Add(1)
	for chunk := range slices.Chunk(ids, presentBatch) {
		err := s.each(ctx, request{
			op: "list feedback", query: stream(kindFeedback, "", "") + " supersedes:" + in(chunk) + " | fields supersedes", r: r,
		}, func(m row) error {
			out[m["supersedes"]] = true
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// versions returns the last version of each of the judgements that are stored.
func (s *Store) versions(ctx context.Context, ids []string) (map[string]*Feedback, error) {
	out := map[string]*Feedback{}
	for chunk := range slices.Chunk(ids, 500) {
		rows, err := s.rows(ctx, request{
			op:    "look for feedback",
			query: stream(kindFeedback, "", "") + " (feedback_id:" + in(chunk) + " or id:" + in(chunk) + ")",
			r:     s.resolveOpen(Range{}), fresh: true,
		})
		if err != nil {
			return nil, err
		}
		fs, err := decodeFeedbacks(rows)
		if err != nil {
			return nil, err
		}
		replaced := map[string]bool{}
		for i := range fs {
			replaced[fs[i].Supersedes] = true
		}
		fs = withoutReplaced(fs, replaced)
		for i := range fs {
			out[fs[i].ID] = &fs[i]
		}
	}
	return out, nil
}
