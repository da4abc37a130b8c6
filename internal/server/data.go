package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pitot-dev/pitot/internal/api"
	"github.com/pitot-dev/pitot/internal/durable"
	"github.com/pitot-dev/pitot/internal/events"
	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/pipeline"
	"github.com/pitot-dev/pitot/internal/tier"
)

// Stats says what is stored.
func (d dataAdmin) Stats(ctx context.Context, r events.Range, all bool) (*api.DataReport, error) {
	s := d.Server
	if err := s.embedded(); err != nil {
		return nil, err
	}
	stats := s.events.DataStats
	if all {
		stats = s.events.AllDataStats
	}
	rows, err := stats(ctx, r)
	if err != nil {
		return nil, err
	}
	rep := &api.DataReport{
		Time: time.Now().UTC(), Rows: rows, Days: []api.DataDay{}, Stores: map[string]int64{},
		Note: "bytes of rows are those of their columns, compressed, with their search index; a day's files hold the shared indexes, too",
	}
	days, err := s.events.Days(ctx)
	if err != nil {
		return nil, err
	}
	for _, name := range days {
		day, err := events.ParseDay(name)
		if err != nil {
			continue // the engine's own names
		}
		n, err := dirBytes(s.dayDir(name))
		if err != nil {
			return nil, err
		}
		rep.Days = append(rep.Days, api.DataDay{Day: day, Tier: "hot", Bytes: n})
	}
	if s.tier != nil {
		cold := s.tier.Status().Days
		for _, name := range slices.Sorted(maps.Keys(cold)) {
			if day, err := events.ParseDay(name); err == nil && !slices.Contains(days, name) {
				rep.Days = append(rep.Days, api.DataDay{Day: day, Tier: "cold", Bytes: cold[name]})
			}
		}
	}
	for _, store := range []string{"events", "metrics", "journal", "alerts"} {
		if rep.Stores[store], err = dirBytes(filepath.Join(s.opts.DataDir, store)); err != nil {
			return nil, err
		}
	}
	return rep, nil
}

func (s *Server) eventsDir() string { return filepath.Join(s.opts.DataDir, "events") }

// dayDir holds the engine's files of a day.
func (s *Server) dayDir(day string) string {
	return filepath.Join(s.eventsDir(), "partitions", day)
}

// dirBytes is the size of the files below a directory; files may go meanwhile.
func dirBytes(dir string) (int64, error) {
	var n int64
	err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || e.IsDir() {
			return err
		}
		if st, err := e.Info(); err == nil {
			n += st.Size()
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("size of %s: %w", dir, err)
	}
	return n, nil
}

// Clean removes records by age, service and kind.
func (d dataAdmin) Clean(ctx context.Context, c events.Cleaning, withMetrics, dry bool) (*api.CleanReport, error) {
	s := d.Server
	if err := s.embedded(); err != nil {
		return nil, err
	}
	s.snapshots.mu.Lock() // one piece of work on the stores at a time
	defer s.snapshots.mu.Unlock()
	rep := &api.CleanReport{Tenant: llm.TenantOf(ctx), DryRun: dry, End: c.End.UTC(), Metrics: withMetrics}
	days, err := s.wholeDays(ctx, c)
	if err != nil {
		return nil, err
	}
	if rep.Days = days; dry {
		rep.Rows, err = s.events.CountClean(ctx, c)
		return rep, err
	}
	if err := s.delivered(ctx); err != nil {
		return nil, err
	}
	if s.tier != nil {
		release, err := s.tier.HoldHot(ctx)
		if errors.Is(err, tier.ErrInUse) {
			return nil, &api.Error{Status: http.StatusConflict, Code: api.CodeBusy, Message: "a query reads a day that was brought back from cold storage; nothing was removed", Hint: "try again when it has ended"}
		}
		if err != nil {
			return nil, err
		}
		defer release()
	}
	if rep.Rows, err = s.events.CountClean(ctx, c); err != nil {
		return nil, err
	}
	if rep.Days, err = s.dropWholeDays(ctx, c); err != nil {
		return nil, err
	}
	if _, err := s.persist(ctx, func() error { _, err := s.events.Clean(ctx, c); return err }); err != nil {
		return nil, err
	}
	if withMetrics {
		if err := s.metrics.Delete(ctx, math.MinInt64, c.End.UnixMilli(), c.Service); err != nil {
			return nil, err
		}
	}
	s.log.Info("data was cleaned", "tenant", rep.Tenant, "end", rep.End, "days", len(rep.Days), "kinds", strings.Join(c.Kinds, ","))
	return rep, nil
}

