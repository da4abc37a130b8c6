package events

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

// maxAnswer bounds what is read of one answer of the engine.
const maxAnswer = 1 << 30

// maxLine bounds one row of an answer.
const maxLine = 16 << 20

// request is one query to the engine.
type request struct {
	op      string   // for errors
	query   string   // our own LogsQL
	filters []string // the user's filters, passed apart so that they stay filters
	r       Range
	fresh   bool // rows of streams that began in this very second count, too
	whole   bool // an answer without the data of a node that is down is none
}

// freshStreams is a stream filter that every row passes, and that is another one
// each second. The engine keeps for ten seconds which streams a filter selects:
// without this, the first call of a new service would stay invisible for so
// long after somebody had looked. Filters on streams are merged into one before
// they are looked up, so that this one takes the others out of the cache.
func (s *Store) freshStreams(unique bool) string {
	now := s.now()
	n := now.Unix()
	if unique {
		n = now.UnixNano()
	}
	return `{kind!="-` + strconv.FormatInt(n, 36) + `"}`
}

// settled is the age at which all streams of a time are known to the engine.
const settled = time.Minute

// ping asks whether the engine takes and answers requests.
func (s *Store) ping(ctx context.Context) error {
	for _, p := range []struct {
		url    string
		client *http.Client
	}{{s.ep.InsertURL + "/insert/ready", s.ep.InsertClient}, {s.ep.SelectURL + "/select/logsql/query?query=kind:none&limit=1&start=1s", s.ep.Client}} {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url, nil)
		if err != nil {
			return fmt.Errorf("ready: %w", err)
		}
		resp, err := p.client.Do(req) //nolint:bodyclose // drain closes it
		if err != nil {
			return &UnavailableError{Op: "ready", Err: err}
		}
		drain(resp.Body)
		if resp.StatusCode != http.StatusOK {
			return &UnavailableError{Op: "ready", Err: fmt.Errorf("status %d", resp.StatusCode)}
		}
	}
	return nil
}

// drain lets the connection be used again.
func drain(body io.ReadCloser) {
	_, _ = io.CopyN(io.Discard, body, 64<<10)
	body.Close()
}

// rows runs a query and returns all its rows.
func (s *Store) rows(ctx context.Context, q request) ([]row, error) {
	var out []row
	err := s.each(ctx, q, func(r row) error {
		out = append(out, r)
		return nil
	})
	return out, err
}

// each runs a query and calls f for every row, in the order of the answer.
func (s *Store) each(ctx context.Context, q request, f func(row) error) error {
	return s.eachLine(ctx, q, rowLines(q.op, f))
}

// rowLines passes on lines as rows.
func rowLines(op string, f func(row) error) func([]byte) error {
	return func(line []byte) error {
		r, err := parseRow(line)
		if err != nil {
			// An error in the middle of an answer is a line of text.
			return &UnavailableError{Op: op, Err: errors.New(prefix(string(line), 500))}
		}
		return f(r)
	}
}

// eachLine runs a query and calls f for every line of the answer.
func (s *Store) eachLine(ctx context.Context, q request, f func(line []byte) error) error {
	s.thaw(ctx, q.r)
	start := s.now()
	defer func() { s.metrics.queried(q.op, s.now().Sub(start)) }()
	form := url.Values{
		"query": {q.query},
		"start": {formatTime(q.r.Start)},
		"end":   {formatTime(q.r.End)},
	}
	if q.fresh || q.r.End.IsZero() || q.r.End.After(start.Add(-settled)) {
		form.Set("extra_stream_filters", s.freshStreams(q.fresh))
	}
	for _, f := range q.filters {
		form.Add("extra_filters", f)
	}
	s.ep.Cluster.partial(form, q.whole)
	return s.lines(ctx, q.op, "/select/logsql/query", form, len(q.filters) > 0, f)
}

