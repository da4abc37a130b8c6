package server

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/pitot-dev/pitot/internal/api"
	"github.com/pitot-dev/pitot/internal/events"
	"github.com/pitot-dev/pitot/internal/llm"
)

const (
	// setupFor is how long a report of what came is kept.
	setupFor = 2 * time.Second
	// setupWait is how long a request waits for a fresh one.
	setupWait = 80 * time.Millisecond
	// tailRange is how far back each report looks; what is older was counted by a
	// scan of everything, which is repeated from time to time.
	tailRange = 10 * time.Minute
	// pastEvery is how often a query replica asks for the counters of others.
	pastEvery = time.Minute
	// cheapScan is how long a scan of everything may take to be repeated every
	// minute rather than every ten.
	cheapScan = 200 * time.Millisecond
)

// arrivals knows what came by which way. Questions wake its worker, which asks
// the store; where that takes long, the last answer serves.
type arrivals struct {
	s    *Server
	wake chan chan struct{}

	mu      sync.Mutex
	report  api.SetupReport
	at      time.Time
	scanned bool // everything was counted once

	// Of the worker alone.
	base     []events.Arrival // what is older than baseEnd
	baseEnd  time.Time
	baseAt   time.Time
	baseTook time.Duration
	past     map[string]pastCount // of counters, before this process
	pastAt   time.Time
	seen     map[string]seenCount
}

// pastCount is what a counter says of the time before this process.
type pastCount struct {
	n     int64
	first time.Time
}

// seenCount is a counter as it was at the last report.
type seenCount struct {
	n           float64
	first, last time.Time
}

func newArrivals(s *Server) *arrivals {
	return &arrivals{s: s, wake: make(chan chan struct{}, 1), seen: map[string]seenCount{}}
}

// setup says what came by which way.
func (a *arrivals) setup(ctx context.Context) api.SetupReport {
	a.mu.Lock()
	fresh := time.Since(a.at) < setupFor
	a.mu.Unlock()
	if !fresh {
		done := make(chan struct{})
		timer := time.NewTimer(setupWait)
		defer timer.Stop()
		select {
		case a.wake <- done:
			select {
			case <-done:
			case <-timer.C:
			case <-ctx.Done():
			}
		default: // it is at work
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	out := a.report
	out.Scanning = !a.scanned
	out.Since, out.Addresses = a.s.dataSince(), a.s.setupAddresses()
	if out.Ways == nil {
		for _, w := range api.Ways() {
			out.Ways = append(out.Ways, api.SetupWay{Way: w})
		}
	}
	return out
}

// run works until ctx ends.
func (a *arrivals) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case done := <-a.wake:
			a.refresh(ctx)
			close(done)
		}
	}
}

// scanTimeout bounds one look at the store.
const scanTimeout = time.Minute

func (a *arrivals) refresh(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, scanTimeout)
	defer cancel()
	now := time.Now()
	every := 10 * time.Minute
	if a.baseTook < cheapScan {
		every = time.Minute
	}
	ok := true
	if a.baseAt.IsZero() || now.Sub(a.baseAt) > every {
		end := now.Add(-tailRange)
		if base, err := a.s.events.Arrivals(ctx, events.Range{End: end}); err == nil {
			a.base, a.baseEnd, a.baseAt, a.baseTook = base, end, now, time.Since(now)
		} else {
			ok = !a.baseAt.IsZero()
		}
	}
	all := a.base
	if ok {
		tail, err := a.s.events.Arrivals(ctx, events.Range{Start: a.baseEnd})
		if err != nil {
			ok = false
		}
		all = slices.Concat(a.base, tail)
	}
	if a.past == nil || a.s.opts.Role == RoleQuery && now.Sub(a.pastAt) > pastEvery {
		a.past, a.pastAt = a.s.pastCounts(ctx), now
	}
	ways := a.ways(all, now)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.report.Ways, a.at = ways, time.Now()
	a.scanned = a.scanned || ok
}

