package events

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

// MaxDetails is the most Calls that WithContent and Judgements take at once:
// content is up to some megabytes a Call.
const MaxDetails = 32

// WithContent reads Calls anew, with their content. Calls that are gone are left
// out; the order stays.
func (s *Store) WithContent(ctx context.Context, calls []*llm.Call) ([]*llm.Call, error) {
	if err := checkDetails(calls); err != nil || len(calls) == 0 {
		return nil, err
	}
	ids := make([]string, len(calls))
	r := Range{calls[0].Time, calls[0].Time}
	for i, c := range calls {
		ids[i] = c.ID
		if c.Time.Before(r.Start) {
			r.Start = c.Time
		}
		if c.Time.After(r.End) {
			r.End = c.Time
		}
	}
	r.End = r.End.Add(1)
	byID := make(map[string]*llm.Call, len(calls))
	rows, err := s.rows(ctx, request{op: "get calls", query: callStream + " id:" + in(ids) + " status:*", r: r})
	if err != nil {
		return nil, err
	}
	if err := s.joinContents(ctx, rows, true); err != nil {
		return nil, err
	}
	for _, m := range rows {
		if byID[m["id"]] != nil {
			continue
		}
		c, err := decodeCall(m)
		if err != nil {
			return nil, err
		}
		byID[c.ID] = c
	}
	out := make([]*llm.Call, 0, len(calls))
	for _, id := range ids {
		if c := byID[id]; c != nil {
			out = append(out, c)
		}
	}
	return out, nil
}

func checkDetails(calls []*llm.Call) error {
	if len(calls) > MaxDetails {
		return fmt.Errorf("read details: %d calls at once: at most %d", len(calls), MaxDetails)
	}
	return nil
}

// Judgements returns what was said of each of some Calls, newest first: of
// itself, of its answer, and of its trace and session as a whole.
func (s *Store) Judgements(ctx context.Context, calls []*llm.Call) ([][]Feedback, error) {
	if err := checkDetails(calls); err != nil || len(calls) == 0 {
		return nil, err
	}
	first := calls[0].Time
	ids := map[string][]string{}
	add := func(field, id string) {
		if id != "" && !slices.Contains(ids[field], id) {
			ids[field] = append(ids[field], id)
		}
	}
	for _, c := range calls {
		if c.Time.Before(first) {
			first = c.Time
		}
		add("call_id", c.ID)
		add("trace_id", c.TraceID)
		add("response_id", c.ResponseID)
		add("session_id", c.Session)
	}
	var conds []string
	for _, field := range []string{"call_id", "trace_id", "response_id", "session_id"} {
		if len(ids[field]) > 0 {
			conds = append(conds, field+":"+in(ids[field]))
		}
	}
	rows, err := s.rows(ctx, request{
		op:    "get feedback",
		query: fmt.Sprintf("%s id:* (%s) | sort by (_time desc) limit %d", stream(kindFeedback, "", ""), strings.Join(conds, " or "), MaxDetails*maxFeedback),
		r:     s.resolveOpen(Range{Start: first.Add(-time.Minute)}),
	})
	if err != nil {
		return nil, err
	}
	all, err := decodeFeedbacks(rows)
	if err != nil {
		return nil, err
	}
	all = latest(all)
	out := make([][]Feedback, len(calls))
	for i, c := range calls {
		for j := range all {
			if isOf(&all[j], c) && len(out[i]) < maxFeedback {
				out[i] = append(out[i], all[j])
			}
		}
	}
	return out, nil
}
