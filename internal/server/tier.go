package server

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/pitot-dev/pitot/internal/api"
	"github.com/pitot-dev/pitot/internal/config"
	"github.com/pitot-dev/pitot/internal/events"
	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/redact"
	"github.com/pitot-dev/pitot/internal/tier"
)

// eventLimits are the age and the size at which the engine itself drops days.
// With cold storage a day that was brought back must not be too old for it, and
// days move before they would be dropped.
func (s *Server) eventLimits() (retention time.Duration, maxDisk int64) {
	e := &s.config.Storage.Events
	retention, maxDisk = time.Duration(e.Retention), int64(e.MaxDisk)
	if e.Cold.Enabled() {
		retention += time.Duration(e.Cold.Retention) + 2*24*time.Hour
		if maxDisk > 0 {
			maxDisk += maxDisk/4 + int64(e.Cold.Cache)
		}
	}
	return retention, maxDisk
}

// buildTier sets up cold storage where it is configured.
func (s *Server) buildTier() error {
	e := &s.config.Storage.Events
	if !e.Cold.Enabled() {
		return nil
	}
	var err error
	s.tier, err = tier.New(tier.Options{
		Config: e.Cold, Dir: s.eventsDir(), Hot: time.Duration(e.Retention), MaxDisk: int64(e.MaxDisk), Engine: s.events, Logger: s.component("tier"), Data: s.opts.DataDir,
		Prepare: s.prepareMoves(),
	})
	if err != nil {
		return err
	}
	s.events.SetCold(s.tier)
	return nil
}

const (
	// journalWait is how long a round waits for the journal before days move, and
	// journalPatience how long days stay for it.
	journalWait     = 30 * time.Second
	journalPatience = 10 * time.Minute
)

// prepareMoves returns what is done before days become cold, and take no records
// any more: those of them that wait in the journal, after a start or a stall, are
// stored first. Not without end: on a full disk days must move before records can
// be stored again. And what is past the age of its kind must not become cold.
func (s *Server) prepareMoves() func(context.Context) error {
	var stall journalStall
	return func(ctx context.Context) error {
		wait, cancel := context.WithTimeout(ctx, journalWait)
		err := s.delivered(wait)
		cancel()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if stall.holds(err, time.Now()) {
			return fmt.Errorf("days wait for the journal: %w", err)
		}
		if err != nil {
			s.component("tier").Warn("days move though the journal is not delivered: records of these days that are in it will be refused", "err", err)
		}
		return s.cleanAged(ctx, kindAges(&s.config.Storage.Events.Ages), time.Now())
	}
}

// journalStall is since when the journal has been behind; zero: it is not.
type journalStall struct{ since time.Time }

// holds says whether days stay, after a wait for the journal that ended with err.
func (j *journalStall) holds(err error, now time.Time) bool {
	if err == nil {
		j.since = time.Time{}
		return false
	}
	if j.since.IsZero() {
		j.since = now
	}
	return now.Sub(j.since) < journalPatience
}

// runTier moves old days once the engine is up.
func (s *Server) runTier(ctx context.Context) {
	if s.tier == nil || s.events.WaitReady(ctx) != nil {
		return
	}
	s.tier.Run(ctx)
}

// tierStatus says how cold storage is doing.
func (s *Server) tierStatus() []api.Component {
	if s.tier == nil {
		return nil
	}
	st := s.tier.Status()
	var bytes int64
	for _, n := range st.Days {
		bytes += n
	}
	c := api.Component{Name: "cold storage", State: api.StateOK, Detail: fmt.Sprintf("%d days, %.1f MB in %s, %d brought back", len(st.Days), float64(bytes)/1e6, st.Place, len(st.Thawed))}
	if st.Err != nil {
		c.State, c.Detail, c.Hint = api.StateDegraded, st.Err.Error(), "old days stay in the event store until it works again: see whether "+st.Place+" can be reached and written"
	}
	return []api.Component{c}
}

// encoding says how records are stored: content apart where it has an age or a
// size of its own, so that it can go before its calls.
func (s *Server) encoding() events.Encoding {
	if s.config.Storage.Events.Ages.Content == (config.KindAge{}) {
		return events.Encoding{}
	}
	return events.Encoding{ContentApart: true, IsContent: redact.ContentAttribute, IsContentParam: redact.ContentParam}
}