// ways puts together what is known of each way.
func (a *arrivals) ways(stored []events.Arrival, now time.Time) []api.SetupWay {
	by := map[string]*api.SetupWay{}
	for _, name := range api.Ways() {
		by[name] = &api.SetupWay{Way: name, Parts: []api.SetupPart{}}
	}
	parts := map[string]*api.SetupPart{}
	for i := range stored {
		x := &stored[i]
		way, name, scope := wayOf(x)
		w := by[way]
		if w == nil {
			continue
		}
		count(&w.Count, &w.First, &w.Last, x)
		key := way + "\x00" + name + "\x00" + scope
		if parts[key] == nil {
			parts[key] = &api.SetupPart{Name: name, Scope: scope}
		}
		count(&parts[key].Count, &parts[key].First, &parts[key].Last, x)
	}
	for _, key := range slices.Sorted(maps.Keys(parts)) {
		way, _, _ := strings.Cut(key, "\x00")
		if parts[key].Name != "" {
			by[way].Parts = append(by[way].Parts, *parts[key])
		}
	}
	a.counters(by, now)
	a.s.scrapeWay(by[api.WayScrape])
	out := make([]api.SetupWay, 0, len(by))
	for _, name := range api.Ways() {
		w := by[name]
		w.Received = w.Count > 0
		slices.SortStableFunc(w.Parts, func(a, b api.SetupPart) int { return cmp.Compare(b.Count, a.Count) })
		w.Parts = w.Parts[:min(len(w.Parts), maxParts)]
		out = append(out, *w)
	}
	return out
}

// maxParts is how many parts of a way are told apart.
const maxParts = 50

func count(n *int64, first, last *time.Time, x *events.Arrival) {
	*n += x.Count
	if first.IsZero() || x.First.Before(*first) {
		*first = x.First
	}
	if x.Last.After(*last) {
		*last = x.Last
	}
}

// wayOf says by which way a stored record came, and from what part of it.
func wayOf(x *events.Arrival) (way, name, scope string) {
	if x.Kind == "feedback" { // which names no source
		return api.WayFeedback, "", ""
	}
	switch x.Source {
	case llm.SourceFeedback:
		return api.WayFeedback, "", ""
	case llm.SourceGateway:
		return api.WayGateway, x.Upstream, ""
	case llm.SourceSDK:
		return api.WaySDK, cmp.Or(x.Scope, "pitot"), ""
	case llm.SourceOTLP:
		if x.Kind == "log" {
			return api.WayLogs, cmp.Or(x.Scope, "logs"), ""
		}
		return api.WayTraces, cmp.Or(x.Dialect, "other"), x.Scope
	case llm.SourceLogs: // by which of two ways, the counters know
	}
	return "", "", ""
}

// wayCounters are the counters that tell of what the event store does not keep,
// or does not tell apart.
var wayCounters = []struct{ way, metric, label, value string }{
	{api.WayMetrics, "pitot_otlp_received_total", "signal", "metrics"},
	{api.WayElasticsearch, "pitot_logs_received_total", "input", "elasticsearch"},
	{api.WayFiles, "pitot_logs_received_total", "input", "file"},
	{api.WayRemoteWrite, "pitot_remote_write_requests_total", "code", "2xx"},
}

// counters adds what the counters say.
func (a *arrivals) counters(by map[string]*api.SetupWay, now time.Time) {
	families := a.s.ownFamilies()
	for _, c := range wayCounters {
		n := counterValue(families[c.metric], c.label, c.value)
		seen, known := a.seen[c.way]
		if n > seen.n {
			if seen.first.IsZero() {
				seen.first = now.UTC()
			}
			if known {
				seen.last = now.UTC()
			}
		}
		seen.n = n
		a.seen[c.way] = seen
		w, past := by[c.way], a.past[c.way]
		w.Count += int64(n) + past.n
		w.First, w.Last = seen.first, seen.last
		if !past.first.IsZero() {
			w.First = past.first
		}
	}
	for _, r := range refusedRequests(families) {
		if w := by[r.way]; w != nil {
			w.Refused += int64(r.Count)
		}
	}
}

