package metrics

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/index"

	"github.com/pitot-dev/pitot/internal/durable"
	"github.com/pitot-dev/pitot/internal/llm"
)

// Doomed are the series to purge: those with a value of a label.
type Doomed struct {
	Label, Value string
	// Tenant is whose they are, unless Everybodys says that it does not matter.
	Tenant     string
	Everybodys bool
}

func (d Doomed) matchers() []*labels.Matcher {
	ms := []*labels.Matcher{labels.MustNewMatcher(labels.MatchEqual, d.Label, d.Value)}
	if !d.Everybodys {
		ms = append(ms, labels.MustNewMatcher(labels.MatchEqual, llm.TenantLabel, d.Tenant))
	}
	return ms
}

// Purge removes the series from the files of a store that is not open, also from
// the blocks' indexes and the write-ahead log. It writes the store anew and puts
// it in place in one step: after a crash there is the old one or the new one.
// Exemplars are lost.
func Purge(ctx context.Context, dir string, doomed []Doomed, logger *slog.Logger) error {
	const op = "purge metrics"
	next, old := dir+".purged", dir+".before-purge"
	// Where the last attempt was cut between its two renames, the new one is whole,
	// and there is no store. It may have been for others than these: they follow.
	if _, err := os.Stat(old); err == nil {
		if err := finishPurge(dir, next, old); err != nil {
			return err
		}
	}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := os.RemoveAll(next); err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	o := tsdb.DefaultOptions()
	o.RetentionDuration = math.MaxInt64 / 2
	o.OutOfOrderTimeWindow = math.MaxInt64 / 2 // replay all of it
	db, err := tsdb.Open(dir, logger, nil, o, nil)
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	err = purge(ctx, db, next, doomed)
	if err = errors.Join(err, db.Close()); err != nil {
		return errors.Join(fmt.Errorf("%s: %w", op, err), os.RemoveAll(next))
	}
	if err := os.Rename(dir, old); err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	return finishPurge(dir, next, old)
}

func finishPurge(dir, next, old string) error {
	if _, err := os.Stat(next); err == nil {
		if err := os.Rename(next, dir); err != nil {
			return fmt.Errorf("purge metrics: %w", err)
		}
	}
	if err := os.RemoveAll(old); err != nil {
		return fmt.Errorf("purge metrics: %w", err)
	}
	return nil
}

func purge(ctx context.Context, db *tsdb.DB, next string, doomed []Doomed) error {
	if err := db.CompactOOOHead(ctx); err != nil {
		return err
	}
	for _, d := range doomed {
		if err := db.Delete(ctx, math.MinInt64, math.MaxInt64, d.matchers()...); err != nil {
			return err
		}
	}
	if err := os.Mkdir(next, 0o700); err != nil {
		return err
	}
	c, err := tsdb.NewLeveledCompactor(ctx, nil, slog.New(slog.DiscardHandler), []int64{tsdb.DefaultBlockDuration}, nil, nil)
	if err != nil {
		return err
	}
	drop := map[string]map[string][]Doomed{} // by value, by the labels that it was of
	for _, d := range doomed {
		if drop[d.Value] == nil {
			drop[d.Value] = map[string][]Doomed{}
		}
		drop[d.Value][d.Label] = append(drop[d.Value][d.Label], d)
	}
	for _, b := range db.Blocks() {
		meta := b.Meta()
		if _, err := c.Write(next, forgetful{b, drop}, meta.MinTime, meta.MaxTime, nil); err != nil {
			return err
		}
	}
	if head := db.Head(); head.NumSeries() > 0 {
		r := tsdb.NewRangeHead(head, head.MinTime(), head.MaxTime())
		if _, err := c.Write(next, forgetful{r, drop}, head.MinTime(), head.MaxTime()+1, nil); err != nil {
			return err
		}
	}
	return syncDirs(next)
}

// forgetful is a block without the texts that no series has any more: deleting
// series leaves their labels' values among the block's symbols.
type forgetful struct {
	tsdb.BlockReader
	drop map[string]map[string][]Doomed
}

// Index implements tsdb.BlockReader.
func (f forgetful) Index() (tsdb.IndexReader, error) {
	r, err := f.BlockReader.Index()
	if err != nil {
		return nil, err
	}
	return forgetfulIndex{r, f.drop}, nil
}

