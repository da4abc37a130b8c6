package dashboard

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pitot-dev/pitot/internal/alert/budget"
	"github.com/pitot-dev/pitot/internal/alert/slo"
	"github.com/pitot-dev/pitot/internal/api"
	"github.com/pitot-dev/pitot/internal/engine"
	"github.com/pitot-dev/pitot/internal/events"
	"github.com/pitot-dev/pitot/internal/explain"
	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/pipeline"
)

// TestNoPanelIsEmpty runs every query of every panel against a store that has
// seen traffic, and every search for traces and every link against the API.
func TestNoPanelIsEmpty(t *testing.T) {
	s := newSeed(t)
	t.Run("queries", func(t *testing.T) { s.runQueries(t) })
	t.Run("numbers", func(t *testing.T) { s.compareNumbers(t) })
	t.Run("variables", func(t *testing.T) { s.runVariables(t) })
	h := s.api(t)
	t.Run("traces", func(t *testing.T) { s.searchTraces(t, h) })
	t.Run("links", func(t *testing.T) { s.followLinks(t, h) })
}

func (s *seed) runQueries(t *testing.T) {
	done := map[string]bool{}
	eachPanel(func(d Dashboard, p Panel) {
		for _, target := range p.Targets {
			expr := substitute(t, d, target.Expr)
			key := fmt.Sprint(target.Instant, expr)
			if done[key] {
				continue
			}
			done[key] = true
			res, err := s.query(t.Context(), target, expr)
			if err != nil {
				t.Errorf("%s/%s %s: %s: %v", d.ID, p.ID, target.Ref, expr, err)
				continue
			}
			n, histogram := values(res)
			if n == 0 || histogram {
				t.Errorf("%s/%s %s: %d series, %d values, histogram %v: %s", d.ID, p.ID, target.Ref, len(res.Series), n, histogram, expr)
				continue
			}
			if len(res.Warnings) > 0 {
				t.Errorf("%s/%s %s: %v", d.ID, p.ID, target.Ref, res.Warnings)
			}
			legendNames(t, d.ID+"/"+p.ID, target.Legend.EN, res.Series[0].Labels)
		}
	})
	if len(done) < 80 {
		t.Errorf("only %d queries", len(done))
	}
}

var legendLabel = regexp.MustCompile(`{{(\w+)}}`)

// legendNames wants at least one of the labels that a legend shows.
func legendNames(t *testing.T, where, legend string, labels map[string]string) {
	t.Helper()
	names := legendLabel.FindAllStringSubmatch(legend, -1)
	if len(names) > 0 && !slices.ContainsFunc(names, func(n []string) bool { return labels[n[1]] != "" }) {
		t.Errorf("%s: legend %q of %v", where, legend, labels)
	}
}

// compareNumbers recounts some panels from the calls themselves.
func (s *seed) compareNumbers(t *testing.T) {
	var all, failed, usd float64
	from := s.end.Add(-30 * time.Minute)
	for _, r := range s.records {
		if r.Call == nil {
			continue
		}
		end := r.Call.Time.Add(r.Call.Duration)
		if !end.After(from) || end.After(s.end) {
			continue
		}
		all++
		if r.Call.Status == "error" {
			failed++
		}
		if v, ok := r.Call.Cost.USD.Get(); ok {
			usd += v
		}
	}
	for _, c := range []struct {
		name, expr string
		want       float64
	}{
		{"requests", sum("", total(calls("llm_requests_total"))), all},
		{"error ratio", errorRatio("", total), failed / all},
		{"cost", sum("", total(calls("llm_cost_usd_total"))), usd},
	} {
		res, err := s.m.Query(t.Context(), substitute(t, overview(), c.expr), s.end)
		if err != nil || len(res.Series) != 1 {
			t.Fatalf("%s: %v %v", c.name, res, err)
		}
		got := res.Series[0].Points[0].Value
		if c.want == 0 || got < 0.95*c.want || got > 1.05*c.want {
			t.Errorf("%s is %v, want %v", c.name, got, c.want)
		}
	}
	// Without a single error the ratio is 0, and there.
	quiet := errorRatio("", func(series string) string {
		return rate(strings.ReplaceAll(series, `status="error"`, `status="nothing"`))
	})
	res, err := s.m.Query(t.Context(), substitute(t, overview(), quiet), s.end)
	if err != nil || len(res.Series) != 1 || res.Series[0].Points[0].Value != 0 {
		t.Errorf("the ratio without errors: %v %v", res, err)
	}
}

