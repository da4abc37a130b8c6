package metrics

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/promqltest"
)

// TestDashboardQueriesEvaluate runs what public dashboards of LLM servers and
// GPUs ask, over a store with real expositions of these servers.
func TestDashboardQueriesEvaluate(t *testing.T) {
	list := shared(t, "promql", "promql_queries_expanded.txt")
	m := openStore(t)
	at := traffic(t, m)
	n := loadSamples(t, m, shared(t, "prom-samples"), at)
	t.Logf("%d samples of real expositions", n)
	b, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	queries, answered := 0, 0
	for expr := range strings.Lines(string(b)) {
		expr = strings.TrimSpace(expr)
		if expr == "" || expr[0] == '#' {
			continue
		}
		queries++
		r, err := m.Query(t.Context(), expr, at)
		if err != nil {
			t.Errorf("%s: %v", expr, err)
		}
		if len(r.Series) > 0 {
			answered++
		}
	}
	t.Logf("%d of %d queries return series", answered, queries)
	if queries < 490 || answered < 60 {
		t.Errorf("%d queries, %d with series: the data is not what it was", queries, answered)
	}
}

// loadSamples stores all expositions below dir twice, as two scrapes.
func loadSamples(t *testing.T, m *Metrics, dir string, at time.Time) int {
	t.Helper()
	n := 0
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		switch {
		case strings.HasSuffix(path, ".prom.zst"):
			if text, err = unzstd(text); err != nil {
				return err
			}
			// Many scrapes: the first will do.
			scrapes := strings.Split(string(text), "# SCRAPE")
			_, rest, _ := strings.Cut(scrapes[1], "\n")
			text = []byte(rest)
		case !strings.HasSuffix(path, ".prom") && !strings.HasSuffix(path, ".metrics"):
			return nil
		}
		for _, back := range []time.Duration{time.Minute, 0} {
			n += loadExposition(t, m, filepath.Base(path), text, at.Add(-back))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func loadExposition(t *testing.T, m *Metrics, instance string, text []byte, at time.Time) int {
	t.Helper()
	p, err := textparse.New(text, "text/plain", labels.NewSymbolTable(), textparse.ParserOptions{})
	if err != nil {
		t.Fatal(err)
	}
	app := m.store.Appender(t.Context())
	n := 0
	for {
		entry, err := p.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			break // a README's excerpt ends in dots
		}
		if entry != textparse.EntrySeries {
			continue
		}
		_, _, v := p.Series()
		var l labels.Labels
		p.Labels(&l)
		l = labels.NewBuilder(l).Set("job", "sample").Set("instance", instance).Labels()
		if _, err := app.Append(0, l, at.UnixMilli(), v); err != nil {
			t.Fatal(err)
		}
		n++
	}
	if err := app.Commit(); err != nil {
		t.Fatal(err)
	}
	return n
}

func unzstd(b []byte) ([]byte, error) {
	d, err := zstd.NewReader(nil)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.DecodeAll(b, nil)
}

// TestBuiltinPromQL runs Prometheus' own acceptance suite with our options.
func TestBuiltinPromQL(t *testing.T) {
	if testing.Short() {
		t.Skip("long")
	}
	o := engineOptions()
	o.NoStepSubqueryIntervalFn = func(int64) int64 { return time.Minute.Milliseconds() }
	o.MaxSamples = 10_000 // the suite asserts on this limit
	o.EnablePerStepStats = false
	engine := promql.NewEngine(o)
	defer engine.Close()
	promqltest.RunBuiltinTests(t, engine)
}
