package events

import (
	"context"
	"strconv"
	"strings"
	"time"
)

// The orders of a list of sessions besides OrderNewest and OrderCostly.
const (
	OrderLongest = "longest"
	OrderCalls   = "most_calls"
)

// SessionQuery asks for a page of sessions: those that have a Call which
// matches.
type SessionQuery struct {
	CallFilter
	Order  string // OrderNewest, OrderCostly, OrderLongest or OrderCalls
	Limit  int
	Cursor string // NextCursor of the page before, with the same filter and order
}

// SessionStat is what all Calls of a session in a range add up to, those that
// were sampled out among them. Each Call counts once, also where its sender
// says that it stands for several: those are Calls of other sessions.
type SessionStat struct {
	Session  string    `json:"session"`
	Users    []string  `json:"users,omitempty"`
	Services []string  `json:"services,omitempty"`
	Models   []string  `json:"models,omitempty"`
	First    time.Time `json:"first"`
	Last     time.Time `json:"last"` // start of the last Call
	// DurationSeconds is from First to Last.
	DurationSeconds float64 `json:"duration_seconds"`
	Calls           int64   `json:"calls"`
	Traces          int64   `json:"traces"`
	Errors          int64   `json:"errors"`
	InputTokens     int64   `json:"input_tokens"`
	OutputTokens    int64   `json:"output_tokens"`
	CostUSD         float64 `json:"cost_usd"`
	UnpricedCalls   int64   `json:"unpriced_calls,omitempty"`
	// Score is the mean of the scores of the session and its Calls.
	Score *Score `json:"score,omitempty"`
}

// Score is a mean of judgements.
type Score struct {
	Mean  float64 `json:"mean"`
	Count int64   `json:"count"`
}

// SessionPage is one page of sessions.
type SessionPage struct {
	Sessions   []SessionStat `json:"sessions"`
	NextCursor string        `json:"next_cursor,omitempty"`
}

const (
	defaultSessions = 50
	maxSessions     = 1000
	// maxListed is how many values of a dimension are listed.
	maxListed = 20
	// maxScores is the most judgements that are read for one page.
	maxScores = 10_000
)

// Sessions returns a page of sessions.
func (s *Store) Sessions(ctx context.Context, q SessionQuery) (SessionPage, error) {
	limit, err := checkLimit(q.Limit, defaultSessions, maxSessions)
	if err != nil {
		return SessionPage{}, err
	}
	if err := q.validate(); err != nil {
		return SessionPage{}, err
	}
	p := &keyPager{
		s: s, op: "list sessions", filter: q.counted(), user: q.userFilters(), field: "session", r: s.resolveOpen(q.Range),
	}
	switch q.Order {
	case "", OrderNewest:
	case OrderCostly:
		p.rank, p.where = `sum("cost.usd")`, `"cost.usd":*`
	case OrderLongest:
		p.rank, p.finish = "max(_time) b, min(_time)", "| math b - v as v "
	case OrderCalls:
		p.rank = "count()"
	default:
		return SessionPage{}, &QueryError{Param: "order", Message: strconv.Quote(q.Order) + " is unknown; allowed are " +
			strings.Join([]string{OrderNewest, OrderCostly, OrderLongest, OrderCalls}, ", ")}
	}
	p.hash = hashOf("sessions", p.filter, p.user, q.Order, formatTime(q.Start), formatTime(q.End))
	if q.Cursor != "" {
		if p.from, err = parseCursor(q.Cursor, p.hash); err != nil {
			return SessionPage{}, err
		}
	}
	keys, more, err := p.next(ctx, limit)
	if err != nil {
		return SessionPage{}, err
	}
	page := SessionPage{Sessions: make([]SessionStat, 0, len(keys))}
	ids := make([]string, len(keys))
	for i, k := range keys {
		ids[i] = k.id
	}
	stats, err := s.sessionStats(ctx, ids, Range{p.r.Start, p.end()})
	if err != nil {
		return SessionPage{}, err
	}
	for _, id := range ids {
		if st := stats[id]; st != nil { // retention may have taken it meanwhile
			page.Sessions = append(page.Sessions, *st)
		}
	}
	if more {
		page.NextCursor = p.after(keys[len(keys)-1]).String()
	}
	return page, nil
}

// sessionStats adds up the Calls of sessions.
func (s *Store) sessionStats(ctx context.Context, ids []string, r Range) (map[string]*SessionStat, error) {
	out := make(map[string]*SessionStat, len(ids))
	if len(ids) == 0 {
		return out, nil
	}
	list := func(field string) string {
		return ", uniq_values(" + field + ") limit " + itoa(maxListed) + " as " + field + "_list"
	}
	err := s.each(ctx, request{
		op: "add up sessions",
		query: countedStream + " session:" + in(ids) + " status:* | stats by (session) count() calls, count() if (status:=error) errors, " +
			`count() if ("cost.usd":"") unpriced, count_uniq(trace_id) traces, min(_time) first, max(_time) last, ` +
			sums([]string{"usage.input_tokens", "usage.output_tokens", "cost.usd"}) + list("user") + list("service") + list(fieldModel),
		r: r,
	}, func(m row) error {
		rr := newRowReader(m)
		whole := func(name string) int64 { return int64(rr.sum(name)) }
		st := &SessionStat{
			Session: m["session"], Users: rr.list("user_list"), Services: rr.list("service_list"), Models: rr.list(fieldModel + "_list"),
			First: rr.time("first"), Last: rr.time("last"), Calls: whole("calls"), Traces: whole("traces"), Errors: whole("errors"),
			InputTokens: whole("usage.input_tokens"), OutputTokens: whole("usage.output_tokens"), CostUSD: rr.sum("cost.usd"),
			UnpricedCalls: whole("unpriced"),
		}
		st.DurationSeconds = st.Last.Sub(st.First).Seconds()
		out[st.Session] = st
		return rr.err
	})
	if err != nil {
		return nil, err
	}
	return out, s.addScores(ctx, out, ids, r)
}

// list reads a list of values, of which some may be empty.
func (r *rowReader) list(name string) []string {
	var out []string
	for _, v := range r.strs(name) {
		if v != "" {
			out = append(out, v)
		}
	}
	return out
}

// addScores adds what was said of sessions and of their Calls.
func (s *Store) addScores(ctx context.Context, stats map[string]*SessionStat, ids []string, r Range) error {
	rows, err := s.rows(ctx, request{
		op: "score sessions",
		query: stream(kindFeedback, "", "") + " session_id:" + in(ids) + " _msg:* | fields id, feedback_id, _time, received, supersedes, session_id, score" +
			" | limit " + itoa(maxScores),
		r: r,
	})
	if err != nil {
		return err
	}
	fs, err := decodeFeedbacks(rows)
	if err != nil {
		return err
	}
	for _, f := range latest(fs) {
		score, ok := f.Score.Get()
		st := stats[f.SessionID]
		if !ok || st == nil {
			continue
		}
		if st.Score == nil {
			st.Score = &Score{}
		}
		st.Score.Count++
		st.Score.Mean += (score - st.Score.Mean) / float64(st.Score.Count)
	}
	return nil
}

// latest leaves the last version of each judgement, where fs has all versions.
func latest(fs []Feedback) []Feedback {
	replaced := map[string]bool{}
	for i := range fs {
		if fs[i].Supersedes != "" {
			replaced[fs[i].Supersedes] = true
		}
	}
	return withoutReplaced(fs, replaced)
}