// wholeDays are the days that a cleaning removes as a whole: those in which nobody
// else has anything.
func (s *Server) wholeDays(ctx context.Context, c events.Cleaning) ([]string, error) {
	if c.Service != "" || len(c.Kinds) > 0 {
		return nil, nil
	}
	days, err := s.events.Days(ctx)
	if err != nil {
		return nil, err
	}
	var whole []string
	for _, name := range days {
		day, err := events.ParseDay(name)
		if err != nil || day.Before(c.Start) || day.Add(24*time.Hour).After(c.End) {
			continue
		}
		others, err := s.events.OthersIn(ctx, events.Range{Start: day, End: day.Add(24 * time.Hour)})
		if err != nil {
			return nil, err
		}
		if !others {
			whole = append(whole, name)
		}
	}
	return whole, nil
}

// droppedPrefix begins the names of directories that are being removed.
const droppedPrefix = "dropped-"

// dropWholeDays drops the days that a cleaning removes as a whole. No row comes
// meanwhile: the engine would take those of a day that is let go of and keep none,
// and somebody else's would go with the day.
func (s *Server) dropWholeDays(ctx context.Context, c events.Cleaning) ([]string, error) {
	release := s.events.Freeze()
	defer release()
	if err := s.events.Flush(ctx); err != nil {
		return nil, err
	}
	days, err := s.wholeDays(ctx, c)
	if err != nil {
		return nil, err
	}
	for _, day := range days {
		if err := s.dropDay(ctx, day); err != nil {
			return nil, err
		}
	}
	return days, nil
}

// dropDay removes the files of a day. The caller holds inserts back.
func (s *Server) dropDay(ctx context.Context, day string) error {
	if err := s.events.DetachDay(ctx, day); err != nil {
		return err
	}
	// Out of the engine's sight in one step: it must never open half a day.
	gone := filepath.Join(s.eventsDir(), droppedPrefix+day)
	err := os.Rename(s.dayDir(day), gone)
	if err == nil {
		err = errors.Join(durable.SyncDir(filepath.Dir(s.dayDir(day))), os.RemoveAll(gone))
	}
	if err != nil {
		return fmt.Errorf("drop day %s: %w", day, err)
	}
	return nil
}

// finishDrops removes what an earlier process was removing.
func (s *Server) finishDrops() {
	names, err := filepath.Glob(filepath.Join(s.eventsDir(), droppedPrefix+"*"))
	for _, name := range names {
		err = errors.Join(err, os.RemoveAll(name))
	}
	if err != nil {
		s.log.Warn("a dropped day was not removed", "err", err)
	}
}

// deliverTimeout bounds the wait for records that are in the journal only.
const deliverTimeout = 2 * time.Minute

// delivered waits until what was received until now is in the event store.
func (s *Server) delivered(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, deliverTimeout)
	defer cancel()
	if err := s.pipeline.Settle(ctx); err != nil {
		return err
	}
	last := s.journal.Stats().LastSeq
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		for _, c := range s.journal.Stats().Cursors {
			if c.Name == pipeline.CursorName && c.Committed.Seq >= last {
				return nil
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return &api.Error{
				Status: http.StatusServiceUnavailable, Code: api.CodeStoreDown, Message: "records that came before are not in the event store yet; nothing was removed",
				Hint: "try again when the journal has been delivered: see /api/pitot/v1/ledger",
			}
		}
	}
}

