package server

import (
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/metrics"
	"github.com/pitot-dev/pitot/internal/pipeline"
	"github.com/pitot-dev/pitot/internal/redact"
)

// masks applies the content policy to what does not pass through the pipeline's
// own redaction: the labels of metrics, which the pipeline counts before it
// masks.
type masks struct {
	policy atomic.Pointer[redact.Policy]
	// names is for the gauge of running calls. It never changes, so that the end
	// of a call finds the labels of its start whatever was reloaded in between.
	names *redact.Policy
	pool  sync.Pool // of *llm.Call
}

func newMasks(p *redact.Policy) (*masks, error) {
	names, err := redact.New(redact.Default())
	if err != nil {
		return nil, err
	}
	m := &masks{names: names, pool: sync.Pool{New: func() any { return new(llm.Call) }}}
	m.policy.Store(p)
	return m, nil
}

// maskedObserver counts a Call under masked labels.
type maskedObserver struct {
	next pipeline.Observer
	m    *masks
}

// ObserveCall counts a Call. What it carries beside numbers and names is left
// out: no metric is made of it, and masking it takes long.
func (o maskedObserver) ObserveCall(c *llm.Call) {
	named := o.m.pool.Get().(*llm.Call)
	*named = *c
	named.Input, named.Output, named.Tools, named.Params, named.Attributes = nil, nil, nil, nil, nil
	named.Resource, named.Events, named.Links = nil, nil, nil
	// These are masked in place, and belong to the Call.
	named.FinishReasons, named.Truncated, named.Notes = nil, nil, nil
	o.m.policy.Load().Call(named)
	o.next.ObserveCall(named)
	*named = llm.Call{}
	o.m.pool.Put(named)
}

// gatewaySink hands what the gateway sees to the pipeline and the catalogue.
type gatewaySink struct {
	p *pipeline.Pipeline
	c *metrics.Catalogue
	m *masks
}

func (g gatewaySink) CallStarted(service, provider, model, method string) {
	service, model = g.m.names.Text(service), g.m.names.Text(model)
	g.c.CallStarted(service, provider, model, method)
}

func (g gatewaySink) CallEnded(service, provider, model, method string) {
	service, model = g.m.names.Text(service), g.m.names.Text(model)
	g.c.CallEnded(service, provider, model, method)
}

func (g gatewaySink) Record(c *llm.Call) { g.p.Offer(llm.Record{Call: c}) }

// metrics masks the attributes of a sender's metrics, which become labels.
func (m *masks) metrics(md pmetric.Metrics) {
	p := m.policy.Load()
	attributes := func(a pcommon.Map) {
		texts := make(map[string]any, a.Len())
		for k, v := range a.All() {
			if v.Type() == pcommon.ValueTypeStr {
				texts[k] = v.Str()
			}
		}
		// As those of a log: what an attribute's name says counts too.
		l := llm.Log{Attributes: texts}
		p.Log(&l)
		a.RemoveIf(func(k string, v pcommon.Value) bool {
			if v.Type() != pcommon.ValueTypeStr {
				return false
			}
			text, ok := l.Attributes[k].(string)
			v.SetStr(text)
			return !ok
		})
	}
	for _, rm := range md.ResourceMetrics().All() {
		attributes(rm.Resource().Attributes())
		for _, sm := range rm.ScopeMetrics().All() {
			attributes(sm.Scope().Attributes())
			for _, mt := range sm.Metrics().All() {
				metrics.EachPoint(mt, attributes)
			}
		}
	}
}
