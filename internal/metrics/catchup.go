package metrics

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/golang/snappy"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/prompb"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/storage/remote"

	"github.com/pitot-dev/pitot/internal/durable"
)

// Remote write follows the write-ahead log from the time at which it starts.
// What an earlier process had stored and not delivered, because it was killed or
// the outside store was down, it leaves out. deliverMissed sends that, once,
// beside it. Where the border is not known to the second a sample goes out
// twice, with the same time and value.

const (
	// sentFile remembers until when each URL has everything.
	sentFile = "remote-sent.json"
	// sentEvery is how often that is saved.
	sentEvery = 5 * time.Second
	// sentMargin is how far the parallel senders of remote write may be apart.
	sentMargin = 30 * time.Second
	// missedStep is how much is read at once, and missedSeries how much sent.
	missedStep   = 5 * time.Minute
	missedSeries = 1000
	// missedSamples bounds what is read at once.
	missedSamples = 50_000_000
)

// sentUntil is the file's content: Unix milliseconds by URL.
type sentUntil map[string]int64

func (m *Metrics) sentPath() string { return filepath.Join(m.opts.Dir, sentFile) }

func (m *Metrics) readSent() sentUntil {
	out := sentUntil{}
	b, err := os.ReadFile(m.sentPath())
	if err == nil {
		err = json.Unmarshal(b, &out)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		m.logger.Warn("what was delivered to the metric store is not known: nothing is delivered again", "err", err)
	}
	return out
}

func (m *Metrics) writeSent(s sentUntil) {
	b, err := json.Marshal(s)
	if err != nil {
		return
	}
	if err := durable.WriteFile(m.sentPath(), b); err != nil {
		m.logger.Debug("progress of remote write not saved", "err", err)
	}
}

// deliverMissed sends what earlier processes have left, and then notes how far
// remote write is, until ctx ends.
func (m *Metrics) deliverMissed(ctx context.Context) {
	before := m.readSent()
	start := m.started.UnixMilli()
	missed := map[string]int64{}
	for _, u := range m.opts.Remote.WriteURLs {
		if t, ok := before[u]; ok && t < start {
			missed[u] = t
		}
	}
	tick := time.NewTicker(sentEvery)
	defer tick.Stop()
	for {
		for u, from := range missed {
			next, err := m.sendMissed(ctx, u, from, start)
			if err != nil && ctx.Err() == nil {
				m.logger.Warn("samples of before the start are not delivered yet", "url", u, "err", err)
			}
			if missed[u] = next; next >= start {
				delete(missed, u)
			}
		}
		m.noteSent(missed)
		select {
		case <-ctx.Done():
			m.noteSent(missed)
			return
		case <-tick.C:
		}
	}
}

// noteSent saves how far each URL is.
func (m *Metrics) noteSent(missed map[string]int64) {
	now := sentUntil{}
	newest := m.sentTimes()
	for _, u := range m.opts.Remote.WriteURLs {
		if t, ok := missed[u]; ok {
			now[u] = t
			continue
		}
		now[u] = m.started.UnixMilli()
		if t := newest[u]; t > now[u] {
			now[u] = max(now[u], t-sentMargin.Milliseconds())
		}
	}
	m.writeSent(now)
}

// sentTimes is the newest sample that remote write has delivered, by URL.
func (m *Metrics) sentTimes() map[string]int64 {
	families, _ := m.registry.Gather() // what one collector cannot say the others can
	out := map[string]int64{}
	for _, f := range families {
		if f.GetName() != sentTimestamp {
			continue
		}
		for _, x := range f.GetMetric() {
			if v := x.GetGauge().GetValue(); v > 0 && !math.IsInf(v, 0) {
				out[labelOfPairs(x.GetLabel(), "url")] = int64(v * 1000)
			}
		}
	}
	return out
}

// sendMissed sends the samples of (from, to] and returns how far it came.
func (m *Metrics) sendMissed(ctx context.Context, u string, from, to int64) (int64, error) {
	cfg := m.config.Load()
	i := slices.IndexFunc(cfg.RemoteWriteConfigs, func(c *config.RemoteWriteConfig) bool { return c.URL.String() == u })
	if i < 0 {
		return to, nil
	}
	w := cfg.RemoteWriteConfigs[i]
	client, err := remote.NewWriteClient("missed", &remote.ClientConfig{URL: w.URL, WriteProtoMsg: w.ProtobufMessage, Timeout: w.RemoteTimeout, HTTPClientConfig: w.HTTPClientConfig, Headers: w.Headers})
	if err != nil {
		return from, err
	}
	if oldest, _, ok := m.Range(); ok {
		from = max(from, oldest.UnixMilli()-1)
	}
	for from < to {
		end := min(from+missedStep.Milliseconds(), to)
		if err := m.sendRange(ctx, client, from+1, end, cfg.GlobalConfig.ExternalLabels); err != nil {
			return from, err
		}
		from = end
	}
	return to, nil
}