// Erase removes all of one user, session, trace or call.
func (d dataAdmin) Erase(ctx context.Context, e events.Erasure, dry bool) (*api.EraseReport, error) {
	s := d.Server
	if err := s.embedded(); err != nil {
		return nil, err
	}
	field, _, err := e.Field()
	if err != nil {
		return nil, err
	}
	s.snapshots.mu.Lock()
	defer s.snapshots.mu.Unlock()
	if n := len(s.snapshots.live); n > 0 && !dry {
		return nil, &api.Error{Status: http.StatusConflict, Code: api.CodeBusy, Message: "a backup is being made: its snapshot would keep what is erased", Hint: "try again when it has ended; the directory snapshots shows it"}
	}
	rep := &api.EraseReport{Tenant: llm.TenantOf(ctx), DryRun: dry, Time: time.Now().UTC(), Done: []string{}}
	if dry {
		rep.Rows, err = s.events.Matching(ctx, e)
		rep.NotReached = s.outOfReach(field)
		return rep, err
	}
	if err := s.eraseAll(ctx, e, rep); err != nil {
		return nil, err
	}
	if err := s.forgetErasure(ctx, e); err != nil {
		return nil, err
	}
	s.log.Info("data was erased", "tenant", rep.Tenant, "by", field, "rows", total(rep.Rows))
	return rep, nil
}

// eraseAll removes a user, session, trace or call from all stores.
func (s *Server) eraseAll(ctx context.Context, e events.Erasure, rep *api.EraseReport) error {
	field, value, err := e.Field()
	if err != nil {
		return err
	}
	if err := s.delivered(ctx); err != nil {
		return err
	}
	unhold := func() {}
	if s.tier != nil {
		days, release, err := s.tier.Recall(ctx, time.Time{}, rep.Time.Add(48*time.Hour))
		if err != nil {
			return fmt.Errorf("nothing was erased, cold days could not be brought back: %w", err)
		}
		held := sync.OnceFunc(release) // a day that moved meanwhile would keep what is erased
		defer held()
		unhold = held
		if len(days) > 0 {
			rep.Done = append(rep.Done, fmt.Sprintf("cold storage: %d days brought back and removed there; they move again when they are clean", len(days)))
		}
	}
	if err := s.noteErasure(ctx, e); err != nil {
		return err
	}
	again, err := s.persist(ctx, func() error {
		n, err := s.events.Erase(ctx, e)
		if rep.Rows == nil { // a second time finds what is left
			rep.Rows = n
		}
		return err
	})
	if err != nil {
		if _, ok := errors.AsType[*events.QueryError](err); ok {
			return errors.Join(err, s.forgetErasure(ctx, e)) // nothing was begun
		}
		return fmt.Errorf("the erasure is not finished, and goes on by itself: %w", err)
	}
	if again > 0 {
		rep.Done = append(rep.Done, "the event engine restarted in the midst of it: the erasure was done again, as a whole")
	}
	unhold()
	rep.Done = append(rep.Done, "event store: rows deleted and the files that held them rewritten; totals computed again")
	rep.NotReached = s.outOfReach(field)
	forget, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := s.journal.Forget(forget); err != nil {
		rep.NotReached = append(rep.NotReached, "the journal still holds records that a destination has not taken, and removes them when it has: "+err.Error())
	} else {
		rep.Done = append(rep.Done, "journal: segments removed")
	}
	accounts, err := s.eraseAccounts(ctx, e, rep)
	if err != nil {
		return err
	}
	return s.eraseSeries(ctx, field, value, accounts, rep)
}

