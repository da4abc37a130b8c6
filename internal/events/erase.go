package events

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Erasure says whose records go for good: exactly one of the fields is set.
type Erasure struct {
	User    string `json:"user,omitempty"`
	Session string `json:"session,omitempty"`
	TraceID string `json:"trace_id,omitempty"`
	CallID  string `json:"call_id,omitempty"`
}

// Field is the field of records by which they are selected, and its value.
func (e Erasure) Field() (name, value string, err error) {
	for _, f := range [][2]string{{"user", e.User}, {"session", e.Session}, {"trace_id", e.TraceID}, {"id", e.CallID}} {
		if f[1] == "" {
			continue
		}
		if name != "" {
			return "", "", &QueryError{Param: f[0], Message: "only one of user, session, trace and call can be erased at a time"}
		}
		name, value = f[0], f[1]
	}
	if name == "" {
		return "", "", &QueryError{Param: "user", Message: "name a user, a session, a trace or a call"}
	}
	return name, value, nil
}

// Erased counts rows by kind.
type Erased map[string]int64

// eraseBatch is how many ids one deletion names.
const eraseBatch = 5000

// maxErase bounds the records of one erasure; they are named in memory.
const maxErase = 5_000_000

// Matching finds what Erase would remove.
func (s *Store) Matching(ctx context.Context, e Erasure) (Erased, error) {
	_, n, err := s.erasable(ctx, e)
	return n, err
}

// erasable finds the ids of the records to erase and of what belongs to them. Of
// a user or a session, records of the same traces belong to it that do not name
// another one: the tools and the log lines of its requests.
func (s *Store) erasable(ctx context.Context, e Erasure) ([]string, Erased, error) {
	field, value, err := e.Field()
	if err != nil {
		return nil, nil, err
	}
	if err := s.Flush(ctx); err != nil {
		return nil, nil, err
	}
	all := s.everything()
	ids, traces := map[string]string{}, map[string]bool{}
	collect := func(query string) error {
		return s.each(ctx, request{op: "find what is to be erased", query: query + " | fields id, kind, trace_id", r: all, fresh: true}, func(r row) error {
			if r["id"] != "" {
				ids[r["id"]] = r["kind"]
			}
			if r["trace_id"] != "" && (field == "user" || field == "session") {
				traces[r["trace_id"]] = true
			}
			if len(ids) > maxErase {
				return &QueryError{Param: field, Message: fmt.Sprintf("more than %d records match: clean by age or service instead", maxErase)}
			}
			return nil
		})
	}
	if err := collect(recordStreams + " " + quote(field) + ":=" + quote(value)); err != nil {
		return nil, nil, err
	}
	known := slices.Sorted(maps.Keys(traces)) // those found from here on add none
	for batch := range slices.Chunk(known, eraseBatch) {
		err := collect(recordStreams + ` trace_id:` + in(batch) + ` (` + quote(field) + `:="" or ` + quote(field) + `:=` + quote(value) + `)`)
		if err != nil {
			return nil, nil, err
		}
	}
	for batch := range slices.Chunk(slices.Sorted(maps.Keys(ids)), eraseBatch) {
		if err := collect(`{kind="feedback"} call_id:` + in(batch)); err != nil {
			return nil, nil, err
		}
	}
	names := slices.Sorted(maps.Keys(ids))
	n := Erased{}
	for _, kind := range ids {
		n[kind]++
	}
	for batch := range slices.Chunk(names, eraseBatch) {
		err := s.each(ctx, request{
			op: "find what is to be erased", query: `{kind="content"} call_id:` + in(batch) + ` | stats by (kind) count() n`, r: all, fresh: true,
		}, func(r row) error {
			rr := newRowReader(r)
			n[r["kind"]] += int64(rr.int("n"))
			return rr.err
		})
		if err != nil {
			return nil, nil, err
		}
	}
	return names, n, nil
}

// everything is the range of all rows that can be.
func (s *Store) everything() Range {
	now := s.now()
	return Range{now.Add(-s.retention - 24*time.Hour), now.Add(maxFuture + 24*time.Hour)}
}

// Erase removes the records, their content, the judgements of them and, of a
// user, its part of the rollups, from the engine's files. Rows that come later
// stay. It returns when nothing of them is left; totals are computed anew. With an
// ErrEngineRestarted it says what there was to erase.
func (s *Store) Erase(ctx context.Context, e Erasure) (Erased, error) {
	epoch := s.Epoch()
	n, err := s.erase(ctx, e)
	return n, s.orRestarted(ctx, epoch, err)
}

func (s *Store) erase(ctx context.Context, e Erasure) (Erased, error) {
	ids, n, err := s.erasable(ctx, e)
	if err != nil {
		return nil, err
	}
	var filters []string
	for batch := range slices.Chunk(ids, eraseBatch) {
		list := in(batch)
		filters = append(filters, `(id:`+list+` or call_id:`+list+`)`)
	}
	if e.User != "" {
		filters = append(filters, "{kind "+in(rollupKinds())+"} user:="+quote(e.User))
	}
	if err := s.deleteRows(ctx, filters...); err != nil {
		return n, err
	}
	left, rest, err := s.erasable(ctx, e)
	if err != nil {
		return nil, err
	}
	// What came meanwhile may be there; what was there may not.
	if slices.ContainsFunc(left, func(id string) bool { _, was := slices.BinarySearch(ids, id); return was }) {
		return nil, &UnavailableError{Op: "erase", Err: fmt.Errorf("rows are left after the deletion: %v", rest)}
	}
	return n, s.rollupAgain(ctx)
}

