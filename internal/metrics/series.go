package metrics

import (
	"slices"
	"strings"
	"sync"

	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// series is everything that is counted under one combination of the shared
// labels. One lock guards it all: a Call touches some fifteen of its cells, and
// one lock is cheaper than fifteen atomics.
type series struct {
	base []*dto.LabelPair // sorted by name
	fams *[familyCount]Family

	mu       sync.Mutex
	counters []counterCell
	hists    []histCell
}

// counterCell is a counter of a series, told apart by the family's own label.
type counterCell struct {
	fam    familyID
	extra  string // value of the family's own label
	value  float64
	labels []*dto.LabelPair
	made   *timestamppb.Timestamp
}

// histCell is a histogram of a series.
type histCell struct {
	fam    familyID
	extra  string
	hist   *dualHistogram
	labels []*dto.LabelPair
	made   *timestamppb.Timestamp
}

// counter returns the cell, making it on first use; the caller holds mu. The
// pointer is good until the next call.
func (s *series) counter(fam familyID, extra string, at int64) *counterCell {
	for i := range s.counters {
		if c := &s.counters[i]; c.fam == fam && c.extra == extra {
			return c
		}
	}
	s.counters = append(s.counters, counterCell{
		fam: fam, extra: extra, labels: s.cellLabels(fam, extra), made: millisTimestamp(at),
	})
	return &s.counters[len(s.counters)-1]
}

// histogram returns the histogram, making it on first use; the caller holds mu.
func (s *series) histogram(fam familyID, extra string, at int64) *dualHistogram {
	for i := range s.hists {
		if c := &s.hists[i]; c.fam == fam && c.extra == extra {
			return c.hist
		}
	}
	h := newHistogram(&s.fams[fam])
	s.hists = append(s.hists, histCell{
		fam: fam, extra: extra, hist: h, labels: s.cellLabels(fam, extra), made: millisTimestamp(at),
	})
	return h
}

// cellLabels are the shared labels with the family's own one, if it has one:
// always the last in the table.
func (s *series) cellLabels(fam familyID, extra string) []*dto.LabelPair {
	own, ok := ownLabel(fam)
	if !ok {
		return s.base
	}
	return withPair(s.base, own, extra)
}

// ownLabel is the label that a family has besides the shared ones.
func ownLabel(fam familyID) (string, bool) {
	switch fam {
	case famRequests, famStreams:
		return "status", true
	case famErrors, famGenAIDuration:
		return labelErrorType, true
	case famTokens:
		return "type", true
	case famCost:
		return "state", true
	case famUnpriced:
		return "reason", true
	case famQuality:
		return labelEvaluator, true
	case famGenAITokenUsage:
		return labelGenAITokenType, true
	default:
		return "", false
	}
}

// gather appends the series' metrics to their families.
func (s *series) gather(out *[familyCount][]*dto.Metric) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.counters {
		c := &s.counters[i]
		out[c.fam] = append(out[c.fam], &dto.Metric{
			Label:   c.labels,
			Counter: &dto.Counter{Value: new(c.value), CreatedTimestamp: c.made},
		})
	}
	for i := range s.hists {
		c := &s.hists[i]
		out[c.fam] = append(out[c.fam], &dto.Metric{Label: c.labels, Histogram: c.hist.write(c.made)})
	}
}

func pair(name, value string) *dto.LabelPair {
	return &dto.LabelPair{Name: &name, Value: &value}
}

func withPair(base []*dto.LabelPair, name, value string) []*dto.LabelPair {
	out := append(slices.Clip(slices.Clone(base)), pair(name, value))
	sortPairs(out)
	return out
}

func sortPairs(p []*dto.LabelPair) {
	slices.SortFunc(p, func(a, b *dto.LabelPair) int { return strings.Compare(a.GetName(), b.GetName()) })
}
