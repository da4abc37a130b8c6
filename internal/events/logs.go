package events

import (
	"context"
	"iter"
	"maps"
	"strconv"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

// logsql is the filter for the logs that q asks for, without q.Query.
func (q *LogQuery) logsql() string {
	var f filterBuilder
	f.add(stream(kindLog, q.Service, ""))
	f.add("_msg:*")
	f.is("level", q.Level)
	f.is("trace_id", q.TraceID)
	return f.String()
}

// Logs returns a page of log records, newest first unless q says otherwise.
func (s *Store) Logs(ctx context.Context, q LogQuery) (LogPage, error) {
	limit, err := checkLimit(q.Limit, DefaultLimit, MaxLimit)
	if err != nil {
		return LogPage{}, err
	}
	p := pager{
		s: s, op: "list logs", filter: q.logsql(), user: userFilters(q.Query), fields: "*",
		r: s.resolveOpen(q.Range), limit: limit,
	}
	p.hash = hashOf(p.filter, p.user, q.Oldest, formatTime(q.Start), formatTime(q.End))
	if q.Cursor != "" {
		if p.from, err = parseCursor(q.Cursor, p.hash); err != nil {
			return LogPage{}, err
		}
	}
	rows, next, err := p.byTime(ctx, q.Oldest)
	if err != nil {
		return LogPage{}, err
	}
	page := LogPage{Logs: make([]*llm.Log, 0, len(rows)), NextCursor: next}
	for _, r := range rows {
		l, err := decodeLog(r)
		if err != nil {
			return LogPage{}, err
		}
		page.Logs = append(page.Logs, l)
	}
	return page, nil
}

// Log returns one log record with the whole of its message, or ErrNotFound.
func (s *Store) Log(ctx context.Context, id string) (*llm.Log, error) {
	if id == "" || len(id) > maxFieldName {
		return nil, ErrNotFound
	}
	rows, err := s.rows(ctx, request{
		op: "get log", query: stream(kindLog, "", "") + " id:=" + quote(id) + " | limit 1", r: s.rangeOfID(id),
	})
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, ErrNotFound
	}
	if err := s.joinContent(ctx, rows[0]); err != nil {
		return nil, err
	}
	return decodeLog(rows[0])
}

// A record is stored when it ends, under the time when it began, so that a tail
// by time alone would miss what took long. The tail looks at all that began in
// the last tailWindow, and further back at what lasted until about now.
const (
	tailEvery   = time.Second
	tailWindow  = 10 * time.Second
	tailHorizon = 30 * time.Minute
)

// tailFilter selects what may have ended in the last tailWindow.
func tailFilter(now time.Time, withDuration bool) string {
	at := func(d time.Duration) string { return "_time:>=" + formatTime(now.Add(-d)) }
	f := "(" + at(tailWindow)
	if withDuration {
		// Each line reaches back further, for longer records only.
		f += " or " + at(30*time.Second) + " duration_seconds:>=2" +
			" or " + at(2*time.Minute) + " duration_seconds:>=20" +
			" or duration_seconds:>=100"
	}
	return f + ")"
}

// foundUntil is until when tailFilter may select a row, with a margin for looks
// that take long.
func foundUntil(r row, now time.Time) time.Time {
	began, err := time.Parse(time.RFC3339Nano, r["_time"])
	if err != nil {
		return now.Add(tailHorizon + time.Minute)
	}
	back := tailWindow
	switch d, _ := strconv.ParseFloat(r["duration_seconds"], 64); {
	case d >= 100:
		back = tailHorizon
	case d >= 20:
		back = 2 * time.Minute
	case d >= 2:
		back = 30 * time.Second
	}
	return began.Add(back + time.Minute)
}

// TailCalls yields Calls, without content, as they are stored, until ctx ends
// or the caller has enough. It begins with those of the last moments. An error
// is yielded and the tail goes on.
func (s *Store) TailCalls(ctx context.Context, f CallFilter) iter.Seq2[*llm.Call, error] {
	if err := f.validate(); err != nil {
		return func(yield func(*llm.Call, error) bool) { yield(nil, err) }
	}
	return tail(ctx, s, f.logsql(), f.userFilters(), listFields, true, decodeCall)
}

// TailLogs yields log records as TailCalls yields Calls.
func (s *Store) TailLogs(ctx context.Context, q LogQuery) iter.Seq2[*llm.Log, error] {
	return tail(ctx, s, q.logsql(), userFilters(q.Query), "*", false, decodeLog)
}

// tailBatch is the most records that one look yields; a faster stream is thinned.
const tailBatch = 5000

func tail[T any](ctx context.Context, s *Store, filter string, user []string, fields string, withDuration bool, decode func(row) (T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		seen := map[string]time.Time{} // until when a look may find it again
		tick := time.NewTicker(tailEvery)
		defer tick.Stop()
		for {
			now := s.now()
			maps.DeleteFunc(seen, func(_ string, until time.Time) bool { return now.After(until) })
			rows, err := s.rows(ctx, request{
				op:      "tail",
				query:   filter + " " + tailFilter(now, withDuration) + " | fields " + fields + " | sort by (_time desc) limit " + itoa(tailBatch),
				filters: user,
				r:       Range{now.Add(-tailHorizon), now.Add(time.Minute)},
			})
			if ctx.Err() != nil {
				return
			}
			if err != nil {
				var none T
				if !yield(none, err) {
					return
				}
			}
			sortRows(rows, true)
			for _, r := range rows {
				if _, ok := seen[r["id"]]; ok {
					continue
				}
				seen[r["id"]] = foundUntil(r, now)
				if !yield(decode(r)) {
					return
				}
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	}
}
