package events

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// DayLayout is how the engine writes a day, the unit in which it stores rows.
const DayLayout = "20060102"

// Freeze holds back every insert until release is called, so that what is
// stored stands still. Whoever inserts waits; queries go on.
func (s *Store) Freeze() (release func()) {
	s.gate.Lock()
	return s.gate.Unlock
}

// Days lists the days of which the engine has rows at hand, oldest first. It
// asks the embedded engine: a cluster has no such list.
func (s *Store) Days(ctx context.Context) ([]string, error) {
	var days []string
	err := s.manage(ctx, "list days", "/internal/partition/list", nil, &days)
	return days, err
}

// SnapshotDay makes hard links of a day's files and returns their directory.
func (s *Store) SnapshotDay(ctx context.Context, day string) (string, error) {
	var path string
	err := s.manage(ctx, "snapshot day", "/internal/partition/snapshot/create", url.Values{"name": {day}}, &path)
	return path, err
}

// DetachDay lets go of a day: its rows are not found any more, its files stay.
func (s *Store) DetachDay(ctx context.Context, day string) error {
	return s.manage(ctx, "detach day", "/internal/partition/detach", url.Values{"name": {day}}, nil)
}

// AttachDay takes a day in whose files are in place.
func (s *Store) AttachDay(ctx context.Context, day string) error {
	s.gate.RLock() // the engine begins to merge its files: not beside a deletion
	defer s.gate.RUnlock()
	return s.manage(ctx, "attach day", "/internal/partition/attach", url.Values{"name": {day}}, nil)
}

// manage calls the embedded engine's own API.
func (s *Store) manage(ctx context.Context, op, path string, form url.Values, out any) error {
	b, err := s.ask(ctx, op, path, form)
	if err != nil || out == nil {
		return err
	}
	if err := json.Unmarshal(b, out); err != nil {
		return &UnavailableError{Op: op, Err: fmt.Errorf("the engine answered %q: %w", prefix(string(b), 200), err)}
	}
	return nil
}

// maxManaged bounds an answer to manage.
const maxManaged = 16 << 20

func (s *Store) ask(ctx context.Context, op, path string, form url.Values) ([]byte, error) {
	return s.send(ctx, op, http.MethodPost, path, form)
}

func (s *Store) send(ctx context.Context, op, method, path string, form url.Values) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, s.ep.InsertURL+path, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	setTenant(ctx, req.Header)
	resp, err := s.ep.Client.Do(req) //nolint:bodyclose // drain closes it
	if err != nil {
		return nil, unavailable(ctx, op, err)
	}
	defer drain(resp.Body)
	if resp.StatusCode/100 != 2 {
		return nil, answerError(op, resp, false)
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxManaged))
	if err != nil {
		return nil, unavailable(ctx, op, err)
	}
	return bytes.TrimSpace(b), nil
}

// ParseDay is the start of a day.
func ParseDay(day string) (time.Time, error) {
	t, err := time.Parse(DayLayout, day)
	if err != nil {
		return time.Time{}, fmt.Errorf("day %q: not of the form YYYYMMDD", day)
	}
	return t, nil
}
