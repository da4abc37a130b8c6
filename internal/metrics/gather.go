package metrics

import (
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"
)

// Gather returns the families for /metrics, sorted by name. It implements
// prometheus.Gatherer.
func (c *Catalogue) Gather() ([]*dto.MetricFamily, error) {
	return c.gather(false), nil
}

// gather returns the families that have samples; with those that only the
// store may show if store is set.
func (c *Catalogue) gather(store bool) []*dto.MetricFamily {
	var all [familyCount][]*dto.Metric
	c.mu.RLock()
	groups := make([]*series, 0, len(c.llm)+len(c.genAI))
	for _, s := range c.llm {
		groups = append(groups, s)
	}
	for _, s := range c.genAI {
		groups = append(groups, s)
	}
	judged := make([]*judgedCell, 0, len(c.judged))
	for _, j := range c.judged {
		judged = append(judged, j)
	}
	for _, a := range c.active {
		all[famActive] = append(all[famActive], &dto.Metric{Label: a.labels, Gauge: &dto.Gauge{Value: new(float64(a.n.Load()))}})
	}
	c.mu.RUnlock()
	for _, s := range groups {
		s.gather(&all)
	}
	for _, j := range judged {
		j.gather(&all)
	}

	out := make([]*dto.MetricFamily, 0, int(familyCount)+len(c.aliases)+1)
	add := func(name, help string, f *Family, metrics []*dto.Metric) {
		if len(metrics) > 0 {
			out = append(out, &dto.MetricFamily{Name: &name, Help: &help, Type: f.dtoType(), Metric: metrics})
		}
	}
	for id := range c.fams {
		f := &c.fams[id]
		add(f.Name, f.Help, f, all[id])
	}
	for i := range c.aliases {
		a := &c.aliases[i]
		if a.storeOnly && !store {
			continue
		}
		add(a.name, "Older name of "+a.reference+".", &c.fams[a.of], a.apply(all[a.of]))
	}
	out = append(out, c.gatherOverflow())
	slices.SortFunc(out, func(a, b *dto.MetricFamily) int { return strings.Compare(a.GetName(), b.GetName()) })
	return out
}

// overflowName and overflowHelp describe the catalogue's own health.
const (
	overflowName = "pitot_metrics_label_overflow_total"
	overflowHelp = "Label values that were past the limit of their label and were counted as __other__; label=label_set counts Calls past the limit of label combinations."
)

func (c *Catalogue) gatherOverflow() *dto.MetricFamily {
	f := &dto.MetricFamily{Name: new(overflowName), Help: new(overflowHelp), Type: dto.MetricType_COUNTER.Enum()}
	add := func(label string, n uint64) {
		f.Metric = append(f.Metric, &dto.Metric{
			Label:   []*dto.LabelPair{pair("label", label)},
			Counter: &dto.Counter{Value: new(float64(n))},
		})
	}
	for _, l := range []*limiter{c.models, c.services, c.providers, c.methods, c.errorTypes, c.reasons, c.evaluators, c.feedback} {
		add(l.label, l.replaced())
	}
	for i := range c.dims {
		add(c.dims[i].label, c.dims[i].limit.replaced())
	}
	add("label_set", c.folded.Load())
	return f
}
