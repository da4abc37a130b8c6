package metrics

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// outsideStore is a store of the embedded kind that another one uses as its
// outside store.
func outsideStore(t *testing.T) (*Metrics, *httptest.Server, *atomic.Bool) {
	t.Helper()
	m, err := Open(t.Context(), Options{Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler), NoBuiltinRules: true, ScrapeInterval: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	var down atomic.Bool
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if down.Load() {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		}
		m.Handler().ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		srv.Close()
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m, srv, &down
}

func remoteOptions(dir, u string, read bool) Options {
	r := &Remote{WriteURLs: []string{u + "/api/v1/write"}, FlushDeadline: time.Second}
	if read {
		r.ReadURLs = []string{u + "/api/v1/read"}
	} else {
		r.QueryURL, r.Query = u, &http.Client{Transport: &http.Transport{}}
	}
	return Options{Dir: dir, Logger: slog.New(slog.DiscardHandler), NoBuiltinRules: true, ScrapeInterval: 100 * time.Millisecond, Instance: "replica-7", Remote: r}
}

func openRemote(t *testing.T, o Options) *Metrics {
	t.Helper()
	m, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	return m
}

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("gave up waiting: " + what)
		}
	}
}

// TestRemote: what is stored here is in the outside store, under this replica's
// name, and every kind of question is answered from there.
func TestRemote(t *testing.T) {
	for _, read := range []bool{false, true} {
		name := "query"
		if read {
			name = "read"
		}
		t.Run(name, func(t *testing.T) {
			out, srv, _ := outsideStore(t)
			m := openRemote(t, remoteOptions(t.TempDir(), srv.URL, read))
			defer func() {
				if err := m.Close(); err != nil {
					t.Error(err)
				}
			}()
			expr := `up{job="pitot", instance="replica-7"}`
			waitFor(t, "the sample arrives", func() bool {
				r, err := out.Query(t.Context(), expr, time.Now())
				return err == nil && len(r.Series) == 1
			})
			// Of the outside store alone: this one has no such series.
			foreign(t, out, "only_there", 42)
			r, err := m.Query(t.Context(), "only_there", time.Now())
			if err != nil || len(r.Series) != 1 || r.Series[0].Points[0].Value != 42 || r.Series[0].Labels["job"] != "test" {
				t.Fatalf("%+v, %v", r, err)
			}
			if r, err := m.QueryRange(t.Context(), "only_there", time.Now().Add(-time.Minute), time.Now(), 10*time.Second); err != nil || len(r.Series) != 1 {
				t.Errorf("%+v, %v", r, err)
			}
			v, err := m.source.vector(t.Context(), "only_there + 1", time.Now())
			if err != nil || len(v) != 1 || v[0].F != 43 {
				t.Errorf("%+v, %v", v, err)
			}
			for path, want := range map[string]string{
				"/api/v1/query?query=only_there":    `"42"`,
				"/api/v1/label/__name__/values":     `"only_there"`,
				"/api/v1/series?match[]=only_there": `"job":"test"`,
				"/federate?match[]=only_there":      "only_there{",
				"/api/v1/rules":                     `"groups"`,
			} {
				if read && strings.Contains(path, "/label/") {
					continue // remote read has no labels
				}
				rec := httptest.NewRecorder()
				m.Handler().ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
				if rec.Code != http.StatusOK || !strings.Contains(rec.Body.String(), want) {
					t.Errorf("%s: %d %s", path, rec.Code, rec.Body)
				}
			}
			q, err := m.ruleSamples().Querier(time.Now().Add(-time.Minute).UnixMilli(), time.Now().UnixMilli())
			if err != nil {
				t.Fatal(err)
			}
			set := q.Select(t.Context(), true, nil, labels.MustNewMatcher(labels.MatchEqual, "__name__", "only_there"))
			if !set.Next() || set.At().Labels().Get("job") != "test" || set.Next() || set.Err() != nil {
				t.Errorf("samples: %v", set.Err())
			}
		})
	}
}

// foreign stores a sample as another replica would.
func foreign(t *testing.T, m *Metrics, name string, v float64) {
	t.Helper()
	app := m.store.Appender(t.Context())
	if _, err := app.Append(0, labels.FromStrings("__name__", name, "job", "test"), time.Now().UnixMilli(), v); err != nil {
		t.Fatal(err)
	}
	if err := app.Commit(); err != nil {
		t.Fatal(err)
	}
}

// TestRemoteCatchesUp: what was stored while the outside store was away, by a
// process that has ended since, arrives after the next start.
func TestRemoteCatchesUp(t *testing.T) {
	out, srv, down := outsideStore(t)
	dir := t.TempDir()
	o := remoteOptions(dir, srv.URL, false)
	m := openRemote(t, o)
	waitFor(t, "the first samples arrive", func() bool {
		r, err := out.Query(t.Context(), `up{instance="replica-7"}`, time.Now())
		return err == nil && len(r.Series) == 1
	})
	m.noteSent(nil)
	down.Store(true)
	foreign(t, m, "while_down", 7)
	if err := m.Close(); err != nil {
		t.Log(err)
	}
	if r, err := out.Query(t.Context(), "while_down", time.Now()); err != nil || len(r.Series) != 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	down.Store(false)
	m = openRemote(t, o)
	defer func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}()
	waitFor(t, "the sample arrives late", func() bool {
		r, err := out.Query(t.Context(), "while_down", time.Now())
		return err == nil && len(r.Series) == 1 && r.Series[0].Points[0].Value == 7
	})
}

