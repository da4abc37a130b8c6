package events

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

// Rollups are rows that hold the sums of an hour or a day of Calls, for each
// combination of dimensions that occurred. Queries over long ranges add these
// up instead of the Calls.
//
// There are families of them, which differ in the dimensions they tell apart.
// A query takes the smallest family that knows all the dimensions it names:
// users are many, and the product of all dimensions is more still.
//
// Rows are written once and never changed. Each computation of an hour or a day
// is a generation: it writes its rows under a label of its own and, when the
// engine has them, a mark that names the label. Queries read the rows of the
// newest marked label of each hour and no others, so that a computation that
// was cut, or done twice, or repeated because late Calls arrived, counts once.
//
// An hour is stale when the number of its Calls differs from what its mark
// says. A day is made of its hours, and stale when one of them has a newer
// generation.

// settleTime is how long after its end an hour is left alone, so that the
// Calls that were running then arrive first.
const settleTime = 2 * time.Minute

// fullCheckEvery is how often all hours of the retention are checked for late
// Calls; the last recentHours are checked in every run.
const (
	fullCheckEvery = time.Hour
	recentHours    = 50
)

// rollupState is what the job remembers between runs.
type rollupState struct {
	mu        sync.Mutex             // one run at a time
	checks    map[string]rollupCheck // by tenant
	lastLabel int64
}

// rollupCheck is when all hours of a tenant were checked.
type rollupCheck struct {
	full  time.Time
	epoch uint64
}

// mark is the row that makes a generation count.
type mark struct {
	start time.Time
	day   bool
	calls int64
	label string // of the rows that it makes count
	gen   int64  // generations grow
	rows  int64  // that the label has; fewer are found when a crash took some
}

