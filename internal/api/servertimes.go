package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pitot-dev/pitot/internal/breakdown"
	"github.com/pitot-dev/pitot/internal/llm"
)

// serverFamily are the histograms of a model server that say how its requests
// spent the time before their first token.
type serverFamily struct {
	queue, prefill string
	label          string // that names the model
	// atEnd says that a request is counted when it has ended, rather than at some
	// time from its start on.
	atEnd bool
	// lag is how much older than its timestamp a sample may be.
	lag time.Duration
}

// serverFamilies are looked for in this order.
func serverFamilies() []serverFamily {
	return []serverFamily{
		{"vllm:request_queue_time_seconds", "vllm:request_prefill_time_seconds", "model_name", true, 0},
		{"sglang:queue_time_seconds", "", "model_name", false, 0},
		// Recorded from any server's own names, some time after they were scraped.
		{"llm_server_queue_time_seconds", "llm_server_prefill_time_seconds", "model", false, 2 * time.Minute},
	}
}

const (
	// scrapeSlack is how far the end of a request at its server may be from the
	// end that the gateway saw.
	scrapeSlack = 5 * time.Second
	// scrapeWait is how long after a Call a scrape that has counted it is looked
	// for, and how long before it one that has not.
	scrapeWait = 2 * time.Minute
	// longestObserved is the longest Call that is looked up.
	longestObserved = time.Hour
)

// serverTimes reads what the model server's own histograms counted around a
// Call: nil where no server of its model is scraped, or has not been since.
func (s *server) serverTimes(ctx context.Context, c *llm.Call) (queue, prefill *breakdown.Observed) {
	// Other senders' clocks are not ours, which the scrapes are timed by.
	if c.Source != llm.SourceGateway || c.Status == llm.StatusError || c.Duration > longestObserved {
		return nil, nil
	}
	var models []string
	for _, m := range []string{c.RequestModel, c.ResponseModel} {
		if m != "" && !slices.Contains(models, m) {
			models = append(models, m)
		}
	}
	if len(models) == 0 {
		return nil, nil
	}
	for _, f := range serverFamilies() {
		if queue = s.observed(ctx, f, f.queue, models, c); queue != nil {
			if f.prefill != "" {
				prefill = s.observed(ctx, f, f.prefill, models, c)
			}
			return queue, prefill
		}
	}
	return nil, nil
}

// observed reads one histogram.
func (s *server) observed(ctx context.Context, f serverFamily, metric string, models []string, c *llm.Call) *breakdown.Observed {
	end := c.Time.Add(c.Duration)
	from := c.Time
	if f.atEnd {
		from = end.Add(-scrapeSlack - c.GatewayOverhead.Or(0)) // a slow reader of the stream sees its end late
	}
	from = from.Add(-f.lag)
	until := end.Add(scrapeSlack/5 + f.lag)
	at := until.Add(scrapeWait)
	if now := s.Now(); at.After(now) {
		at = now
	}
	quoted := make([]string, len(models))
	for i, m := range models {
		quoted[i] = regexp.QuoteMeta(m)
	}
	query := fmt.Sprintf("%s_bucket{%s=~%s}[%ds]", metric, f.label, strconv.Quote(strings.Join(quoted, "|")), int(at.Sub(from.Add(-scrapeWait)).Seconds())+1)
	series, err := s.matrix(ctx, query, at)
	if err != nil {
		return nil // the breakdown is told without
	}
	before, after := map[string][]breakdown.Bucket{}, map[string][]breakdown.Bucket{}
	for _, sr := range series {
		le, err := strconv.ParseFloat(sr.Metric["le"], 64)
		if err != nil {
			continue
		}
		var old, now *samplePair
		for i := range sr.Values {
			switch v := &sr.Values[i]; {
			case !v.at.After(from):
				old = v
			case now == nil && !v.at.Before(until):
				now = v
			}
		}
		if now == nil {
			return nil // not scraped since
		}
		server := sr.server()
		after[server] = append(after[server], breakdown.Bucket{Le: le, Count: now.value})
		if old != nil {
			before[server] = append(before[server], breakdown.Bucket{Le: le, Count: old.value})
		}
	}
	var all *breakdown.Observed
	for server, buckets := range after {
		all = widest(all, breakdown.Observe(metric, before[server], buckets))
	}
	return all
}

// widest joins what several servers of a model counted: which of them served
// the Call is not known.
func widest(a, b *breakdown.Observed) *breakdown.Observed {
	if a == nil || b == nil {
		if a == nil {
			return b
		}
		return a
	}
	if b.Count > a.Count {
		a, b = b, a // the quantiles of the busier one
	}
	out := *a
	out.Count += b.Count
	out.Min = min(a.Min, b.Min)
	if out.Max = max(a.Max, b.Max); a.Max == 0 || b.Max == 0 {
		out.Max = 0
	}
	return &out
}

// matrixSeries is one series of an answer of the Prometheus API.
type matrixSeries struct {
	Metric map[string]string `json:"metric"`
	Values []samplePair      `json:"values"`
}

// server tells series of one server apart from those of others.
func (m *matrixSeries) server() string {
	var b strings.Builder
	for _, k := range sortedKeys(m.Metric) {
		if k != "le" && k != "__name__" {
			b.WriteString(k + "\x00" + m.Metric[k] + "\x00")
		}
	}
	return b.String()
}

type samplePair struct {
	at    time.Time
	value float64
}

// UnmarshalJSON reads [seconds, "value"].
func (p *samplePair) UnmarshalJSON(b []byte) error {
	var at float64
	var v string
	if err := json.Unmarshal(b, &[]any{&at, &v}); err != nil {
		return err
	}
	f, err := strconv.ParseFloat(v, 64)
	p.at, p.value = time.UnixMilli(int64(at*1000)), f
	return err
}

// matrix asks the Prometheus API, which is in this process, for raw samples.
func (s *server) matrix(ctx context.Context, query string, at time.Time) ([]matrixSeries, error) {
	q := url.Values{"query": {query}, "time": {strconv.FormatFloat(float64(at.UnixMilli())/1000, 'f', 3, 64)}}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "/api/v1/query?"+q.Encode(), http.NoBody)
	if err != nil {
		return nil, err
	}
	r.RequestURI = r.URL.RequestURI()
	w := &bufferedAnswer{header: http.Header{}, status: http.StatusOK}
	s.Prometheus.ServeHTTP(w, r)
	if w.status != http.StatusOK {
		return nil, fmt.Errorf("query model server: status %d", w.status)
	}
	var answer struct {
		Data struct {
			Result []matrixSeries `json:"result"`
		} `json:"data"`
	}
	if err := json.Unmarshal(w.body.Bytes(), &answer); err != nil {
		return nil, fmt.Errorf("query model server: %w", err)
	}
	return answer.Data.Result, nil
}

// bufferedAnswer takes the answer of a handler in this process.
type bufferedAnswer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (b *bufferedAnswer) Header() http.Header { return b.header }

// WriteHeader implements http.ResponseWriter.
func (b *bufferedAnswer) WriteHeader(status int) { b.status = status }

// Write implements http.ResponseWriter.
func (b *bufferedAnswer) Write(p []byte) (int, error) { return b.body.Write(p) }