// sendRange sends the samples of [from, to].
func (m *Metrics) sendRange(ctx context.Context, client remote.WriteClient, from, to int64, external labels.Labels) error {
	q, err := m.db.Querier(from, to)
	if err != nil {
		return err
	}
	defer q.Close()
	set := q.Select(ctx, false, &storage.SelectHints{Start: from, End: to}, labels.MustNewMatcher(labels.MatchRegexp, model.MetricNameLabel, ".+"))
	res, _, err := remote.ToQueryResult(set, missedSamples)
	if err != nil {
		return err
	}
	for _, x := range res.Timeseries {
		x.Labels = withExternal(x.Labels, external)
	}
	refused := 0
	for batch := range slices.Chunk(res.Timeseries, missedSeries) {
		n, err := storeSeries(ctx, client, batch)
		if err != nil {
			return err
		}
		refused += n
	}
	if refused > 0 {
		m.logger.Debug("the metric store refuses series of before the start: it has newer samples of them", "series", refused)
	}
	return nil
}

// storeSeries sends series, and returns how many the store refuses for what they
// are. It refuses a request as a whole for a single sample that it does not take,
// such as one that it has: halves of it find which.
func storeSeries(ctx context.Context, client remote.WriteClient, batch []*prompb.TimeSeries) (refused int, err error) {
	req := prompb.WriteRequest{}
	for _, s := range batch {
		req.Timeseries = append(req.Timeseries, *s)
	}
	raw, err := req.Marshal()
	if err != nil {
		return 0, err
	}
	_, err = client.Store(ctx, snappy.Encode(nil, raw), 0)
	switch _, again := errors.AsType[remote.RecoverableError](err); {
	case err == nil:
		return 0, nil
	case again || ctx.Err() != nil:
		return 0, err
	case len(batch) > 1:
		half := len(batch) / 2
		a, err := storeSeries(ctx, client, batch[:half])
		if err != nil {
			return a, err
		}
		b, err := storeSeries(ctx, client, batch[half:])
		return a + b, err
	}
	// One series: its samples one by one.
	s := batch[0]
	if len(s.Samples)+len(s.Histograms) <= 1 {
		return 1, nil
	}
	for i := range s.Samples {
		n, err := storeSeries(ctx, client, []*prompb.TimeSeries{{Labels: s.Labels, Samples: s.Samples[i : i+1]}})
		if err != nil {
			return refused, err
		}
		refused = max(refused, n)
	}
	for i := range s.Histograms {
		n, err := storeSeries(ctx, client, []*prompb.TimeSeries{{Labels: s.Labels, Histograms: s.Histograms[i : i+1]}})
		if err != nil {
			return refused, err
		}
		refused = max(refused, n)
	}
	return refused, nil
}

// withExternal adds external labels where a series has none of that name.
func withExternal(in []prompb.Label, external labels.Labels) []prompb.Label {
	external.Range(func(l labels.Label) {
		if !slices.ContainsFunc(in, func(x prompb.Label) bool { return x.Name == l.Name }) {
			in = append(in, prompb.Label{Name: l.Name, Value: l.Value})
		}
	})
	slices.SortFunc(in, func(a, b prompb.Label) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return in
}

// deliverLast stores what was counted until now, and waits a while until remote
// write has it: this process may be the last one over its directory.
func (m *Metrics) deliverLast() {
	last := time.Now()
	m.self.scrape(last)
	deadline := time.NewTimer(m.flushDeadline())
	defer deadline.Stop()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		sent := m.sentTimes()
		if !slices.ContainsFunc(m.opts.Remote.WriteURLs, func(u string) bool { return sent[u] < last.UnixMilli() }) {
			return
		}
		select {
		case <-deadline.C:
			m.logger.Warn("the metric store has not taken everything: the rest is delivered after the next start")
			return
		case <-tick.C:
		}
	}
}

// flushDeadline bounds how long Close waits for remote write.
func (m *Metrics) flushDeadline() time.Duration {
	if r := m.opts.Remote; r != nil && r.FlushDeadline > 0 {
		return r.FlushDeadline
	}
	return remoteFlushDeadline
}
