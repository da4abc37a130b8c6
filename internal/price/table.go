package price

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

//go:embed table/*.json
var embedded embed.FS

// Table is the prices in force: the embedded ones and the user's.
type Table struct {
	table         map[string]*index // by provider
	overrides     map[string]*index // by provider; "" for any
	rules         []*rule           // all, in order of listing
	groups        map[string]*group // by provider
	makers        []string          // providers with families, sorted
	vendors       map[string]string // vendor prefix → provider
	providerNames map[string]string // other spelling → provider
	aliases       map[string]string // folded model → target

	cache matchCache

	nameOnce  sync.Once
	nameWords map[*rule][]words // for suggestions
}

// Source says where the prices of a provider come from.
type Source struct {
	Provider string `json:"provider"`
	Name     string `json:"name"`
	URL      string `json:"source"`
	Checked  string `json:"checked"` // day on which the prices were compared with the source
	Models   int    `json:"models"`
}

// file is a file of the table: a provider's prices, one model a line.
type file struct {
	Provider string   `json:"provider"`
	Name     string   `json:"name"`
	Source   string   `json:"source"`
	Checked  string   `json:"checked"`
	Note     string   `json:"note,omitempty"`     // for those who edit the file
	Also     []string `json:"also,omitempty"`     // other names of the provider
	Vendors  []string `json:"vendors,omitempty"`  // see group
	Families []string `json:"families,omitempty"` // see group
	// Currency is that of the prices, where it is not the dollar, and USD what
	// one unit of it was worth on the day Checked.
	Currency string                  `json:"currency,omitempty"`
	USD      float64                 `json:"usd,omitempty"`
	Services map[string]ServicePrice `json:"services,omitempty"` // of every model that does not name its own
	Regions  map[string]float64      `json:"regions,omitempty"`  // likewise
	Search   *float64                `json:"per_thousand_searches,omitempty"`
	Models   []entry                 `json:"models"`
}

// entry is a line of a file.
type entry struct {
	Override
	Also []string `json:"also,omitempty"` // further names or, with a *, patterns
}

// New makes a table of the embedded prices and the user's, which go first.
func New(cfg Config) (*Table, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	files, err := readFiles(embedded)
	if err != nil {
		return nil, fmt.Errorf("price: embedded table: %w", err)
	}
	t, err := newTable(files)
	if err != nil {
		return nil, fmt.Errorf("price: embedded table: %w", err)
	}
	t.configure(cfg)
	return t, nil
}

func readFiles(fsys fs.FS) ([]file, error) {
	names, err := fs.Glob(fsys, "table/*.json")
	if err != nil {
		return nil, err
	}
	files := make([]file, 0, len(names))
	for _, name := range names {
		b, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, err
		}
		var f file
		dec := json.NewDecoder(bytes.NewReader(b))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&f); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if err := f.validate(); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		files = append(files, f)
	}
	return files, nil
}

func (f *file) validate() error {
	if f.Provider == "" || f.Name == "" || f.Source == "" {
		return errors.New("provider, name and source must be set")
	}
	if _, err := time.Parse(time.DateOnly, f.Checked); err != nil {
		return fmt.Errorf("checked: %w", err)
	}
	if (f.Currency == "") != (f.USD == 0) {
		return errors.New("currency and usd go together")
	}
	if len(f.Services) > 0 {
		o := Override{Model: "x", Services: f.Services}
		o.Set(Input, 0)
		if err := o.Validate(); err != nil {
			return err
		}
	}
	for i := range f.Models {
		e := &f.Models[i]
		if err := e.Validate(); err != nil {
			return fmt.Errorf("model %q: %w", e.Model, err)
		}
		if e.Model == "" || e.Provider != "" {
			return fmt.Errorf("model %q: an entry has a model, and its provider from the file", e.Match)
		}
	}
	return nil
}

func newTable(files []file) (*Table, error) {
	t := &Table{
		table: map[string]*index{}, overrides: map[string]*index{}, groups: map[string]*group{},
		vendors: map[string]string{}, providerNames: map[string]string{}, aliases: map[string]string{},
	}
	for i := range files {
		f := &files[i]
		if t.groups[f.Provider] != nil {
			return nil, fmt.Errorf("provider %q has two files", f.Provider)
		}
		g := &group{info: Source{f.Provider, f.Name, f.Source, f.Checked, 0}, vendors: f.Vendors}
		for _, p := range f.Families {
			g.families = append(g.families, fold(p))
		}
		t.groups[f.Provider] = g
		if len(g.families) > 0 {
			t.makers = append(t.makers, f.Provider)
		}
		for _, v := range f.Vendors {
			if other, taken := t.vendors[v]; taken {
				return nil, fmt.Errorf("vendor %q is both %s's and %s's", v, other, f.Provider)
			}
			t.vendors[v] = f.Provider
		}
		for _, n := range f.Also {
			t.providerNames[n] = f.Provider
		}
		if err := t.addFile(f, g); err != nil {
			return nil, fmt.Errorf("provider %q: %w", f.Provider, err)
		}
	}
	slices.Sort(t.makers)
	return t, nil
}

