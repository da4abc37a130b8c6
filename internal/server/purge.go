package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/pitot-dev/pitot/internal/durable"
	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/metrics"
)

// purgeFile names series that go at the next start.
const purgeFile = "metrics-purge.json"

type purgeList struct {
	Version int `json:"version"`
	// Values are those of labels, whosever the series are.
	Values map[string][]string `json:"values"`
	// Tenants has the same for the series of one tenant. Version 1 lacks it.
	Tenants map[string]map[string][]string `json:"tenants,omitempty"`
}

// purgeVersion is the version that is read; a list without tenants is written as
// version 1.
const purgeVersion = 2

func (l *purgeList) doomed() []metrics.Doomed {
	var out []metrics.Doomed
	add := func(d metrics.Doomed, values map[string][]string) {
		for label, vs := range values {
			for _, v := range vs {
				d.Label, d.Value = label, v
				out = append(out, d)
			}
		}
	}
	add(metrics.Doomed{Everybodys: true}, l.Values)
	for t, values := range l.Tenants {
		add(metrics.Doomed{Tenant: t}, values)
	}
	return out
}

func (s *Server) purgeAtStart(tenant string, labels []string, value string) error {
	name := filepath.Join(s.opts.DataDir, purgeFile)
	l, err := readPurge(name)
	if err != nil {
		return err
	}
	values := l.Values
	if tenant != llm.DefaultTenant || len(s.tenants()) > 0 {
		if l.Tenants == nil {
			l.Tenants = map[string]map[string][]string{}
		}
		if l.Tenants[tenant] == nil {
			l.Tenants[tenant] = map[string][]string{}
		}
		l.Version, values = purgeVersion, l.Tenants[tenant]
	}
	for _, label := range labels {
		if !slices.Contains(values[label], value) {
			values[label] = append(values[label], value)
		}
	}
	b, err := json.Marshal(l)
	if err == nil {
		err = durable.WriteFile(name, b)
	}
	if err != nil {
		return fmt.Errorf("note series to purge: %w", err)
	}
	return nil
}

func readPurge(name string) (purgeList, error) {
	l := purgeList{Version: 1, Values: map[string][]string{}}
	b, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &l)
	}
	if err == nil && (l.Version < 1 || l.Version > purgeVersion) {
		err = fmt.Errorf("version %d: this program reads versions up to %d", l.Version, purgeVersion)
	}
	if l.Values == nil {
		l.Values = map[string][]string{}
	}
	if err != nil {
		return l, fmt.Errorf("read %s: %w", name, err)
	}
	return l, nil
}

// purgeMetrics removes the series that an erasure has named, before the store
// is opened.
func (s *Server) purgeMetrics(ctx context.Context, dir string) error {
	name := filepath.Join(s.opts.DataDir, purgeFile)
	l, err := readPurge(name)
	doomed := l.doomed()
	if err != nil || len(doomed) == 0 {
		return err
	}
	start := time.Now()
	if err := metrics.Purge(ctx, dir, doomed, s.component("metrics")); err != nil {
		return err
	}
	if err := os.Remove(name); err != nil {
		return fmt.Errorf("purge metrics: %w", err)
	}
	s.log.Info("erased series were purged from the metrics", "took", time.Since(start))
	return nil
}
