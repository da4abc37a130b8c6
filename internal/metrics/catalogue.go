package metrics

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/model"

	"github.com/pitot-dev/pitot/internal/llm"
)

// maxHandles bounds the cache from what stands in a Call to its series. Names
// past it, of which there are that many only if a client makes them up, are
// resolved each time.
const maxHandles = 8192

// Dimension makes something that a Call carries a label of the llm_* families.
type Dimension struct {
	// Label is the label's name.
	Label string
	// From says where its value stands: user, session, feature, environment,
	// upstream, prompt, prompt_version or tag:<name>.
	From string
	// Max is how many values there may be; 0 takes Limits.Dimension.
	Max int
}

// CatalogueOptions configure a Catalogue.
type CatalogueOptions struct {
	// Tenants gives every family the label tenant.
	Tenants bool
	// Labels are the configured labels beyond the shared ones.
	Labels []Dimension
	Limits Limits
	// NoAliases leaves the older names out.
	NoAliases bool
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Catalogue counts Calls in all metric families. Its methods are safe for
// concurrent use.
type Catalogue struct {
	fams    [familyCount]Family
	aliases []alias
	dims    []dimension
	tenants bool
	limits  Limits
	now     func() time.Time

	models, services, providers, methods      *limiter
	errorTypes, reasons, evaluators, feedback *limiter

	mu      sync.RWMutex
	handles map[callKey]*handle
	llm     map[string]*series // by the joined label values
	genAI   map[string]*series
	active  map[activeKey]*activeCell
	folded  atomic.Uint64 // Calls counted in the label set of Other alone
	judged  map[judgedKey]*judgedCell
}

type dimension struct {
	label string
	get   func(*llm.Call) string
	limit *limiter
}

// callKey is what decides which series a Call is counted in.
type callKey struct {
	service, provider, request, response string
	operation                            llm.Operation
	dims                                 string
}

// handle leads from a callKey to its series.
type handle struct{ llm, genAI *series }

type activeKey struct{ service, provider, model, method string }

type activeCell struct {
	labels []*dto.LabelPair
	n      atomic.Int64
}

// NewCatalogue returns an empty Catalogue.
func NewCatalogue(o CatalogueOptions) (*Catalogue, error) {
	l := o.Limits.withDefaults()
	c := &Catalogue{
		fams: families(), limits: l, now: o.Now,
		models:     newLimiter(labelModel, l.Models),
		services:   newLimiter(labelService, l.Services),
		providers:  newLimiter(labelProvider, l.Providers),
		methods:    newLimiter(labelMethod, l.Methods),
		errorTypes: newLimiter(labelErrorType, l.ErrorTypes),
		reasons:    newLimiter("reason", l.Reasons),
		evaluators: newLimiter(labelEvaluator, l.Evaluators),
		feedback:   newLimiter(labelFeedback, l.Feedbacks),
		handles:    make(map[callKey]*handle),
		llm:        make(map[string]*series),
		genAI:      make(map[string]*series),
		active:     make(map[activeKey]*activeCell),
		judged:     make(map[judgedKey]*judgedCell),
	}
	if c.now == nil {
		c.now = time.Now
	}
	if !o.NoAliases {
		c.aliases = aliases()
	}
	if o.Tenants {
		c.tenants = true
		c.dims = append(c.dims, dimension{label: llm.TenantLabel, get: func(c *llm.Call) string { return c.Tenant }, limit: newLimiter(llm.TenantLabel, maxTenants)})
	}
	for _, d := range o.Labels {
		dim, err := newDimension(d, l)
		if err != nil {
			return nil, fmt.Errorf("metrics: labels: %w", err)
		}
		if slices.ContainsFunc(c.dims, func(x dimension) bool { return x.label == dim.label }) {
			return nil, fmt.Errorf("metrics: labels: %q is there twice: name each label once", dim.label)
		}
		c.dims = append(c.dims, dim)
	}
	return c, nil
}

// maxTenants bounds the tenants that the families tell apart: more than can be
// declared.
const maxTenants = 2000

// newDimension checks a configured label and finds its source in a Call.
func newDimension(d Dimension, l Limits) (dimension, error) {
	if !model.LegacyValidation.IsValidLabelName(d.Label) || strings.HasPrefix(d.Label, "__") {
		return dimension{}, fmt.Errorf("%q is not a label name: use letters, digits and _, not starting with a digit or __", d.Label)
	}
	reserved := append(callLabels("job", "instance", "le", "status", "type", "state", "reason", "operation", "trace_id"),
		labelErrorType, labelEvaluator, labelFeedback)
	if slices.Contains(reserved, d.Label) {
		return dimension{}, fmt.Errorf("%q is a label of Pitot's own: choose another name, for example %q", d.Label, "app_"+d.Label)
	}
	limit := d.Max
	if limit <= 0 {
		limit = l.Dimension
	}
	out := dimension{label: d.Label, limit: newLimiter(d.Label, limit)}
	if tag, ok := strings.CutPrefix(d.From, "tag:"); ok && tag != "" {
		out.get = func(c *llm.Call) string { return c.Tags[tag] }
		return out, nil
	}
	switch d.From {
	case "user":
		out.get = func(c *llm.Call) string { return c.User }
	case "session":
		out.get = func(c *llm.Call) string { return c.Session }
	case "feature":
		out.get = func(c *llm.Call) string { return c.Feature }
	case "environment":
		out.get = func(c *llm.Call) string { return c.Environment }
	case "upstream":
		out.get = func(c *llm.Call) string { return c.Upstream }
	case "prompt":
		out.get = func(c *llm.Call) string { return c.PromptName }
	case "prompt_version":
		out.get = func(c *llm.Call) string { return c.PromptVersion }
	default:
		return dimension{}, fmt.Errorf("%q cannot become a label: use user, session, feature, environment, upstream, prompt, prompt_version or tag:<name>", d.From)
	}
	return out, nil
}

// handle finds or makes the series of a Call.
func (c *Catalogue) handle(call *llm.Call) *handle {
	key := callKey{call.Service, call.Provider, call.RequestModel, call.ResponseModel, call.Operation, ""}
	if len(c.dims) > 0 {
		var b strings.Builder
		for i := range c.dims {
			b.WriteString(cleanLabel(c.dims[i].get(call)))
			b.WriteByte(0xff) // not in valid UTF-8
		}
		key.dims = b.String()
	}
	c.mu.RLock()
	h := c.handles[key]
	c.mu.RUnlock()
	if h != nil {
		return h
	}
	return c.makeHandle(key, call)
}

func (c *Catalogue) makeHandle(key callKey, call *llm.Call) *handle {
	svc, prov := c.services.admit(call.Service), c.providers.admit(call.Provider)
	op := c.methods.admit(string(call.Operation))
	req, resp := c.models.admit(call.RequestModel), c.models.admit(call.ResponseModel)
	// The label model is the model that was asked for, else the one that
	// answered. Not the other way round: a Call that fails or is still running
	// has no answering model, and its errors would be counted under another name
	// than its successes. gen_ai_response_model has the other.
	mod := req
	if mod == "" {
		mod = resp
	}
	base := []*dto.LabelPair{pair(labelService, svc), pair(labelProvider, prov), pair(labelModel, mod), pair(labelMethod, op)}
	for i := range c.dims {
		base = append(base, pair(c.dims[i].label, c.dims[i].limit.admit(c.dims[i].get(call))))
	}
	gen := []*dto.LabelPair{
		pair(labelGenAIService, svc), pair(labelGenAIOperation, op), pair(labelGenAIProvider, prov),
		pair(labelGenAIRequestModel, req), pair(labelGenAIResponseModel, resp),
	}
	if c.tenants {
		gen = append(gen, pair(llm.TenantLabel, c.dims[0].limit.admit(call.Tenant)))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	h := &handle{}
	var fold1, fold2 bool
	h.llm, fold1 = c.seriesFor(c.llm, base)
	h.genAI, fold2 = c.seriesFor(c.genAI, gen)
	if fold1 || fold2 {
		c.folded.Add(1)
		return h // not cached: made-up names must not fill the cache
	}
	if len(c.handles) < maxHandles {
		c.handles[cloneKey(key)] = h
	}
	return h
}

func cloneKey(k callKey) callKey {
	return callKey{
		strings.Clone(k.service), strings.Clone(k.provider), strings.Clone(k.request), strings.Clone(k.response),
		llm.Operation(strings.Clone(string(k.operation))), strings.Clone(k.dims),
	}
}

// seriesFor finds or makes the series of a label set; past the limit of label
// sets it is the one where every value is Other. The caller holds mu.
func (c *Catalogue) seriesFor(m map[string]*series, base []*dto.LabelPair) (s *series, folded bool) {
	key := joinValues(base)
	if s := m[key]; s != nil {
		return s, false
	}
	if len(m) >= c.limits.LabelSets {
		for _, p := range base {
			p.Value = new(Other)
		}
		key, folded = joinValues(base), true
		if s := m[key]; s != nil {
			return s, true
		}
	}
	sortPairs(base)
	s = &series{base: slices.Clip(base), fams: &c.fams}
	m[key] = s
	return s, folded
}

func joinValues(base []*dto.LabelPair) string {
	var b strings.Builder
	for _, p := range base {
		b.WriteString(p.GetValue())
		b.WriteByte(0xff)
	}
	return b.String()
}

// CallStarted counts a Call as running.
func (c *Catalogue) CallStarted(service, provider, model, method string) {
	c.activeCell(activeKey{service, provider, model, method}).n.Add(1)
}

// CallEnded ends what CallStarted began; the arguments are the same.
func (c *Catalogue) CallEnded(service, provider, model, method string) {
	c.activeCell(activeKey{service, provider, model, method}).n.Add(-1)
}

func (c *Catalogue) activeCell(key activeKey) *activeCell {
	c.mu.RLock()
	cell := c.active[key]
	c.mu.RUnlock()
	if cell != nil {
		return cell
	}
	admitted := activeKey{
		c.services.admit(key.service), c.providers.admit(key.provider),
		c.models.admit(key.model), c.methods.admit(key.method),
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if cell := c.active[admitted]; cell != nil {
		return cell
	}
	if len(c.active) >= c.limits.LabelSets {
		admitted = activeKey{Other, Other, Other, Other}
		if cell := c.active[admitted]; cell != nil {
			return cell
		}
	}
	cell = &activeCell{labels: []*dto.LabelPair{
		pair(labelMethod, admitted.method), pair(labelModel, admitted.model),
		pair(labelProvider, admitted.provider), pair(labelService, admitted.service),
	}}
	c.active[admitted] = cell
	return cell
}