func (s *Store) lines(ctx context.Context, op, path string, form url.Values, userFilter bool, f func(line []byte) error) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.ep.SelectURL+path, strings.NewReader(form.Encode()))
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	setTenant(ctx, req.Header)
	resp, err := s.ep.Client.Do(req) //nolint:bodyclose // drain closes it
	if err != nil {
		return unavailable(ctx, op, err)
	}
	defer drain(resp.Body)
	if resp.StatusCode != http.StatusOK {
		return answerError(op, resp, userFilter)
	}
	sc := bufio.NewScanner(io.LimitReader(resp.Body, maxAnswer))
	sc.Buffer(make([]byte, 0, 64<<10), maxLine)
	for sc.Scan() {
		line := sc.Bytes()
		if len(line) == 0 {
			continue
		}
		if err := f(line); err != nil {
			return err
		}
	}
	if err := sc.Err(); err != nil {
		return unavailable(ctx, op, err)
	}
	return nil
}

func unavailable(ctx context.Context, op string, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", op, ctx.Err())
	}
	return &UnavailableError{Op: op, Err: err}
}

// answerError turns an error answer into ours. A 400 for a query that holds a
// filter of the user is the user's to mend.
func answerError(op string, resp *http.Response, userFilter bool) error {
	b, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	text := strings.TrimSpace(string(b))
	if resp.StatusCode == http.StatusBadRequest && userFilter {
		return &QueryError{Param: "query", Message: "not a LogsQL filter: " + prefix(cleanError(text), 500)}
	}
	return &UnavailableError{Op: op, Err: fmt.Errorf("status %d: %s", resp.StatusCode, prefix(text, 500))}
}

// cleanError drops what the engine says about its own HTTP request.
func cleanError(text string) string {
	if _, after, ok := strings.Cut(text, "extra_filters"); ok {
		if _, after, ok := strings.Cut(after, ": "); ok {
			return after
		}
	}
	return text
}

func formatTime(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// parseRow reads a line of an answer: an object whose values are strings.
func parseRow(line []byte) (row, error) {
	if len(line) == 0 || line[0] != '{' {
		return nil, errors.New("not an object")
	}
	r := make(row, 16)
	b := line[1:]
	if len(b) > 0 && b[0] == '}' {
		return r, nil
	}
	for {
		name, rest, err := parseString(b)
		if err != nil {
			return nil, err
		}
		if len(rest) == 0 || rest[0] != ':' {
			return nil, errors.New("a colon is missing")
		}
		value, rest, err := parseString(rest[1:])
		if err != nil {
			return nil, err
		}
		r[name] = value
		if len(rest) == 0 {
			return nil, errors.New("cut")
		}
		if rest[0] == '}' {
			return r, nil
		}
		if rest[0] != ',' {
			return nil, errors.New("a comma is missing")
		}
		b = rest[1:]
	}
}

// parseString reads a JSON string at the start of b and returns what follows.
func parseString(b []byte) (string, []byte, error) {
	if len(b) == 0 || b[0] != '"' {
		return "", nil, errors.New("a string is missing")
	}
	escaped := false
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			escaped = true
			i++
		case '"':
			if !escaped {
				return string(b[1:i]), b[i+1:], nil
			}
			var s string
			if err := json.Unmarshal(b[:i+1], &s); err != nil {
				return "", nil, fmt.Errorf("string: %w", err)
			}
			return s, b[i+1:], nil
		}
	}
	return "", nil, errors.New("a string does not end")
}

// insertPath says how the engine reads our rows.
const insertPath = "/insert/jsonline?_stream_fields=" + streamFields + "&_time_field=_time&_msg_field=_msg"