// agesEvery is how often the kinds' own ages and sizes are looked at.
const agesEvery = time.Hour

// runAges removes records whose kind has a shorter life than the others.
func (s *Server) runAges(ctx context.Context) {
	ages := kindAges(&s.config.Storage.Events.Ages)
	if len(ages) == 0 || s.events.WaitReady(ctx) != nil {
		return
	}
	tick := time.NewTicker(agesEvery)
	defer tick.Stop()
	for {
		if err := s.ageOnce(ctx, ages, time.Now()); err != nil && ctx.Err() == nil {
			s.component("events").Warn("records past their age were not removed; it is tried again", "err", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func kindAges(a *config.EventAges) map[string]config.KindAge {
	all := map[string]config.KindAge{"call": a.Calls, "span": a.Spans, "log": a.Logs, "feedback": a.Feedback, "rollup": a.Rollups, "content": a.Content}
	maps.DeleteFunc(all, func(_ string, k config.KindAge) bool { return k == config.KindAge{} })
	return all
}

// ageOnce removes what is past the age of its kind, by whole days, and the
// oldest days of kinds that use too much. Days that became cold before the age of
// a kind are brought back for it; they move again.
func (s *Server) ageOnce(ctx context.Context, ages map[string]config.KindAge, now time.Time) error {
	if s.tier != nil {
		for day, moved := range s.tier.Status().MovedAt {
			start, err := events.ParseDay(day)
			if err != nil || !aged(ages, start.Add(24*time.Hour), moved, now) {
				continue
			}
			_, release, err := s.tier.Recall(ctx, start, start.Add(24*time.Hour))
			if err != nil {
				return err
			}
			release() // a round cleans it before it moves
		}
	}
	return s.cleanAged(ctx, ages, now)
}

// aged reports whether a day that ended then has grown older than one of the ages
// since it became cold.
func aged(ages map[string]config.KindAge, end, moved, now time.Time) bool {
	for _, a := range ages {
		if old := end.Add(time.Duration(a.Retention)); a.Retention > 0 && moved.Before(old) && !now.Before(old) {
			return true
		}
	}
	return false
}

// cleanAged does it for the days that are at hand, tenant by tenant.
func (s *Server) cleanAged(ctx context.Context, ages map[string]config.KindAge, now time.Time) error {
	for _, tenant := range append([]string{llm.DefaultTenant}, s.tenants()...) {
		if err := s.cleanTenant(llm.WithTenant(ctx, tenant), ages, now); err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) cleanTenant(ctx context.Context, ages map[string]config.KindAge, now time.Time) error {
	ends := map[string]time.Time{}
	stats := []events.DataStat(nil)
	for kind, a := range ages {
		if a.Retention > 0 {
			ends[kind] = now.Add(-time.Duration(a.Retention)).UTC().Truncate(24 * time.Hour)
		}
		if a.MaxDisk == 0 {
			continue
		}
		if stats == nil {
			var err error
			if stats, err = s.events.DataStats(ctx, events.Range{}); err != nil {
				return err
			}
		}
		if end := sizeEnd(stats, kind, int64(a.MaxDisk)); end.After(ends[kind]) {
			ends[kind] = end
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(ends)) {
		c := events.Cleaning{Range: events.Range{End: ends[kind]}, Kinds: []string{kind}}
		n, err := s.events.CountClean(ctx, c)
		if err != nil {
			return err
		}
		if total(n) == 0 {
			continue
		}
		if _, err := s.events.Clean(ctx, c); err != nil {
			return err
		}
		s.log.Info("records past the age of their kind were removed", "kind", kind, "end", ends[kind], "rows", total(n))
	}
	return nil
}

// sizeEnd is the end of the newest day that a kind has no room for; zero where
// all fit.
func sizeEnd(stats []events.DataStat, kind string, most int64) time.Time {
	of := slices.DeleteFunc(slices.Clone(stats), func(st events.DataStat) bool { return st.Kind != kind && events.CleanKind(st.Kind) != kind })
	slices.SortFunc(of, func(a, b events.DataStat) int { return cmp.Compare(b.Day.Unix(), a.Day.Unix()) })
	var sum int64
	for _, st := range of {
		if sum += st.Bytes; sum > most {
			return st.Day.Add(24 * time.Hour)
		}
	}
	return time.Time{}
}