func TestRemoteDownIsSaid(t *testing.T) {
	_, srv, down := outsideStore(t)
	m := openRemote(t, remoteOptions(t.TempDir(), srv.URL, false))
	down.Store(true)
	if err := m.CheckRemote(t.Context()); err == nil {
		t.Error("it is down")
	}
	rec := httptest.NewRecorder()
	m.Handler().ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/v1/query?query=1", nil))
	if rec.Code != http.StatusServiceUnavailable {
		t.Errorf("status %d", rec.Code)
	}
	down.Store(false)
	if err := m.Close(); err != nil {
		t.Error(err)
	}
}

// TestLeaderWrites: of two replicas that evaluate a rule one writes.
func TestLeaderWrites(t *testing.T) {
	out, srv, _ := outsideStore(t)
	var leads atomic.Bool
	o := remoteOptions(t.TempDir(), srv.URL, false)
	o.Remote.Leads = leads.Load
	o.Config = []byte("global: {evaluation_interval: 1s}\n")
	o.Rules = []RuleFile{{Name: "t.yaml", Content: []byte("groups: [{name: t, rules: [{record: 'recorded:one', expr: 'vector(1)'}]}]\n")}}
	m := openRemote(t, o)
	defer func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}()
	evaluated := func() bool {
		gs := m.rules.RuleGroups()
		return len(gs) == 1 && !gs[0].GetLastEvaluation().IsZero() && time.Since(gs[0].GetLastEvaluation()) < 2*time.Second
	}
	waitFor(t, "the rule is evaluated", evaluated)
	has := func() bool {
		r, err := out.Query(t.Context(), "recorded:one", time.Now())
		return err == nil && len(r.Series) == 1
	}
	if has() {
		t.Error("a replica that does not lead writes")
	}
	leads.Store(true)
	waitFor(t, "the leader writes", has)
}

func TestShardDividesTargets(t *testing.T) {
	section := []byte("scrape_configs: [{job_name: a, static_configs: [{targets: ['h1:1','h2:1','h3:1','h4:1','h5:1','h6:1']}]}]\n")
	cfg, err := loadConfig(section, ".", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := addShard(cfg, Shard{Index: 1, Count: 3}); err != nil {
		t.Fatal(err)
	}
	rc := cfg.ScrapeConfigs[0].RelabelConfigs
	if len(rc) != 2 || rc[0].Modulus != 3 || rc[1].Regex.String() != "1" {
		t.Errorf("%+v", rc)
	}
	cfg.ScrapeConfigFiles = []string{"x.yml"}
	if err := addShard(cfg, Shard{Index: 0, Count: 2}); err == nil {
		t.Error("targets in other files cannot be divided")
	}
}

func TestMarkReplica(t *testing.T) {
	md := pmetric.NewMetrics()
	ms := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics()
	ms.AppendEmpty().SetEmptyGauge().DataPoints().AppendEmpty()
	ms.AppendEmpty().SetEmptySum().DataPoints().AppendEmpty()
	ms.AppendEmpty().SetEmptyHistogram().DataPoints().AppendEmpty()
	ms.AppendEmpty().SetEmptyExponentialHistogram().DataPoints().AppendEmpty()
	ms.AppendEmpty().SetEmptySummary().DataPoints().AppendEmpty()
	markReplica(md, "r1")
	b, err := (&pmetric.JSONMarshaler{}).MarshalMetrics(md)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(b), replicaLabel); n != 5 {
		t.Errorf("%d points are marked", n)
	}
}

func TestResultOf(t *testing.T) {
	now := model.Time(1000)
	for _, c := range []struct {
		v    model.Value
		want string
	}{
		{model.Vector{{Metric: model.Metric{"a": "b"}, Value: 2, Timestamp: now}}, `{"Type":"vector","Series":[{"Labels":{"a":"b"},"Points":[{"Time":"1970-01-01T00:00:01Z","Value":2,"Histogram":null}]}],"Text":"","Warnings":null}`},
		{&model.Scalar{Value: 3, Timestamp: now}, `{"Type":"scalar","Series":[{"Labels":{},"Points":[{"Time":"1970-01-01T00:00:01Z","Value":3,"Histogram":null}]}],"Text":"","Warnings":null}`},
		{&model.String{Value: "x"}, `{"Type":"string","Series":null,"Text":"x","Warnings":null}`},
		{model.Vector{{Histogram: &model.SampleHistogram{Count: 4, Sum: 5}, Timestamp: now}}, `{"Type":"vector","Series":[{"Labels":{},"Points":[{"Time":"1970-01-01T00:00:01Z","Value":5,"Histogram":{"Count":4,"Sum":5}}]}],"Text":"","Warnings":null}`},
	} {
		r, err := resultOf(c.v, nil)
		if err != nil {
			t.Fatal(err)
		}
		if b, _ := json.Marshal(r); string(b) != c.want {
			t.Errorf("%s\nwant %s", b, c.want)
		}
	}
}

func TestRemotePathsAreNotOwn(t *testing.T) {
	for _, own := range []string{"/api/v1/rules", "/api/v1/alerts", "/api/v1/targets", "/api/v1/write", "/api/v1/status/config"} {
		if slices.Contains(remotePaths, own) {
			t.Errorf("%s is this process's own", own)
		}
	}
	u, err := url.Parse("http://x/prefix")
	if err != nil {
		t.Fatal(err)
	}
	var got string
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.URL.Path + " " + r.Header.Get("Cookie") }))
	defer srv.Close()
	h, err := proxyQueries(&Remote{QueryURL: srv.URL + u.Path, Query: srv.Client()}, false, http.NotFoundHandler())
	if err != nil {
		t.Fatal(err)
	}
	req := httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/api/v1/label/a/values", nil)
	req.Header.Set("Cookie", "x=y")
	h.ServeHTTP(httptest.NewRecorder(), req)
	if got != "/prefix/api/v1/label/a/values " {
		t.Errorf("the store got %q", got)
	}
}