// Insert stores rows made by AppendRow. Where one of them is no such row, or
// its time is outside of the retention, which the engine would drop without a
// word, it stores none and returns a *RejectedError. An *UnavailableError means
// that the engine took none or some of the rows, and that they may be sent
// again after Present was asked.
func (s *Store) Insert(ctx context.Context, rows [][]byte) error {
	s.hotGate.RLock()
	defer s.hotGate.RUnlock()
	size := 0
	var rejected RejectedError
	for _, r := range rows {
		size += len(r)
		if _, t, ok := RowID(r); !ok {
			rejected.Rows, rejected.Reason = rejected.Rows+1, "malformed"
		} else if !s.Accepts(t) {
			rejected.Rows, rejected.Reason = rejected.Rows+1, "outside_retention"
		}
	}
	if rejected.Rows > 0 {
		s.metrics.rejectedRows.WithLabelValues(rejected.Reason).Inc()
		return &rejected
	}
	if len(rows) == 0 {
		return nil
	}
	// The tenants one after the other: where one fails all are sent again, and those
	// that are there are found by their ids.
	for len(rows) > 0 {
		tenant := rowTenant(rows[0])
		body := make([]byte, 0, size)
		var others [][]byte
		n := 0
		for _, r := range rows {
			if rowTenant(r) != tenant {
				others = append(others, r)
				continue
			}
			body = append(body, r...)
			n++
		}
		if err := s.insert(llm.WithTenant(ctx, tenant), body); err != nil {
			return err
		}
		s.metrics.inserted(n)
		rows = others
	}
	return nil
}

func (s *Store) insert(ctx context.Context, lines []byte) error {
	const op = "insert events"
	ctx, cancel := s.ep.Cluster.bound(ctx)
	defer cancel()
	s.gate.RLock()
	defer s.gate.RUnlock()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.ep.InsertURL+insertPath, bytes.NewReader(lines))
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	s.ep.Cluster.fence(ctx, req)
	// With a form's type the engine would take the rows for a form, answer 200
	// and store nothing.
	req.Header.Set("Content-Type", "application/stream+json")
	setTenant(ctx, req.Header)
	resp, err := s.ep.InsertClient.Do(req) //nolint:bodyclose // drain closes it
	if err != nil {
		return &UnavailableError{Op: op, Err: err}
	}
	defer drain(resp.Body)
	if resp.StatusCode/100 != 2 {
		return answerError(op, resp, false)
	}
	return nil
}

// Flush makes rows that were accepted visible to queries, which otherwise
// happens within about a second.
func (s *Store) Flush(ctx context.Context) error {
	const op = "flush events"
	if s.ep.Cluster != nil {
		if err := s.ep.Cluster.Flush(ctx); err != nil {
			return unavailable(ctx, op, err)
		}
		return nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.ep.InsertURL+"/internal/force_flush", nil)
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	resp, err := s.ep.Client.Do(req) //nolint:bodyclose // drain closes it
	if err != nil {
		return unavailable(ctx, op, err)
	}
	defer drain(resp.Body)
	if resp.StatusCode != http.StatusOK {
		return answerError(op, resp, false)
	}
	return nil
}

// presentBatch is how many ids are asked for at once.
const presentBatch = 5000

// Present reports which of the ids of records are stored with a time in
// [from, to]. Rows accepted before the call are seen; of a cluster only those
// accepted some seconds before.
func (s *Store) Present(ctx context.Context, ids []string, from, to time.Time) (map[string]bool, error) {
	found := map[string]bool{}
	if len(ids) == 0 {
		return found, nil
	}
	if s.ep.Cluster == nil {
		if err := s.Flush(ctx); err != nil {
			return nil, err
		}
	}
	for len(ids) > 0 {
		n := min(len(ids), presentBatch)
		q := request{
			op:    "look for events",
			query: recordStreams + " id:" + in(ids[:n]) + " | fields id",
			r:     Range{from, to.Add(1)},
			fresh: true, whole: true,
		}
		if err := s.each(ctx, q, func(r row) error {
			found[r["id"]] = true
			return nil
		}); err != nil {
			return nil, err
		}
		ids = ids[n:]
	}
	return found, nil
}