// RunRollups keeps the rollups up to date until ctx ends.
func (s *Store) RunRollups(ctx context.Context, every time.Duration) error {
	if err := s.WaitReady(ctx); err != nil {
		return nil // ctx has ended
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if s.leads != nil && !s.leads() {
			s.forgetFullCheck() // another replica goes on meanwhile
		} else if n, err := s.rollupAll(ctx); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			s.metrics.rollupErrors.Inc()
			s.log.Warn("rollup failed and will be tried again", "err", err)
		} else if n > 0 {
			s.log.Debug("rolled up", "periods", n)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// forgetFullCheck makes the next run look at everything.
func (s *Store) forgetFullCheck() {
	s.rollups.mu.Lock()
	defer s.rollups.mu.Unlock()
	s.rollups.checks = nil
}

// rollupAll does it for all tenants.
func (s *Store) rollupAll(ctx context.Context) (int, error) {
	done, err := s.Rollup(ctx)
	for _, t := range s.tenants {
		n, terr := s.Rollup(llm.WithTenant(ctx, t))
		done, err = done+n, errors.Join(err, terr)
	}
	return done, err
}

// Rollup brings the rollups up to date and returns how many hours and days it
// computed. Only one run is active at a time.
func (s *Store) Rollup(ctx context.Context) (int, error) {
	s.rollups.mu.Lock()
	defer s.rollups.mu.Unlock()
	if err := s.Flush(ctx); err != nil { // sees the marks of the run before
		return 0, err
	}
	now := s.now().UTC()
	end := now.Add(-settleTime).Truncate(time.Hour)
	// The oldest day is being dropped; nothing can be added to it any more.
	start := now.Add(-s.retention).Truncate(24 * time.Hour).Add(24 * time.Hour)
	if hot := s.hotFrom.Load(); hot > 0 { // nor to days that are cold
		start = later(start, time.Unix(0, hot).UTC().Truncate(24*time.Hour).Add(24*time.Hour))
	}
	epoch := s.Epoch()
	tenant := llm.TenantOf(ctx)
	check := s.rollups.checks[tenant]
	full := now.Sub(check.full) >= fullCheckEvery || epoch != check.epoch
	if !full {
		start = later(start, end.Add(-recentHours*time.Hour).Truncate(24*time.Hour))
	}
	if !start.Before(end) {
		return 0, nil
	}
	marks, err := s.marks(ctx, Range{start, end})
	if err != nil {
		return 0, err
	}
	s.rollups.outdo(marks)
	counts, err := s.callsPerHour(ctx, Range{start, end})
	if err != nil {
		return 0, err
	}
	if full {
		if err := s.dropDamaged(ctx, Range{start, end}, marks); err != nil {
			return 0, err
		}
	}
	done, err := s.rollupPeriods(ctx, Range{start, end}, marks, counts)
	s.metrics.rollups.Add(float64(done))
	if err == nil && full {
		if s.rollups.checks == nil {
			s.rollups.checks = map[string]rollupCheck{}
		}
		s.rollups.checks[tenant] = rollupCheck{now, epoch}
	}
	return done, err
}

// dropDamaged forgets the marks of which rows are missing: the engine may have
// lost some in a crash and kept the mark.
func (s *Store) dropDamaged(ctx context.Context, r Range, marks *markSet) error {
	found := map[string]int64{}
	err := s.each(ctx, request{
		whole: true,
		op:    "check rollups",
		query: "{kind " + in(rollupKinds()) + "} label:* | stats by (label) count() n",
		r:     r,
	}, func(m row) error {
		n, err := strconv.ParseInt(m["n"], 10, 64)
		found[m["label"]] = n
		return err
	})
	if err != nil {
		return err
	}
	for _, set := range []map[int64]mark{marks.hours, marks.days} {
		for k, m := range set {
			if found[m.label] != m.rows {
				delete(set, k)
			}
		}
	}
	return nil
}

// rollupPeriods computes the hours and then the days that are stale.
func (s *Store) rollupPeriods(ctx context.Context, r Range, marks *markSet, counts map[int64]int64) (done int, err error) {
	start, end := r.Start, r.End
	for h := start; h.Before(end); h = h.Add(time.Hour) {
		if m, ok := marks.hours[h.Unix()]; ok && m.calls == counts[h.Unix()] || !ok && counts[h.Unix()] == 0 {
			continue
		}
		m, err := s.rollupHour(ctx, h)
		if errors.Is(err, errCold) {
			continue // it became cold meanwhile, and has what it has
		}
		if err != nil {
			return done, err
		}
		marks.hours[h.Unix()] = m
		done++
	}
	if done > 0 {
		if err := s.Flush(ctx); err != nil { // the days read the hours
			return done, err
		}
	}
	for d := start; !d.Add(24 * time.Hour).After(end); d = d.Add(24 * time.Hour) {
		if !marks.dayIsStale(d) {
			continue
		}
		if err := s.rollupDay(ctx, d, marks); errors.Is(err, errCold) {
			continue
		} else if err != nil {
			return done, err
		}
		done++
	}
	return done, nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// callsPerHour counts the stored Calls of each hour, keyed by its Unix time.
func (s *Store) callsPerHour(ctx context.Context, r Range) (map[int64]int64, error) {
	rows, err := s.rows(ctx, request{
		whole: true, op: "count calls by hour", query: countedStream + " status:* | stats by (_time:1h) count() calls", r: r,
	})
	if err != nil {
		return nil, err
	}
	counts := make(map[int64]int64, len(rows))
	for _, m := range rows {
		rr := newRowReader(m)
		counts[rr.time("_time").Unix()] = int64(rr.int("calls"))
		if rr.err != nil {
			return nil, rr.err
		}
	}
	return counts, nil
}

// outdo makes generations to come newer than those of marks: their clock may have
// been ahead of that of now, and they would win for ever.
func (st *rollupState) outdo(marks *markSet) {
	for _, set := range []map[int64]mark{marks.hours, marks.days} {
		for _, m := range set {
			st.lastLabel = max(st.lastLabel, m.gen)
		}
	}
}

// newLabel returns a generation that is newer than all before.
func (s *Store) newLabel() (string, int64) {
	s.rollups.lastLabel = max(s.rollups.lastLabel+1, s.now().UnixNano())
	return strconv.FormatInt(s.rollups.lastLabel, 36), s.rollups.lastLabel
}

// rollupHour computes an hour from its Calls.
func (s *Store) rollupHour(ctx context.Context, start time.Time) (mark, error) {
	label, gen := s.newLabel()
	m := mark{start: start, label: label, gen: gen}
	w := rollupWriter{s: s, start: start, label: label}
	for _, f := range families {
		m.calls = 0 // each family counts all Calls
		err := s.each(ctx, request{
			whole: true, op: "roll up calls",
			query: countedStream + " status:* | " + weighted("stats by ("+fieldList(f.dimensions)) + "count() calls, max(_time) last, " +
				sums(f.sums()) + histograms(f.sketches),
			r: Range{start, start.Add(time.Hour)},
		}, func(row row) error {
			n, err := strconv.ParseInt(row["calls"], 10, 64)
			if err != nil {
				return fmt.Errorf("roll up calls: %w", err)
			}
			m.calls += n
			rr := newRowReader(row)
			for _, field := range f.sketches {
				sk, err := parseEngineHistogram(row[field+sketchSuffix])
				if err != nil {
					return err
				}
				sk.scale(rr.weight())
				row[field+sketchSuffix] = sk.String()
			}
			rr.scaleSums(f)
			return w.write(ctx, f.hourKind(), row)
		})
		if err != nil {
			return m, err
		}
	}
	m.rows = int64(w.n)
	return m, w.finish(ctx, m)
}

// scaleSums multiplies the sums of a row by its weight, which it drops: rows of
// one group and several weights add up.
func (r *rowReader) scaleSums(f *family) {
	w := r.weight()
	delete(r.r, fieldWeight)
	if w == 1 {
		return
	}
	for _, name := range append(f.sums(), "calls") {
		if v, ok := r.optFloat(name).Get(); ok && !math.IsNaN(v) {
			r.r[name] = string(appendFloat(nil, v*w))
		}
	}
}

// sketchSuffix ends the name of the field that holds a sketch of another.
const sketchSuffix = "_sketch"

// sums are the stats functions that add up fields.
func sums(fields []string) string {
	exprs := make([]string, len(fields))
	for i, f := range fields {
		exprs[i] = "sum(" + quote(f) + ") " + quote(f)
	}
	return strings.Join(exprs, ", ")
}

// histograms are the stats functions that make sketches of fields.
func histograms(fields []string) string {
	var b strings.Builder
	for _, f := range fields {
		b.WriteString(", histogram(" + f + ") " + f + sketchSuffix)
	}
	return b.String()
}

// rollupDay adds up the hours of a day.
func (s *Store) rollupDay(ctx context.Context, start time.Time, marks *markSet) error {
	label, gen := s.newLabel()
	m := mark{start: start, day: true, label: label, gen: gen}
	var labels []string
	for h := range 24 {
		if hm, ok := marks.hours[start.Add(time.Duration(h)*time.Hour).Unix()]; ok {
			labels = append(labels, hm.label)
			m.calls += hm.calls
		}
	}
	w := rollupWriter{s: s, start: start, label: label}
	for _, f := range families {
		if len(labels) == 0 {
			break
		}
		if err := s.addUpHours(ctx, f, labels, &w); err != nil {
			return err
		}
	}
	m.rows = int64(w.n)
	if err := w.finish(ctx, m); err != nil {
		return err
	}
	marks.days[start.Unix()] = m
	return nil
}

// addUpHours writes the rows of a day of one family.
func (s *Store) addUpHours(ctx context.Context, f *family, labels []string, w *rollupWriter) error {
	r := Range{w.start, w.start.Add(24 * time.Hour)}
	filter := stream(f.hourKind(), "", "") + " label:" + in(labels)
	sketches := map[string]*latencySums{}
	if len(f.sketches) > 0 {
		// The engine cannot add up sketches.
		err := s.each(ctx, request{
			whole: true,
			op:    "roll up latencies of a day",
			query: filter + " | fields " + fieldList(append(sketchColumns(), f.dimensions...)),
			r:     r,
		}, func(m row) error {
			key := groupKey(m, f.dimensions)
			if sketches[key] == nil {
				sketches[key] = newLatencySums()
			}
			return sketches[key].addRollup(m)
		})
		if err != nil {
			return err
		}
	}
	return s.each(ctx, request{
		whole: true,
		op:    "roll up a day",
		query: filter + " | stats by (" + fieldList(f.dimensions) + ") sum(calls) calls, max(last) last, " + sums(f.sums()),
		r:     r,
	}, func(m row) error {
		if l := sketches[groupKey(m, f.dimensions)]; l != nil {
			for _, field := range f.sketches {
				m[field+sketchSuffix] = l.sketch[field].String()
			}
		}
		return w.write(ctx, f.dayKind(), m)
	})
}

// sketchColumns are the fields of rollup rows that describe durations.
func sketchColumns() []string {
	var out []string
	for _, f := range latencyFields {
		out = append(out, f, f+sketchSuffix)
	}
	return out
}

// groupKey joins the values of fields without ambiguity.
func groupKey(m row, fields []string) string {
	var b strings.Builder
	for _, f := range fields {
		v := m[f]
		b.WriteString(strconv.Itoa(len(v)))
		b.WriteByte(':')
		b.WriteString(v)
	}
	return b.String()
}

// rollupWriter sends rollup rows in batches.
type rollupWriter struct {
	s     *Store
	start time.Time
	label string
	buf   []byte
	n     int
}

// rollupBatch is how many bytes of rollup rows are sent at once.
const rollupBatch = 4 << 20

func (w *rollupWriter) write(ctx context.Context, kind string, m row) error {
	w.n++
	rw := rowWriter{buf: w.buf}
	rw.begin(w.label+"."+strconv.Itoa(w.n), w.start, kind)
	rw.str("_msg", kind)
	rw.str("label", w.label)
	for name, v := range m {
		if v == "NaN" || v == "" || strings.HasPrefix(name, "_") {
			continue // the sum of nothing
		}
		rw.name(name)
		rw.buf = appendString(rw.buf, v)
	}
	rw.end()
	w.buf = rw.buf
	if len(w.buf) >= rollupBatch {
		return w.flush(ctx)
	}
	return nil
}

func (w *rollupWriter) flush(ctx context.Context) error {
	if len(w.buf) == 0 {
		return nil
	}
	err := w.s.insertAt(ctx, w.start, w.buf)
	w.buf = w.buf[:0]
	return err
}

// finish writes the mark, once the engine has taken all the rows.
func (w *rollupWriter) finish(ctx context.Context, m mark) error {
	if err := w.flush(ctx); err != nil {
		return err
	}
	rw := rowWriter{buf: w.buf[:0]}
	rw.begin(m.label, m.start, kindMark)
	period := "hour"
	if m.day {
		period = "day"
	}
	rw.str("_msg", "rollup of "+period+" "+formatTime(m.start))
	rw.str("period", period)
	rw.str("label", m.label)
	rw.name("calls")
	rw.buf = strconv.AppendInt(rw.buf, m.calls, 10)
	rw.name("gen")
	rw.buf = strconv.AppendInt(rw.buf, m.gen, 10)
	rw.name("rows")
	rw.buf = strconv.AppendInt(rw.buf, m.rows, 10)
	rw.end()
	return w.s.insertAt(ctx, w.start, rw.buf)
}

// markSet holds the newest mark of every hour and day, keyed by Unix time.
type markSet struct {
	hours, days map[int64]mark
}

// dayIsStale reports whether a day must be computed: it has Calls and no mark,
// or an hour newer than its mark.
func (ms *markSet) dayIsStale(start time.Time) bool {
	d, ok := ms.days[start.Unix()]
	calls := int64(0)
	for h := range 24 {
		hm, exists := ms.hours[start.Add(time.Duration(h)*time.Hour).Unix()]
		if exists && ok && hm.gen > d.gen {
			return true
		}
		calls += hm.calls
	}
	return !ok && calls > 0 || ok && calls != d.calls
}

// marks reads the marks of a range.
func (s *Store) marks(ctx context.Context, r Range) (*markSet, error) {
	ms := &markSet{hours: map[int64]mark{}, days: map[int64]mark{}}
	err := s.each(ctx, request{
		op:    "read rollup marks",
		query: stream(kindMark, "", "") + " gen:* | fields _time, period, label, calls, gen, rows",
		r:     r,
	}, func(m row) error {
		rr := newRowReader(m)
		gen, _ := rr.optInt("gen").Get()
		calls, _ := rr.optInt("calls").Get()
		n, _ := rr.optInt("rows").Get()
		k := mark{start: rr.time("_time"), day: m["period"] == "day", label: m["label"], calls: calls, gen: gen, rows: n}
		if rr.err != nil {
			return rr.err
		}
		set := ms.hours
		if k.day {
			set = ms.days
		}
		if old, ok := set[k.start.Unix()]; !ok || old.gen < k.gen {
			set[k.start.Unix()] = k
		}
		return nil
	})
	return ms, err
}