// Cleaning says what goes because it is old or nobody's any more.
type Cleaning struct {
	Range          // Start may be zero; End must be set
	Service string // only of this service; empty: of all
	Kinds   []string
}

// CleanKinds are the kinds of records that can be cleaned by themselves.
func CleanKinds() []string { return []string{kindCall, kindSpan, kindLog, kindFeedback, kindContent} }

// rollupKind names all rollups in a Cleaning.
const rollupKind = "rollup"

// CleanKind is the kind under which rows of a kind are cleaned: content goes with
// its calls, and all rollups go together.
func CleanKind(kind string) string {
	switch {
	case kind == kindTally || kind == kindContent:
		return kindCall
	case kind == kindMark || slices.Contains(rollupKinds(), kind):
		return rollupKind
	}
	return kind
}

func (c *Cleaning) filter() (string, error) {
	var conds, kinds []string
	for _, k := range c.Kinds {
		switch k {
		case kindCall:
			kinds = append(kinds, kindCall, kindTally)
			conds = append(conds, contentOf(kindCall))
		case kindSpan, kindLog:
			kinds = append(kinds, k)
			conds = append(conds, contentOf(k))
		case kindFeedback:
			kinds = append(kinds, k)
		case kindContent:
			conds = append(conds, prunable)
		case rollupKind:
			kinds = append(kinds, append(rollupKinds(), kindMark)...)
		default:
			return "", &QueryError{Param: "kind", Message: "allowed are " + strings.Join(CleanKinds(), ", ") + ", " + rollupKind}
		}
	}
	f := filterBuilder{}
	if len(kinds) > 0 {
		conds = append(conds, "{kind "+in(kinds)+"}")
	}
	if len(conds) > 0 {
		f.add("(" + strings.Join(conds, " or ") + ")")
	}
	if c.Service != "" {
		f.add(`service:=` + quote(c.Service))
	}
	if f.b.Len() == 0 {
		f.add("*")
	}
	return f.String(), nil
}

// CountClean counts what Clean would remove, by kind.
func (s *Store) CountClean(ctx context.Context, c Cleaning) (Erased, error) {
	f, err := c.filter()
	if err != nil {
		return nil, err
	}
	if c.End.IsZero() {
		return nil, &QueryError{Param: "older_than", Message: "say how old a record must be"}
	}
	n := Erased{}
	if c.Start.IsZero() {
		c.Start = s.everything().Start
	}
	err = s.each(ctx, request{op: "count what is to be cleaned", query: f + " id:* | stats by (kind) count() n", r: c.Range}, func(r row) error {
		rr := newRowReader(r)
		n[r["kind"]] += int64(rr.int("n"))
		return rr.err
	})
	if err != nil || c.Service == "" {
		return n, err
	}
	// Rows of content have no service: they belong to their calls.
	ids, err := s.cleanIDs(ctx, c, f)
	if err != nil {
		return nil, err
	}
	for batch := range slices.Chunk(ids, eraseBatch) {
		err := s.each(ctx, request{op: "count content", query: `{kind="content"} service:="" call_id:` + in(batch) + ` | stats count() n`, r: c.Range}, func(r row) error {
			rr := newRowReader(r)
			n[kindContent] += int64(rr.int("n"))
			return rr.err
		})
		if err != nil {
			return nil, err
		}
	}
	return n, nil
}

// cleanIDs are the Calls with rows of content that do not name their service, as
// they were made before content could go by itself.
func (s *Store) cleanIDs(ctx context.Context, c Cleaning, filter string) ([]string, error) {
	var ids []string
	old, err := s.rows(ctx, request{op: "find content", query: `{kind="content"} id:* service:="" ` + fieldOf + `:="" | limit 1`, r: c.Range})
	if err != nil || len(old) == 0 {
		return nil, err
	}
	err = s.each(ctx, request{op: "find content", query: filter + " " + fieldApart + ":* | fields id", r: c.Range}, func(r row) error {
		ids = append(ids, r["id"])
		return nil
	})
	return ids, err
}

// Clean removes records by age, service and kind. Whoever wants a whole day
// gone drops the day instead.
func (s *Store) Clean(ctx context.Context, c Cleaning) (Erased, error) {
	epoch := s.Epoch()
	n, err := s.clean(ctx, c)
	return n, s.orRestarted(ctx, epoch, err)
}

func (s *Store) clean(ctx context.Context, c Cleaning) (Erased, error) {
	n, err := s.CountClean(ctx, c)
	if err != nil {
		return nil, err
	}
	f, err := c.filter()
	if err != nil {
		return nil, err
	}
	if c.Start.IsZero() {
		c.Start = s.everything().Start
	}
	var filters []string
	if c.Service != "" {
		ids, err := s.cleanIDs(ctx, c, f)
		if err != nil {
			return nil, err
		}
		for batch := range slices.Chunk(ids, eraseBatch) {
			filters = append(filters, `{kind="content"} call_id:`+in(batch))
		}
	}
	filters = append(filters, f+` _time:[`+formatTime(c.Start)+`, `+formatTime(c.End.Add(-1))+`]`)
	if err := s.deleteRows(ctx, filters...); err != nil {
		return nil, err
	}
	if slices.Equal(c.Kinds, []string{kindContent}) {
		return n, nil // totals count no content
	}
	return n, s.rollupAgain(ctx)
}

// rollupAgain computes the rollups of what has changed.
func (s *Store) rollupAgain(ctx context.Context) error {
	s.forgetFullCheck()
	_, err := s.Rollup(ctx)
	return err
}
