package api

import (
	"encoding/base64"
	"encoding/json"
	"time"

	"github.com/pitot-dev/pitot/internal/events"
)

// cursor is the next_cursor of the API: the store's own with the range of the
// first page. A range that ends now, or begins an hour ago, moves between the
// requests for two pages; a cursor of the store serves one range only.
type cursor struct {
	Start time.Time `json:"s"`
	End   time.Time `json:"e"`
	Store string    `json:"c"`
}

func (c cursor) String() string {
	b, err := json.Marshal(c)
	if err != nil {
		return "" // the times are within what RFC 3339 can write
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// cursor reads the parameter of that name into q.
func (p *params) cursor(q *events.CallQuery) { p.page(&q.Range, &q.Cursor) }

func (p *params) page(r *events.Range, store *string) {
	s := p.get("cursor")
	if s == "" {
		return
	}
	var c cursor
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err == nil {
		err = json.Unmarshal(b, &c)
	}
	if err != nil || c.Store == "" || !c.Start.Before(c.End) {
		p.fail(badParameter("cursor", s, "next_cursor of the page before, with the same parameters"))
		return
	}
	r.Start, r.End, *store = c.Start, c.End, c.Store
}