// pastCounts asks the metric store what the counters said before this process.
func (s *Server) pastCounts(ctx context.Context) map[string]pastCount {
	out := map[string]pastCount{}
	days := strconv.Itoa(int(time.Duration(s.current().Storage.Metrics.Retention)/(24*time.Hour))) + "d"
	until := s.started
	if s.opts.Role == RoleQuery { // all that counts is in other processes
		until = time.Now()
	}
	for _, c := range wayCounters {
		series := fmt.Sprintf(`%s{job="pitot",%s=%q}`, c.metric, c.label, c.value)
		var p pastCount
		if r, err := s.metrics.Query(ctx, "sum(increase("+series+"["+days+"]))", until); err == nil && len(r.Series) > 0 {
			p.n = int64(r.Series[0].Points[0].Value + 0.5)
		}
		if p.n > 0 {
			if r, err := s.metrics.Query(ctx, "min(min_over_time(timestamp("+series+" > 0)["+days+":1h]))", until); err == nil && len(r.Series) > 0 {
				p.first = time.Unix(int64(r.Series[0].Points[0].Value), 0).UTC()
			}
		}
		out[c.way] = p
	}
	return out
}

// ownFamilies are Pitot's own metrics, without those of calls.
func (s *Server) ownFamilies() map[string]*dto.MetricFamily {
	g, ok := s.metrics.Registerer().(prometheus.Gatherer)
	if !ok {
		return nil
	}
	families, _ := g.Gather() // what one collector cannot say the others can
	out := make(map[string]*dto.MetricFamily, len(families))
	for _, f := range families {
		out[f.GetName()] = f
	}
	return out
}

func labelOf(m *dto.Metric, name string) string {
	for _, l := range m.GetLabel() {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}

// counterValue adds up a counter's series that have a label.
func counterValue(f *dto.MetricFamily, label, value string) float64 {
	var n float64
	for _, m := range f.GetMetric() {
		if labelOf(m, label) == value {
			n += m.GetCounter().GetValue()
		}
	}
	return n
}

// scrapeWay fills in the scrape targets, by job.
func (s *Server) scrapeWay(w *api.SetupWay) {
	jobs := map[string]*api.SetupPart{}
	for _, t := range s.targets() {
		if t.Labels.Job == ownJob {
			continue
		}
		p := jobs[t.Labels.Job]
		if p == nil {
			p = &api.SetupPart{Name: t.Labels.Job, Up: new(int)}
			jobs[t.Labels.Job] = p
		}
		p.Count++
		if t.Health == "up" {
			*p.Up++
			w.Count++
		} else {
			p.Error = cmp.Or(p.Error, t.LastError)
		}
		if t.LastScrape.After(p.Last) {
			p.Last = t.LastScrape.UTC()
		}
		if p.Last.After(w.Last) && *p.Up > 0 {
			w.Last = p.Last
		}
	}
	for _, name := range slices.Sorted(maps.Keys(jobs)) {
		w.Parts = append(w.Parts, *jobs[name])
	}
}

// setupNames are the listeners by the names that the report gives them.
var setupNames = map[string]string{
	listenAPI: "api", listenGateway: "gateway", listenOTLPHTTP: "otlp_http", listenOTLPGRPC: "otlp_grpc", listenJaeger: "jaeger",
}

func (s *Server) setupAddresses() map[string]string {
	out := map[string]string{}
	for _, d := range s.doors {
		if d.name == listenInside {
			continue
		}
		out[cmp.Or(setupNames[d.name], d.name)] = d.listener.Addr().String()
	}
	return out
}

// writePath is where remote write comes in.
const writePath = "/api/v1/write"

// countedWrites counts the requests of remote write: the metric store counts
// none that it took.
func (s *Server) countedWrites(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.Path != writePath {
			next.ServeHTTP(w, r)
			return
		}
		t := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(t, r)
		s.writes.WithLabelValues(strconv.Itoa(t.status/100) + "xx").Inc()
	})
}

// newWrites makes the counter of countedWrites.
func newWrites(reg prometheus.Registerer) (*prometheus.CounterVec, error) {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "pitot_remote_write_requests_total", Help: "Requests of remote write senders, by how they were answered.",
	}, []string{"code"})
	for _, code := range []string{"2xx", "4xx", "5xx"} {
		c.WithLabelValues(code)
	}
	return c, reg.Register(c)
}

// statusWriter remembers the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap serves http.ResponseController.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
