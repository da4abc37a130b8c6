package events

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

// listFields are the fields of Calls in lists: all but content, settings and
// what a sender added.
var listFields = fieldList([]string{
	"id", "_time", "kind", "source", "service", "environment", "upstream", "trace_id", "span_id", "parent_span_id",
	"provider", "operation", "request_model", "response_model", "response_id", "service_tier", "region",
	"stream", "status", "error_type", "error_message", "http_status", "finish_reasons",
	"usage.*", "cost.*", "duration_seconds", "ttft_seconds", "chunks", "gateway_overhead_seconds",
	"user", "session", "feature", "prompt_name", "prompt_version", "tags.*", "tags" + restSuffix, "truncated", "notes", fieldExact,
	"weight", fieldSpanName, "agent", "workflow", "dialect", "scope", "scope_version", "phases.*",
})

// cursor says where a page ended. It is opaque to users.
type cursor struct {
	Filter string `json:"f"` // hash of what was asked, so that a cursor serves only its own query
	Time   int64  `json:"t,omitempty"`
	ID     string `json:"i,omitempty"`
	Offset int    `json:"o,omitempty"`
	End    int64  `json:"e,omitempty"` // end of the range, so that later pages see what the first saw
}

func (c cursor) String() string {
	b, err := json.Marshal(c)
	if err != nil {
		return "" // strings and numbers always encode
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func parseCursor(s, filter string) (cursor, error) {
	var c cursor
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err == nil {
		err = json.Unmarshal(b, &c)
	}
	if err != nil || c.Offset < 0 || c.Offset > maxOffset {
		return cursor{}, &QueryError{Param: "cursor", Message: "is not a cursor; pass next_cursor of the page before"}
	}
	if c.Filter != filter {
		return cursor{}, &QueryError{Param: "cursor", Message: "belongs to another query; pass next_cursor of the page before with the same parameters"}
	}
	return c, nil
}

// maxOffset bounds how deep one may page in an order other than time.
const maxOffset = 50_000

func hashOf(parts ...any) string {
	sum := sha256.Sum256(fmt.Append(nil, parts...))
	return hex.EncodeToString(sum[:6])
}

// Calls returns a page of Calls without content.
func (s *Store) Calls(ctx context.Context, q CallQuery) (CallPage, error) {
	if err := q.validate(); err != nil {
		return CallPage{}, err
	}
	limit, err := checkLimit(q.Limit, DefaultLimit, MaxLimit)
	if err != nil {
		return CallPage{}, err
	}
	p := pager{
		s: s, op: "list calls", filter: q.logsql(), user: q.userFilters(), fields: listFields,
		r: s.resolveOpen(q.Range), limit: limit,
	}
	p.hash = hashOf(q.CallFilter.logsql(), p.user, q.Order, formatTime(q.Start), formatTime(q.End))
	if q.Cursor != "" {
		if p.from, err = parseCursor(q.Cursor, p.hash); err != nil {
			return CallPage{}, err
		}
	}
	var rows []row
	var next string
	switch q.Order {
	case "", OrderNewest, OrderOldest:
		rows, next, err = p.byTime(ctx, q.Order == OrderOldest)
	case OrderSlowest:
		rows, next, err = p.byField(ctx, "duration_seconds", true)
	case OrderCostly:
		rows, next, err = p.byField(ctx, "cost.usd", true)
	case OrderTokens:
		rows, next, err = p.byField(ctx, "usage.output_tokens", true)
	default:
		err = &QueryError{Param: "order", Message: strconv.Quote(q.Order) + " is unknown; allowed are " +
			strings.Join([]string{OrderNewest, OrderOldest, OrderSlowest, OrderCostly, OrderTokens}, ", ")}
	}
	if err != nil {
		return CallPage{}, err
	}
	page := CallPage{Calls: make([]*llm.Call, 0, len(rows)), NextCursor: next}
	for _, r := range rows {
		c, err := decodeCall(r)
		if err != nil {
			return CallPage{}, err
		}
		page.Calls = append(page.Calls, c)
	}
	return page, nil
}

// pager reads one page of rows.
type pager struct {
	s      *Store
	op     string
	filter string
	user   []string
	fields string
	r      Range
	limit  int
	from   cursor
	hash   string
}

// keys returns the times and ids of the first rows in an order. Reading only
// these first and the other fields of a page's rows afterwards is many times
// faster where a filter matches few rows: the engine looks at many more rows
// than it returns.
func (p *pager) keys(ctx context.Context, r Range, sort string, limit int) ([]key, error) {
	q := p.filter + " | fields _time, id | sort by (" + sort + ") limit " + strconv.Itoa(limit)
	rows, err := p.s.rows(ctx, request{op: p.op, query: q, filters: p.user, r: r})
	if err != nil {
		return nil, err
	}
	return p.parseKeys(rows)
}

// key is the place of a row in the order of time.
type key struct {
	at time.Time
	id string
}

func (p *pager) parseKeys(rows []row) ([]key, error) {
	out := make([]key, len(rows))
	for i, r := range rows {
		at, err := time.Parse(time.RFC3339Nano, r["_time"])
		if err != nil {
			return nil, fmt.Errorf("%s: time of row %q: %w", p.op, r["id"], err)
		}
		out[i] = key{at, r["id"]}
	}
	return out, nil
}

func sortKeys(keys []key, oldest bool) {
	slices.SortFunc(keys, func(a, b key) int {
		c := cmp.Or(a.at.Compare(b.at), strings.Compare(a.id, b.id))
		if !oldest {
			c = -c
		}
		return c
	})
}

// byTime pages in the order of (time, id).
func (p *pager) byTime(ctx context.Context, oldest bool) ([]row, string, error) {
	keys, more, err := p.keysByTime(ctx, oldest)
	if err != nil {
		return nil, "", err
	}
	next := ""
	if more {
		next = p.after(keys[len(keys)-1])
	}
	rows, err := p.fetch(ctx, keys)
	if err != nil {
		return nil, "", err
	}
	return rows, next, nil
}

// after is the cursor behind a row.
func (p *pager) after(k key) string {
	return cursor{Filter: p.hash, Time: k.at.UnixNano(), ID: k.id}.String()
}

// keysByTime returns the rows of a page in the order of (time, id), and whether
// more follow. Many rows may have one time: those of imported data often do.
func (p *pager) keysByTime(ctx context.Context, oldest bool) (keys []key, more bool, err error) {
	r, sort := p.r, "_time desc"
	if oldest {
		sort = "_time"
	}
	want := p.limit + 1 // one more tells whether there is a next page
	if p.from.ID != "" {
		at := time.Unix(0, p.from.Time).UTC()
		tied, err := p.keysAt(ctx, at, oldest, p.from.ID)
		if err != nil {
			return nil, false, err
		}
		keys = tied[:min(want, len(tied))]
		if oldest {
			r.Start = at.Add(1)
		} else {
			r.End = at
		}
	}
	if n := want - len(keys); n > 0 && r.Start.Before(r.End) {
		rest, err := p.keys(ctx, r, sort, n)
		if err != nil {
			return nil, false, err
		}
		sortKeys(rest, oldest)
		if len(rest) == n {
			// Which of the rows of the last moment are in the answer is chance.
			if rest, err = p.settle(ctx, rest, oldest); err != nil {
				return nil, false, err
			}
		}
		keys = append(keys, rest...)
	}
	if len(keys) == want {
		return keys[:p.limit], true, nil
	}
	return keys, false, nil
}

// settle replaces the rows of the last moment by those that come first by id.
func (p *pager) settle(ctx context.Context, keys []key, oldest bool) ([]key, error) {
	last := keys[len(keys)-1].at
	n := len(keys)
	for n > 0 && keys[n-1].at.Equal(last) {
		n--
	}
	tied, err := p.keysAt(ctx, last, oldest, "")
	if err != nil {
		return nil, err
	}
	return append(keys[:n:n], tied[:min(len(keys)-n, len(tied))]...), nil
}

// maxTied is the most rows of one nanosecond that can be paged through.
const maxTied = 100_000

// keysAt returns the rows of one moment, in order, after an id. The engine's
// own order would take the digits in ids for numbers.
func (p *pager) keysAt(ctx context.Context, at time.Time, oldest bool, after string) ([]key, error) {
	rows, err := p.s.rows(ctx, request{
		op: p.op, query: p.filter + " | fields _time, id | limit " + strconv.Itoa(maxTied), filters: p.user, r: Range{at, at.Add(1)},
	})
	if err != nil {
		return nil, err
	}
	keys, err := p.parseKeys(rows)
	if err != nil {
		return nil, err
	}
	keys = slices.DeleteFunc(keys, func(k key) bool {
		return after != "" && (oldest && k.id <= after || !oldest && k.id >= after)
	})
	sortKeys(keys, oldest)
	return slices.Compact(keys), nil
}

// fetch returns the rows of keys, in their order.
func (p *pager) fetch(ctx context.Context, keys []key) ([]row, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	r := Range{keys[0].at, keys[0].at}
	ids := make([]string, len(keys))
	for i, k := range keys {
		ids[i] = k.id
		if k.at.Before(r.Start) {
			r.Start = k.at
		}
		if k.at.After(r.End) {
			r.End = k.at
		}
	}
	r.End = r.End.Add(1)
	byID := make(map[string]row, len(keys))
	err := p.s.each(ctx, request{
		op: p.op, query: p.filter + " id:" + in(ids) + " | fields " + p.fields, filters: p.user, r: r,
	}, func(m row) error {
		byID[m["id"]] = m
		return nil
	})
	if err != nil {
		return nil, err
	}
	rows := make([]row, 0, len(keys))
	for _, k := range keys {
		if m := byID[k.id]; m != nil { // retention may have taken it meanwhile
			rows = append(rows, m)
		}
	}
	return rows, nil
}

func sortRows(rows []row, oldest bool) {
	slices.SortFunc(rows, func(a, b row) int {
		c := cmp.Or(compareTimes(a["_time"], b["_time"]), strings.Compare(a["id"], b["id"]))
		if !oldest {
			c = -c
		}
		return c
	})
}

// compareTimes compares two times as the engine writes them: in UTC, with as
// many digits as it takes, so that text order is not always time order.
func compareTimes(a, b string) int {
	ta, errA := time.Parse(time.RFC3339Nano, a)
	tb, errB := time.Parse(time.RFC3339Nano, b)
	if errA != nil || errB != nil {
		return strings.Compare(a, b)
	}
	return ta.Compare(tb)
}

// byField pages in the order of a number, and of the newest within one number.
// Rows without it are left out.
func (p *pager) byField(ctx context.Context, field string, descending bool) ([]row, string, error) {
	direction := ""
	if descending {
		direction = " desc"
	}
	offset := p.from.Offset
	r := p.r
	if p.from.End != 0 {
		r.End = time.Unix(0, p.from.End).UTC()
	}
	rows, err := p.s.rows(ctx, request{
		op: p.op,
		query: p.filter + " " + quote(field) + ":* | fields _time, id, " + quote(field) + " | sort by (" + quote(field) + direction +
			", _time desc, id) offset " + strconv.Itoa(offset) + " limit " + strconv.Itoa(p.limit+1),
		filters: p.user, r: r,
	})
	if err != nil {
		return nil, "", err
	}
	keys, err := p.parseKeys(rows)
	if err != nil {
		return nil, "", err
	}
	next := ""
	if len(keys) > p.limit {
		keys = keys[:p.limit]
		if offset += p.limit; offset <= maxOffset {
			next = cursor{Filter: p.hash, Offset: offset, End: r.End.UnixNano()}.String()
		}
	}
	rows, err = p.fetch(ctx, keys)
	return rows, next, err
}

// Call returns one Call with its content and feedback, or ErrNotFound.
func (s *Store) Call(ctx context.Context, id string) (*CallDetail, error) {
	if id == "" || len(id) > maxFieldName {
		return nil, ErrNotFound
	}
	r := s.rangeOfID(id)
	rows, err := s.rows(ctx, request{
		op:    "get call",
		query: callStream + " id:=" + quote(id) + " status:* | limit 1",
		r:     r,
	})
	if err == nil && len(rows) == 0 {
		// The id of a Call from elsewhere need not tell its time.
		if all := s.resolveOpen(Range{}); r != all {
			rows, err = s.rows(ctx, request{op: "get call", query: callStream + " id:=" + quote(id) + " status:* | limit 1", r: all})
		}
	}
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, ErrNotFound
	}
	if err := s.joinContent(ctx, rows[0]); err != nil {
		return nil, err
	}
	c, err := decodeCall(rows[0])
	if err != nil {
		return nil, err
	}
	f, err := s.feedbackOf(ctx, c, Range{Start: c.Time.Add(-time.Minute)})
	if err != nil {
		return nil, err
	}
	return &CallDetail{Call: c, Feedback: f}, nil
}

// rangeOfID is where a record with this id is, if the id is a ULID of its start.
func (s *Store) rangeOfID(id string) Range {
	all := s.resolveOpen(Range{})
	ms, ok := ulidTime(id)
	if !ok {
		return all
	}
	t := time.UnixMilli(ms)
	r := Range{t.Add(-time.Second), t.Add(time.Second)}
	if r.Start.Before(all.Start) || r.End.After(all.End) {
		return all
	}
	return r
}

// ulidTime is the time in a ULID, in milliseconds.
func ulidTime(id string) (int64, bool) {
	const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	if len(id) != 26 {
		return 0, false
	}
	var ms int64
	for i := range 10 {
		v := strings.IndexByte(alphabet, id[i])
		if v < 0 || i == 0 && v > 7 {
			return 0, false
		}
		ms = ms<<5 | int64(v)
	}
	return ms, true
}