// eraseAccounts removes the accounts of budgets, which are about all tenants
// together, and reports whether they are gone: one stays that another tenant has
// records of.
func (s *Server) eraseAccounts(ctx context.Context, e events.Erasure, rep *api.EraseReport) (bool, error) {
	if s.budgets == nil {
		return true, nil
	}
	field, value, err := e.Field()
	if err != nil {
		return false, err
	}
	for _, t := range append([]string{llm.DefaultTenant}, s.tenants()...) {
		if t == llm.TenantOf(ctx) {
			continue
		}
		n, err := s.events.Matching(llm.WithTenant(ctx, t), e)
		if err != nil {
			return false, err
		}
		if total(n) > 0 {
			if s.budgets.Has(field, value) {
				rep.NotReached = append(rep.NotReached, "budgets count all tenants together, and "+cmp.Or(t, "the default tenant")+" has records with the same value: its account stays")
			}
			return false, nil
		}
	}
	n := s.budgets.Forget(field, value)
	if err := s.budgets.Save(); err != nil {
		return false, err
	}
	if n > 0 {
		rep.Done = append(rep.Done, fmt.Sprintf("budgets: %d accounts removed", n))
	}
	return true, nil
}

// accountLabel is the label of budgets' series that holds whose account it is.
// These series are the default tenant's, as the budgets are.
const accountLabel = "account"

// eraseSeries sees to the series that hold the value. A store that is open keeps
// them in its write-ahead log: they go at the next start.
func (s *Server) eraseSeries(ctx context.Context, field, value string, accounts bool, rep *api.EraseReport) error {
	found, err := s.metrics.LabelsWith(ctx, value)
	if err != nil {
		return err
	}
	ours := s.labelsFrom(field)
	var labels, foreign, going []string
	for _, l := range found {
		switch {
		case slices.Contains(ours, l):
			labels = append(labels, l)
		case l != accountLabel:
			foreign = append(foreign, l)
		}
	}
	if len(foreign) > 0 {
		rep.NotReached = append(rep.NotReached, "metrics have the same value in "+strings.Join(foreign, ", ")+", which Pitot does not know to be about it")
	}
	if len(labels) > 0 {
		if err := s.purgeAtStart(llm.TenantOf(ctx), labels, value); err != nil {
			return err
		}
		going = labels
	}
	if accounts {
		operators, err := s.metrics.LabelsWith(llm.WithTenant(ctx, llm.DefaultTenant), value)
		if err != nil {
			return err
		}
		if slices.Contains(operators, accountLabel) {
			if err := s.purgeAtStart(llm.DefaultTenant, []string{accountLabel}, value); err != nil {
				return err
			}
			going = append(going, accountLabel)
		}
	}
	if len(going) > 0 {
		rep.NotReached = append(rep.NotReached, "metrics have it in "+strings.Join(going, ", ")+": these series go when Pitot starts the next time; until then "+purgeFile+" names them")
	}
	return nil
}

func total(n events.Erased) (sum int64) {
	for _, v := range n {
		sum += v
	}
	return sum
}

// outOfReach is what an erasure cannot reach with this configuration.
func (s *Server) outOfReach(field string) []string {
	out := []string{
		"backups made before: they hold it until they are pruned (pitot backup prune)",
		"free blocks of the disk: the file system decides when they are overwritten",
		"records of others that mention it in their text",
	}
	cfg := s.current()
	for _, d := range s.intake.forward.Status() {
		out = append(out, "the destination "+d.Name+" of forward: erase it there")
	}
	if field == "user" || field == "session" {
		out = append(out, "silences and notifications that name it, until they expire")
	}
	if s.authOn {
		out = append(out, "the audit log, which says who asked for it, and who erased it: auth.audit.max_size bounds it")
	}
	if len(s.labelsFrom(field)) > 0 && strings.Contains(string(cfg.Prometheus.Text), "remote_write") {
		out = append(out, "the receivers of prometheus.remote_write: erase the series there")
	}
	return out
}

// labelsFrom are the configured labels of metrics that hold a field of calls.
func (s *Server) labelsFrom(field string) []string {
	var out []string
	for _, d := range dimensions(s.current()) {
		if d.From == field {
			out = append(out, d.Label)
		}
	}
	return out
}
