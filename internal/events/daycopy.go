package events

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// copiedRow is a line of a day's rows: whose it is, and its fields.
type copiedRow struct {
	Tenant tenantID `json:"tenant"`
	Fields row      `json:"fields"`
}

// key tells a row of a day from the others.
func (c *copiedRow) key() string { return c.Fields["kind"] + " " + c.Fields["id"] }

// WriteDay writes all rows of a day, of every tenant, to w: one line of JSON each.
func (s *Store) WriteDay(ctx context.Context, day string, w io.Writer) error {
	start, err := ParseDay(day)
	if err != nil {
		return err
	}
	whole := Range{start, start.Add(24 * time.Hour)}
	if err := s.Flush(ctx); err != nil {
		return err
	}
	ids, err := s.tenantIDs(ctx, whole)
	if err != nil {
		return err
	}
	enc := json.NewEncoder(w)
	for _, id := range ids {
		own := context.WithValue(ctx, tenantIDKey{}, id)
		for at := start; at.Before(whole.End); at = at.Add(time.Hour) { // an answer is bounded
			q := request{op: "copy day", query: "* | delete _stream, _stream_id", r: Range{at, at.Add(time.Hour)}, fresh: true, whole: true}
			err := s.each(own, q, func(r row) error { return enc.Encode(copiedRow{id, r}) })
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// copyBatch and copyBytes bound the rows that AddToDay looks for and inserts at
// once.
const (
	copyBatch = 500
	copyBytes = 8 << 20
)

// AddToDay inserts the rows of a day, as WriteDay wrote them, which are not there
// yet, and brings the rollups of the day up to date. It may be repeated. The
// caller sees to it that nobody else writes to the day; it may be cold.
func (s *Store) AddToDay(ctx context.Context, day string, r io.Reader) error {
	start, err := ParseDay(day)
	if err != nil {
		return err
	}
	sc := bufio.NewScanner(r)
	sc.Buffer(make([]byte, 0, 64<<10), 2*maxLine) // quoted once more
	var batch []copiedRow
	size := 0
	for sc.Scan() {
		var c copiedRow
		if err := json.Unmarshal(sc.Bytes(), &c); err != nil {
			return fmt.Errorf("rows of day %s: %w", day, err)
		}
		if len(batch) > 0 && (len(batch) == copyBatch || size > copyBytes || c.Tenant != batch[0].Tenant) {
			if err := s.addRows(ctx, start, batch); err != nil {
				return err
			}
			batch, size = batch[:0], 0
		}
		batch = append(batch, c)
		size += len(sc.Bytes())
	}
	if err := sc.Err(); err != nil {
		return fmt.Errorf("rows of day %s: %w", day, err)
	}
	if err := s.addRows(ctx, start, batch); err != nil {
		return err
	}
	return s.rollupCold(ctx, Range{start, start.Add(24 * time.Hour)})
}

// rollupCold brings the rollups of all tenants of a cold day up to date.
func (s *Store) rollupCold(ctx context.Context, day Range) error {
	s.rollups.mu.Lock()
	defer s.rollups.mu.Unlock()
	if err := s.Flush(ctx); err != nil {
		return err
	}
	ids, err := s.tenantIDs(ctx, day)
	if err != nil {
		return err
	}
	for _, id := range ids {
		own := context.WithValue(context.WithValue(ctx, tenantIDKey{}, id), intoColdKey{}, true)
		marks, err := s.marks(own, day)
		if err != nil {
			return err
		}
		s.rollups.outdo(marks)
		counts, err := s.callsPerHour(own, day)
		if err != nil {
			return err
		}
		if _, err := s.rollupPeriods(own, day, marks, counts); err != nil {
			return err
		}
	}
	return nil
}

// addRows inserts those rows of one tenant that are not there.
func (s *Store) addRows(ctx context.Context, start time.Time, rows []copiedRow) error {
	if len(rows) == 0 {
		return nil
	}
	ctx = context.WithValue(ctx, tenantIDKey{}, rows[0].Tenant)
	ids := make([]string, len(rows))
	for i := range rows {
		ids[i] = rows[i].Fields["id"]
	}
	found := map[string]bool{}
	if err := s.Flush(ctx); err != nil {
		return err
	}
	q := request{op: "look for rows of a day", query: "id:" + in(ids) + " | fields kind, id", r: Range{start, start.Add(24 * time.Hour)}, fresh: true, whole: true}
	err := s.each(ctx, q, func(r row) error {
		found[(&copiedRow{Fields: r}).key()] = true
		return nil
	})
	if err != nil {
		return err
	}
	var lines bytes.Buffer
	enc := json.NewEncoder(&lines)
	for i := range rows {
		if found[rows[i].key()] {
			continue
		}
		found[rows[i].key()] = true // a file may have a row twice
		if rows[i].Fields["_time"] == "" {
			return errors.New("a row of a day has no time")
		}
		if err := enc.Encode(rows[i].Fields); err != nil {
			return err
		}
	}
	if lines.Len() == 0 {
		return nil
	}
	return s.insert(ctx, lines.Bytes())
}