func (t *Table) addFile(f *file, g *group) error {
	d := defaults{factor: 1, services: f.Services, regions: f.Regions, search: f.Search}
	if f.USD != 0 {
		d.factor = f.USD
	}
	x := &index{}
	t.table[f.Provider] = x
	byModel := map[string][]dated{}
	also := map[string][]string{}
	var order []string
	for i := range f.Models {
		e := &f.Models[i]
		if byModel[e.Model] == nil {
			order = append(order, e.Model)
		}
		byModel[e.Model] = append(byModel[e.Model], newDated(&e.Override, d))
		also[e.Model] = append(also[e.Model], e.Also...)
	}
	for _, id := range order {
		r := newRule(f.Provider, id, originTable, byModel[id])
		r.also = also[id]
		for i := 1; i < len(r.dated); i++ {
			if r.dated[i].since.Equal(r.dated[i-1].since) {
				return fmt.Errorf("model %q has two prices since %q", id, r.dated[i].entry.Since)
			}
		}
		t.rules = append(t.rules, r)
		if other := x.exact[fold(strings.ToLower(id))]; other != nil {
			return fmt.Errorf("models %q and %q are the same name", id, other.id)
		}
		x.addExact(strings.ToLower(id), r)
	}
	for _, r := range t.rules {
		if r.provider != f.Provider {
			continue
		}
		for _, n := range r.also {
			if n = strings.ToLower(n); strings.Contains(n, "*") {
				x.addGlob(n, r)
			} else if other := x.exact[fold(n)]; other != nil {
				return fmt.Errorf("name %q of model %q is also that of %q", n, r.id, other.id)
			} else {
				x.addExact(n, r)
			}
		}
	}
	g.info.Models = len(order)
	return nil
}

// configure adds the user's prices. The configuration is valid.
func (t *Table) configure(cfg Config) {
	type key struct {
		provider, id string
		glob         bool
	}
	byModel := map[key][]dated{}
	names := map[key]string{}
	var order []key
	for i := range cfg.Overrides {
		o := &cfg.Overrides[i]
		k := key{id: fold(clean(o.Model + o.Match)), glob: o.Match != ""}
		if o.Provider != "" {
			k.provider = t.provider(o.Provider)
		}
		if byModel[k] == nil {
			order = append(order, k)
		}
		byModel[k] = append(byModel[k], newDated(o, defaults{factor: 1}))
		names[k] = o.Model + o.Match
	}
	own := make([]*rule, 0, len(order))
	for _, k := range order {
		r := newRule(k.provider, names[k], originOverride, byModel[k])
		own = append(own, r)
		x := t.overrides[k.provider]
		if x == nil {
			x = &index{}
			t.overrides[k.provider] = x
		}
		if k.glob {
			x.addGlob(k.id, r)
		} else {
			x.addExact(k.id, r)
		}
	}
	t.rules = append(own, t.rules...)
	for from, to := range cfg.Aliases {
		t.aliases[fold(clean(from))] = to
	}
}

// Sources says, by provider, where the embedded prices come from.
func (t *Table) Sources() []Source {
	out := make([]Source, 0, len(t.groups))
	for _, p := range slices.Sorted(maps.Keys(t.groups)) {
		out = append(out, t.groups[p].info)
	}
	return out
}

// Price returns the cost of a Call. It does not change the Call.
func (t *Table) Price(c *llm.Call) llm.Cost {
	if c.Cost.State == llm.CostReported && c.Cost.USD.Known() {
		return c.Cost
	}
	state := llm.CostComputed
	switch c.Usage.Source {
	case llm.UsageReported:
	case llm.UsageEstimated:
		state = llm.CostEstimated
	default:
		return llm.Cost{State: llm.CostUnpriced, Reason: ReasonUnknownUsage}
	}
	m := t.lookup(t.subjectOf(c))
	if m.rule == nil {
		return llm.Cost{State: llm.CostUnpriced, Reason: ReasonUnknownModel}
	}
	d := m.rule.at(c.Time)
	var p pick
	d.choose(c.Time, c.Usage.InputTokens.Or(0), c.ServiceTier, m.region(c.Region), &p)
	var b bill
	b.evaluate(&p, c.Operation, &c.Usage)
	if b.reason != "" {
		return llm.Cost{State: llm.CostUnpriced, Reason: b.reason, Rule: d.name}
	}
	return llm.Cost{USD: llm.Some(b.usd), State: state, Rule: d.name}
}

// subjectOf names what is to be priced. Some providers sell under one name at
// two prices, at home and abroad: an upstream or a region in China selects the
// group that is named after the provider with _cn.
func (t *Table) subjectOf(c *llm.Call) subject {
	s := subject{c.Provider, c.RequestModel, c.ResponseModel}
	if s.provider == "" {
		s.provider = c.Upstream
		return s
	}
	if len(c.Upstream) > len(s.provider) && t.isHome(c.Upstream, s.provider) {
		s.provider = c.Upstream
	} else if c.Region == "cn" || strings.HasPrefix(c.Region, "cn-") {
		if home := s.provider + "_cn"; t.groups[home] != nil {
			s.provider = home
		}
	}
	return s
}

// isHome reports whether an upstream's name says that it is a provider's
// platform in China: "dashscope_cn" or "dashscope-cn".
func (t *Table) isHome(upstream, provider string) bool {
	if !strings.HasPrefix(upstream, provider) {
		return false
	}
	tail := upstream[len(provider):]
	return (tail == "_cn" || tail == "-cn") && t.groups[provider+"_cn"] != nil
}

// region is where the model was served from: what the model's id says wins
// over where the endpoint stands.
func (m *match) region(called string) string {
	if m.geography != "" {
		return m.geography
	}
	return called
}
