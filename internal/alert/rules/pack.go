package rules

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// packPrefix begins the names of shipped files.
const packPrefix = "packs/"

// ruleText is one rule as it is written to YAML.
type ruleText struct {
	Record        string            `yaml:"record,omitempty"`
	Alert         string            `yaml:"alert,omitempty"`
	Expr          string            `yaml:"expr"`
	For           string            `yaml:"for,omitempty"`
	KeepFiringFor string            `yaml:"keep_firing_for,omitempty"`
	Labels        map[string]string `yaml:"labels,omitempty"`
	Annotations   map[string]string `yaml:"annotations,omitempty"`
}

// groupText is one group as it is written to YAML.
type groupText struct {
	Name        string            `yaml:"name"`
	Interval    string            `yaml:"interval,omitempty"`
	QueryOffset string            `yaml:"query_offset,omitempty"`
	Limit       int               `yaml:"limit,omitempty"`
	Labels      map[string]string `yaml:"labels,omitempty"`
	Rules       []ruleText        `yaml:"rules"`
}

type fileText struct {
	Groups []groupText `yaml:"groups"`
}

// pack is a set of shipped rules with its thresholds.
type pack struct {
	name   string
	doc    string
	off    bool // unless the configuration switches it on
	params []param
	// groups makes the rules. It is called with every threshold set.
	groups func(v values) []groupText
}

func (p *pack) param(name string) *param {
	for i := range p.params {
		if p.params[i].name == name {
			return &p.params[i]
		}
	}
	return nil
}

// values are the thresholds of a pack and what it shares with others.
type values struct {
	pack   *pack
	set    map[string]float64
	config Config
}

func (p *pack) values(c Config) values {
	v := values{pack: p, set: make(map[string]float64, len(p.params)), config: c}
	for _, prm := range p.params {
		v.set[prm.name] = prm.def
		if t, ok := c.Packs[p.name].Thresholds[prm.name]; ok {
			v.set[prm.name] = float64(t)
		}
	}
	return v
}

func (v values) number(name string) float64 { return v.set[name] }

// recorded says whether another pack, which records what this one could use, is
// on.
func (v values) recorded(name string) bool {
	return slices.ContainsFunc(packs(), func(p *pack) bool { return p.name == name && p.enabled(v.config) })
}

// expand replaces <name> by the literal of a threshold and <name!> by its text
// for people.
func (v values) expand(s string) string {
	if !strings.Contains(s, "<") {
		return s
	}
	pairs := make([]string, 0, 4*len(v.pack.params))
	for i := range v.pack.params {
		prm := &v.pack.params[i]
		pairs = append(pairs, "<"+prm.name+"!>", prm.text(v.set[prm.name]), "<"+prm.name+">", prm.literal(v.set[prm.name]))
	}
	return strings.NewReplacer(pairs...).Replace(s)
}

// enabled says whether the configuration has the pack on.
func (p *pack) enabled(c Config) bool {
	if on := c.Packs[p.name].Enabled; on != nil {
		return *on
	}
	return !p.off
}

// text is the pack's file.
func (p *pack) text(c Config) fileText {
	v := p.values(c)
	off := c.Packs[p.name].Alerts
	var f fileText
	for _, g := range p.groups(v) {
		if g.Interval == "" {
			g.Interval = c.Interval.String()
		}
		g.Rules = slices.DeleteFunc(g.Rules, func(r ruleText) bool {
			on, set := off[r.Alert]
			return r.Alert != "" && set && !on
		})
		for i := range g.Rules {
			g.Rules[i] = v.finish(g.Rules[i])
		}
		if len(g.Rules) > 0 {
			f.Groups = append(f.Groups, g)
		}
	}
	return f
}

// finish fills in thresholds and what every alert has.
func (v values) finish(r ruleText) ruleText {
	r.Expr = strings.TrimSpace(v.expand(r.Expr))
	r.For, r.KeepFiringFor = noZero(v.expand(r.For)), noZero(v.expand(r.KeepFiringFor))
	if r.Alert == "" {
		return r
	}
	for k, s := range r.Annotations {
		r.Annotations[k] = v.expand(s)
	}
	r.Annotations["runbook_url"] = v.config.RunbookURL + "#" + strings.ToLower(r.Alert)
	r.Labels["pack"] = v.pack.name
	return r
}

func noZero(d string) string {
	if d == "0s" {
		return ""
	}
	return d
}

func (p *pack) alertNames() []string {
	var names []string
	for _, g := range p.groups(p.values(DefaultConfig())) {
		for _, r := range g.Rules {
			if r.Alert != "" && !slices.Contains(names, r.Alert) {
				names = append(names, r.Alert)
			}
		}
	}
	return names
}

// packs are the shipped packs in the order of their documentation.
func packs() []*pack {
	return []*pack{
		errorsPack(), latencyPack(), firstTokenPack(), tokenRatePack(), throughputPack(), tokenUsagePack(),
		qualityPack(), gpuPack(), modelServersPack(), memoryPack(), targetsPack(), probesPack(), anomaliesPack(), pitotPack(),
	}
}

// Packs returns the files of the shipped packs that the configuration has on.
// The configuration must be valid.
func Packs(c Config) ([]File, error) {
	c = c.withDefaults()
	var files []File
	for _, p := range packs() {
		if !p.enabled(c) {
			continue
		}
		content, err := encode(p.text(c), "The pack "+p.name+" of Pitot: "+p.doc)
		if err != nil {
			return nil, fmt.Errorf("pack %s: %w", p.name, err)
		}
		files = append(files, File{Name: packPrefix + p.name + ".yaml", Content: content, Source: SourcePack})
	}
	return files, nil
}

func encode(v any, comment string) ([]byte, error) {
	var b bytes.Buffer
	if comment != "" {
		fmt.Fprintf(&b, "# %s\n", comment)
	}
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	return b.Bytes(), enc.Close()
}

// PackInfo describes a shipped pack.
type PackInfo struct {
	Name       string          `json:"name"`
	Doc        string          `json:"doc"`
	DocZH      string          `json:"doc_zh"`
	Enabled    bool            `json:"enabled"`
	Alerts     []string        `json:"alerts,omitempty"`
	Thresholds []ThresholdInfo `json:"thresholds,omitempty"`
}

// ThresholdInfo describes a threshold of a pack.
type ThresholdInfo struct {
	Name    string `json:"name"`
	Doc     string `json:"doc"`
	DocZH   string `json:"doc_zh"`
	Default string `json:"default"`
	Value   string `json:"value"`
}

// Describe lists all shipped packs with what the configuration makes of them.
func Describe(c Config) []PackInfo {
	c = c.withDefaults()
	var out []PackInfo
	for _, p := range packs() {
		v := p.values(c)
		info := PackInfo{Name: p.name, Doc: p.doc, DocZH: docZH(p.doc), Enabled: p.enabled(c)}
		for _, a := range p.alertNames() {
			if on, set := c.Packs[p.name].Alerts[a]; !set || on {
				info.Alerts = append(info.Alerts, a)
			}
		}
		for i := range p.params {
			prm := &p.params[i]
			info.Thresholds = append(info.Thresholds, ThresholdInfo{
				Name: prm.name, Doc: prm.doc, DocZH: docZH(prm.doc), Default: prm.text(prm.def), Value: prm.text(v.number(prm.name)),
			})
		}
		out = append(out, info)
	}
	return out
}