// runVariables asks for the values that each variable offers.
func (s *seed) runVariables(t *testing.T) {
	for _, d := range Dashboards() {
		for _, v := range d.Variables {
			if v.Kind != VarLabel {
				continue
			}
			q := url.Values{
				"match[]": {substitute(t, d, v.Selector)},
				"start":   {strconv.FormatInt(s.end.Add(-time.Hour).Unix(), 10)}, "end": {strconv.FormatInt(s.end.Unix(), 10)},
			}
			w := httptest.NewRecorder()
			s.m.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/v1/label/"+v.From+"/values?"+q.Encode(), nil))
			var got struct{ Data []string }
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || len(got.Data) == 0 {
				t.Errorf("%s: $%s offers nothing: %v %s", d.ID, v.Name, err, w.Body)
			}
		}
	}
}

// api serves the seeded records as Pitot does.
func (s *seed) api(t *testing.T) http.Handler {
	t.Helper()
	sup, err := engine.Start(t.Context(), engine.Options{
		Dir: t.TempDir(), Args: []string{}, Env: []string{childEnv + "=1"}, MinFreeDisk: 1,
		Retention: 24 * time.Hour, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sup.Stop(t.Context()); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
	store, err := events.New(events.Endpoint{InsertURL: sup.URL(), Client: sup.Client(), Epoch: sup.Epoch}, events.Options{Retention: 24 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.WaitReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	recent := s.records[len(s.records)/2:]
	for chunk := range slices.Chunk(recent, 1000) {
		var rows [][]byte
		for _, r := range chunk {
			row, err := events.AppendRow(nil, r)
			if err != nil {
				t.Fatal(err)
			}
			rows = append(rows, row)
		}
		if err := store.Insert(t.Context(), rows); err != nil {
			t.Fatal(err)
		}
	}
	if err := store.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	return api.New(api.Options{
		Logger: slog.New(slog.DiscardHandler), Events: store, Prometheus: s.m.Handler(), Metrics: s.m.MetricsHandler(),
		Ledger:  func() []pipeline.Entry { return nil },
		Status:  func(context.Context) api.Status { return api.Status{} },
		Ready:   func() error { return nil },
		SLOs:    func(context.Context) []slo.Status { return nil },
		Budgets: func() []budget.Status { return nil },
		Explain: func(_ context.Context, r explain.Request) (*explain.Explanation, error) {
			if !slices.Contains(explain.MetricNames(), string(r.Metric)) {
				return nil, fmt.Errorf("no metric %q", r.Metric)
			}
			return &explain.Explanation{}, nil
		},
	})
}

func get(t *testing.T, h http.Handler, address string) (int, []byte) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, DefaultURL+address, nil))
	return w.Code, w.Body.Bytes()
}

// searchTraces asks as Grafana's Jaeger data source does.
func (s *seed) searchTraces(t *testing.T, h http.Handler) {
	var services []string
	for _, r := range s.records[len(s.records)/2:] {
		if r.Span != nil && !slices.Contains(services, r.Span.Service) {
			services = append(services, r.Span.Service)
		}
	}
	micro := func(at time.Time) string { return strconv.FormatInt(at.UnixMicro(), 10) }
	n := 0
	eachPanel(func(d Dashboard, p Panel) {
		if p.Trace == nil {
			return
		}
		n++
		tags, err := json.Marshal(p.Trace.Tags)
		if err != nil {
			t.Fatal(err)
		}
		var got struct{ Data []struct{ TraceID string } }
		for _, service := range services { // not each has agents and failures
			q := url.Values{
				"service": {service}, "tags": {string(tags)}, "limit": {strconv.Itoa(p.Trace.Limit)}, "lookback": {"custom"},
				"start": {micro(s.end.Add(-seedSpan))}, "end": {micro(s.end)},
			}
			code, body := get(t, h, "/jaeger/api/traces?"+q.Encode())
			if err := json.Unmarshal(body, &got); err != nil || code != http.StatusOK {
				t.Fatalf("%s/%s: %d %s", d.ID, p.ID, code, body)
			}
			if len(got.Data) > 0 {
				break
			}
		}
		if len(got.Data) == 0 {
			t.Errorf("%s/%s: no traces of %v with %s", d.ID, p.ID, services, tags)
			return
		}
		link := strings.ReplaceAll(p.Links[0].Path, "${__value.raw}", got.Data[0].TraceID)
		if code, body := get(t, h, link); code != http.StatusOK {
			t.Errorf("%s: %d %s", link, code, body)
		}
	})
	if n < 4 {
		t.Errorf("%d lists of traces", n)
	}
}

// followLinks asks the API for what links lead to: with everything chosen, with
// one value, and with several.
func (s *seed) followLinks(t *testing.T, h http.Handler) {
	var call *llm.Call
	for _, r := range s.records {
		if r.Call != nil && r.Call.Status == llm.StatusError && r.Call.Time.After(s.end.Add(-15*time.Minute)) {
			call = r.Call
		}
	}
	field := strings.NewReplacer(
		"${__field.labels.model}", url.QueryEscape(call.RequestModel), "${__field.labels.service}", call.Service,
		"${__field.labels.provider}", call.Provider, "${__field.labels.error_type}", call.ErrorType)
	choices := []*strings.Replacer{
		strings.NewReplacer("${service:regex}", ".*", "${provider:regex}", ".*", "${model:regex}", ".*"),
		strings.NewReplacer("${service:regex}", regexp.QuoteMeta(call.Service), "${provider:regex}", regexp.QuoteMeta(call.Provider), "${model:regex}", regexp.QuoteMeta(call.RequestModel)),
		strings.NewReplacer("${service:regex}", "("+call.Service+"|other)", "${provider:regex}", "("+call.Provider+"|other)", "${model:regex}", "("+regexp.QuoteMeta(call.RequestModel)+"|other)"),
	}
	span := strings.NewReplacer("${__from}", strconv.FormatInt(s.end.Add(-seedSpan).UnixMilli(), 10), "${__to}", strconv.FormatInt(s.end.UnixMilli(), 10))
	done := map[string]bool{}
	eachPanel(func(d Dashboard, p Panel) {
		for _, l := range p.Links {
			if done[l.Path] || strings.Contains(l.Path, "${__value.raw}") {
				continue
			}
			done[l.Path] = true
			for i, choice := range choices {
				address := choice.Replace(field.Replace(span.Replace(l.Path)))
				if strings.Contains(address, "$") {
					t.Errorf("%s/%s: %s has a placeholder that nobody fills", d.ID, p.ID, address)
				}
				code, body := get(t, h, strings.ReplaceAll(address, "|", "%7C"))
				if code != http.StatusOK {
					t.Errorf("%s/%s: %s: %d %s", d.ID, p.ID, address, code, body)
					continue
				}
				var got map[string][]any
				_ = json.Unmarshal(body, &got) // other shapes have no list of calls
				rare := strings.Contains(l.Path, "notes") || strings.Contains(l.Path, "cost.state")
				if rare && i > 0 {
					continue // one service and model may have none
				}
				if strings.HasPrefix(l.Path, apiPath+"calls?") && len(got["calls"]) == 0 {
					t.Errorf("%s/%s: no calls at %s", d.ID, p.ID, address)
				}
			}
		}
	})
	if len(done) < 15 {
		t.Errorf("only %d links", len(done))
	}
}