type forgetfulIndex struct {
	tsdb.IndexReader
	drop map[string]map[string][]Doomed
}

// Symbols implements tsdb.IndexReader.
func (f forgetfulIndex) Symbols() index.StringIter { return &symbols{f.IndexReader.Symbols(), f} }

// used reports whether a text is a name, or a value of another label.
func (f forgetfulIndex) used(text string) bool {
	of, dropped := f.drop[text]
	if !dropped {
		return true
	}
	ctx := context.Background() // reading files that are open
	names, err := f.LabelNames(ctx)
	if err != nil {
		return true
	}
	for _, name := range names {
		if name == text {
			return true
		}
		if gone := of[name]; len(gone) > 0 {
			if f.others(ctx, name, text, gone) {
				return true
			}
			continue
		}
		vs, err := f.LabelValues(ctx, name, nil)
		if err != nil || slices.Contains(vs, text) {
			return true
		}
	}
	return false
}

// others reports whether a series that stays has the value: one of another tenant.
func (f forgetfulIndex) others(ctx context.Context, name, value string, gone []Doomed) bool {
	if slices.ContainsFunc(gone, func(d Doomed) bool { return d.Everybodys }) {
		return false
	}
	p, err := f.Postings(ctx, name, value)
	if err != nil {
		return true
	}
	var b labels.ScratchBuilder
	for p.Next() {
		if err := f.Series(p.At(), &b, nil); err != nil {
			return true
		}
		tenant := b.Labels().Get(llm.TenantLabel)
		if !slices.ContainsFunc(gone, func(d Doomed) bool { return d.Tenant == tenant }) {
			return true
		}
	}
	return p.Err() != nil
}

type symbols struct {
	index.StringIter
	of forgetfulIndex
}

// Next implements index.StringIter.
func (s *symbols) Next() bool {
	for s.StringIter.Next() {
		if s.of.used(s.At()) {
			return true
		}
	}
	return false
}

func syncDirs(root string) error {
	return filepath.WalkDir(root, func(name string, e fs.DirEntry, err error) error {
		if err != nil || !e.IsDir() {
			return err
		}
		return durable.SyncDir(name)
	})
}

// scope restricts what is looked for to the tenant of a context. Where there are
// no tenants everything is the default one's.
func (m *Metrics) scope(ctx context.Context, ms ...*labels.Matcher) []*labels.Matcher {
	if !m.tenanted() && llm.TenantOf(ctx) == llm.DefaultTenant {
		return ms
	}
	return append(ms, matcher(ctx))
}

// Delete removes the samples of all series of a tenant's service, or of all of the
// tenant's, between two times. The write-ahead log keeps them until it is cut,
// within hours.
func (m *Metrics) Delete(ctx context.Context, from, to int64, service string) error {
	ms := []*labels.Matcher{labels.MustNewMatcher(labels.MatchRegexp, model.MetricNameLabel, ".+")}
	if service != "" {
		ms = append(ms, labels.MustNewMatcher(labels.MatchEqual, "service", service))
	}
	if err := m.db.Delete(ctx, from, to, m.scope(ctx, ms...)...); err != nil {
		return fmt.Errorf("delete metrics: %w", err)
	}
	if err := m.db.CleanTombstones(); err != nil {
		return fmt.Errorf("delete metrics: %w", err)
	}
	return nil
}

// LabelsWith are the labels of a tenant's series that have a value, sorted.
func (m *Metrics) LabelsWith(ctx context.Context, value string) ([]string, error) {
	q, err := m.db.Querier(math.MinInt64, math.MaxInt64)
	if err != nil {
		return nil, fmt.Errorf("look for a label's value: %w", err)
	}
	defer q.Close()
	names, _, err := q.LabelNames(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("look for a label's value: %w", err)
	}
	var out []string
	for _, name := range names {
		vs, _, err := q.LabelValues(ctx, name, nil, m.scope(ctx, labels.MustNewMatcher(labels.MatchEqual, name, value))...)
		if err != nil {
			return nil, fmt.Errorf("look for a label's value: %w", err)
		}
		if len(vs) > 0 {
			out = append(out, name)
		}
	}
	return out, nil
}
