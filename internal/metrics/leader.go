package metrics

import (
	"context"

	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/metadata"
	"github.com/prometheus/prometheus/storage"
)

// leaderAppendable drops what rules write while another replica leads: each
// evaluates the same rules at the same times, and one copy of the result is
// enough.
type leaderAppendable struct {
	storage.Appendable
	leads func() bool
}

// Appender implements storage.Appendable.
func (l leaderAppendable) Appender(ctx context.Context) storage.Appender {
	if l.leads == nil || l.leads() {
		return l.Appendable.Appender(ctx)
	}
	return discard{}
}

// discard takes everything and keeps nothing.
type discard struct{}

func (discard) Append(ref storage.SeriesRef, _ labels.Labels, _ int64, _ float64) (storage.SeriesRef, error) {
	return ref, nil
}
func (discard) SetOptions(*storage.AppendOptions) {}

func (discard) AppendExemplar(ref storage.SeriesRef, _ labels.Labels, _ exemplar.Exemplar) (storage.SeriesRef, error) {
	return ref, nil
}

func (discard) AppendHistogram(ref storage.SeriesRef, _ labels.Labels, _ int64, _ *histogram.Histogram, _ *histogram.FloatHistogram) (storage.SeriesRef, error) {
	return ref, nil
}

func (discard) AppendHistogramSTZeroSample(ref storage.SeriesRef, _ labels.Labels, _, _ int64, _ *histogram.Histogram, _ *histogram.FloatHistogram) (storage.SeriesRef, error) {
	return ref, nil
}

func (discard) UpdateMetadata(ref storage.SeriesRef, _ labels.Labels, _ metadata.Metadata) (storage.SeriesRef, error) {
	return ref, nil
}

func (discard) AppendSTZeroSample(ref storage.SeriesRef, _ labels.Labels, _, _ int64) (storage.SeriesRef, error) {
	return ref, nil
}
func (discard) Commit() error   { return nil }
func (discard) Rollback() error { return nil }
