package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/pitot-dev/pitot/internal/events"
)

func (s *server) sessions(r *http.Request) (any, error) {
	p := newParams(r, s.Now())
	q := events.SessionQuery{
		CallFilter: p.filter(day),
		Order:      p.oneOf("order", events.OrderNewest, events.OrderCostly, events.OrderLongest, events.OrderCalls),
		Limit:      p.count("limit", 50, 200),
	}
	p.page(&q.Range, &q.Cursor)
	if err := p.check(); err != nil {
		return nil, err
	}
	page, err := s.Events.Sessions(r.Context(), q)
	if err != nil {
		return nil, err
	}
	page.Sessions = orEmpty(page.Sessions)
	if page.NextCursor != "" {
		page.NextCursor = cursor{q.Start, q.End, page.NextCursor}.String()
	}
	return page, nil
}

// clockSkew is how far the clocks of senders may be ahead.
const clockSkew = time.Minute

// maxSessionID is the longest id of a session that is looked for.
const maxSessionID = 1024

func (s *server) session(r *http.Request) (any, error) {
	p := newParams(r, s.Now())
	q := events.ConversationQuery{
		Range: p.openRange(), Session: r.PathValue("id"),
		Limit: p.count("limit", 50, events.MaxTurns),
	}
	// A cursor needs both ends.
	if q.Start.IsZero() {
		q.Start = time.Unix(0, 0).UTC()
	}
	if q.End.IsZero() {
		q.End = s.Now().Add(clockSkew)
	}
	p.page(&q.Range, &q.Cursor)
	if err := p.check(); err != nil {
		return nil, err
	}
	if q.Session == "" || len(q.Session) > maxSessionID {
		return nil, badParameter("id", q.Session, "the id of a session, percent-encoded, of at most 1024 bytes")
	}
	c, err := s.Events.Conversation(r.Context(), q)
	if errors.Is(err, events.ErrNotFound) {
		return nil, notFound("session", q.Session, "it may be older than the retention or outside of start and end, or not stored yet: a call shows within a few seconds")
	}
	if err != nil {
		return nil, err
	}
	out := struct {
		Session    events.SessionStat `json:"session"`
		Calls      []sessionCall      `json:"calls"`
		NextCursor string             `json:"next_cursor,omitempty"`
	}{Session: c.Session, Calls: make([]sessionCall, len(c.Turns))}
	for i := range c.Turns {
		out.Calls[i] = sessionCall{&c.Turns[i]}
	}
	if c.NextCursor != "" {
		out.NextCursor = cursor{q.Start, q.End, c.NextCursor}.String()
	}
	return out, nil
}

// sessionCall is a Call of a session.
type sessionCall struct{ turn *events.Turn }

// MarshalJSON adds what is known of the session to the Call's own fields.
func (c sessionCall) MarshalJSON() ([]byte, error) {
	b, err := json.Marshal(c.turn.Call)
	if err != nil {
		return nil, err
	}
	return mergeJSON(b, struct {
		NewFrom       int               `json:"new_from"`
		InputMessages int               `json:"input_messages"`
		Continues     string            `json:"continues,omitempty"`
		Feedback      []events.Feedback `json:"feedback,omitempty"`
	}{c.turn.NewFrom, c.turn.InputMessages, c.turn.Continues, c.turn.Feedback})
}
