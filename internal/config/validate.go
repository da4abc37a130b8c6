package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"
)

// validate checks what each section means, and what goes across sections.
func (d *decoder) validate(c *Config) {
	d.validateGateway(c)
	d.all("auth", c.Auth.Validate())
	d.all("capture", c.Capture.Validate())
	d.all("prices", c.Prices.Validate())
	d.all("pipeline", c.Pipeline.Validate())
	d.all("otlp", c.OTLP.Config.Validate())
	d.all("otlp.metrics", c.OTLP.Metrics.Validate())
	d.all("logs", c.Logs.Validate())
	d.all("forward", c.Forward.Validate())
	d.all("alerts.cluster", c.Alerts.Cluster.Validate())
	d.all("rules", c.Rules.Validate())
	d.all("probes", c.Probes.Validate())
	d.all("quality", c.Quality.Validate())
	d.all("gpu", c.GPU.Validate())
	d.all("infrastructure", c.Infrastructure.Validate())
	d.validateLabels(c)
	d.validateStorage(c)
	d.all("storage.events.cluster", c.Storage.Events.Cluster.Validate())
	d.all("storage.metrics.remote", c.Storage.Metrics.Remote.Validate())
	d.validateSections(c)
}

func (d *decoder) validateGateway(c *Config) {
	first := map[string]int{}
	for i := range c.Gateway.Upstreams {
		u := &c.Gateway.Upstreams[i]
		path := fmt.Sprintf("gateway.upstreams[%d]", i)
		if d.nodes[path] != nil && d.nodes[path].Kind != yaml.MappingNode {
			continue // reported already
		}
		if j, dup := first[u.Name]; dup && u.Name != "" {
			msg := fmt.Sprintf("the name %q is used twice", u.Name)
			if n := d.nodes[fmt.Sprintf("gateway.upstreams[%d].name", j)]; n != nil {
				msg += fmt.Sprintf(": line %d has it already", n.Line)
			}
			d.errorAt(d.nodeOf(path+".name"), path+".name", msg)
		} else {
			first[u.Name] = i
		}
		if u.BaseURL != "" && !strings.Contains(u.BaseURL, "://") && d.nodes[path+".base_url"] != nil {
			d.errorAt(d.nodes[path+".base_url"], path+".base_url",
				fmt.Sprintf("%q has no scheme: write http://%[1]s or https://%[1]s", u.BaseURL))
		}
		d.all(path, u.Validate())
	}
	rest := c.Gateway
	rest.Upstreams = nil
	d.all("gateway", rest.Validate())
}

// labelSources are what a label can be taken from.
var labelSources = []string{"user", "session", "feature", "environment", "upstream", "prompt", "prompt_version"}

// reservedLabels are the names that the metrics have already.
var reservedLabels = []string{
	"service", "provider", "model", "method", "job", "instance", "le", "status", "type", "state", "reason", "operation",
	"trace_id", "error_type", "evaluator", "feedback",
}

// maxLabelValues bounds the cap of a label: each value is a set of series of
// every family.
const maxLabelValues = 10000

func (d *decoder) validateLabels(c *Config) {
	for name, l := range c.Labels {
		path := "labels." + name
		switch {
		case !model.LegacyValidation.IsValidLabelName(name) || strings.HasPrefix(name, "__"):
			d.errorAt(d.keys[path], path, fmt.Sprintf("%q is no label name: use letters, digits and _, not starting with a digit or __", name))
		case slices.Contains(reservedLabels, name):
			d.errorAt(d.keys[path], path, fmt.Sprintf("%q is a label of Pitot's own: choose another name, for example %q", name, "app_"+name))
		}
		tag, isTag := strings.CutPrefix(l.From, "tag.")
		if !isTag {
			tag, isTag = strings.CutPrefix(l.From, "tag:")
		}
		switch {
		case isTag && tag != "":
			l.From = "tag:" + tag
		case l.From == "" && slices.Contains(labelSources, name):
			l.From = name
		case !slices.Contains(labelSources, l.From):
			msg := fmt.Sprintf("%q cannot become a label: use %s or tag.NAME", l.From, strings.Join(labelSources, ", "))
			if l.From == "" {
				msg = fmt.Sprintf("from is missing: use %s or tag.NAME", strings.Join(labelSources, ", "))
			}
			d.errorAt(d.nodeOf(path+".from"), path+".from", msg)
		}
		if l.Max == 0 {
			l.Max = defaultLabelMax
		}
		if l.Max < 1 || l.Max > maxLabelValues {
			d.errorAt(d.nodeOf(path+".max"), path+".max", fmt.Sprintf("%d: use 1 to %d", l.Max, maxLabelValues))
		}
		c.Labels[name] = l
	}
}

const (
	minJournal = 64 << 20
	minDisk    = 64 << 20
)

func (d *decoder) validateStorage(c *Config) {
	atLeast := func(path string, got, least int64, format func(int64) string) {
		if got < least {
			d.errorAt(d.nodeOf(path), path, fmt.Sprintf("%s is too small: use at least %s", format(got), format(least)))
		}
	}
	duration := func(n int64) string { return model.Duration(n).String() }
	s := c.Storage
	atLeast("storage.events.retention", int64(s.Events.Retention), int64(day), duration)
	atLeast("storage.metrics.retention", int64(s.Metrics.Retention), int64(2*day)/24, duration)
	atLeast("storage.journal.max_disk", int64(s.Journal.MaxDisk), minJournal, formatSize)
	atLeast("storage.journal.commit_interval", int64(s.Journal.CommitInterval), 1e6, duration)
	if s.Journal.CommitInterval > model.Duration(10e9) {
		d.errorAt(d.nodeOf("storage.journal.commit_interval"), "storage.journal.commit_interval",
			fmt.Sprintf("%s is too long: senders wait for it; use at most 10s", s.Journal.CommitInterval))
	}
	for path, n := range map[string]int64{
		"storage.events.max_disk": int64(s.Events.MaxDisk), "storage.metrics.max_disk": int64(s.Metrics.MaxDisk),
	} {
		if n != 0 {
			atLeast(path, n, minDisk, formatSize)
		}
	}
	if s.Events.Cluster.Enabled() {
		for name, on := range map[string]bool{"cold": s.Events.Cold.Enabled(), "ages": s.Events.Ages != EventAges{}} {
			if on {
				path := "storage.events." + name
				d.errorAt(d.nodeOf(path), path, "it works on the embedded event store, and storage.events.cluster names another: set the lives of its rows there")
			}
		}
	}
	if err := s.Events.Cold.Validate(); err != nil {
		d.errorAt(d.nodeOf("storage.events.cold"), "storage.events.cold", err.Error())
	}
	atLeast("storage.events.min_free_disk", int64(s.Events.MinFreeDisk), 0, formatSize)
}

// validateSections asks the owners of verbatim sections.
func (d *decoder) validateSections(c *Config) {
	for name, check := range d.loader.Sections {
		r := d.raw[name]
		if r.IsZero() {
			continue
		}
		for _, err := range flatten(check(r.Text, c.Dir())) {
			line, col := r.Line, 0
			if n := d.keys[name]; n != nil {
				line = n.Line
			}
			if se, ok := errors.AsType[*SectionError](err); ok {
				if se.Line > 0 {
					line, col = r.Line+se.Line-1, se.Column
				}
				err = se.Err
			}
			d.errorIn(line, col, name, err.Error())
		}
	}
}

// flatten splits joined errors.
func flatten(err error) []error {
	if err == nil {
		return nil
	}
	if j, ok := err.(interface{ Unwrap() []error }); ok {
		var out []error
		for _, e := range j.Unwrap() {
			out = append(out, flatten(e)...)
		}
		return out
	}
	return []error{err}
}

// all reports what a section's own Validate found. The packages that own
// sections know no lines: the field is found by the path that a message begins
// with.
func (d *decoder) all(section string, err error) {
	for _, e := range flatten(err) {
		path, msg := d.locate(section, e.Error())
		d.errorAt(d.nodeOf(path), path, msg)
	}
}

var leadingPath = regexp.MustCompile(`^([a-z0-9_]+(?:\[\d+\])?(?:\.[a-z0-9_]+(?:\[\d+\])?)*)(?: \([^)]*\))?(: | )`)

// locate splits a message such as `overrides[0]: tier_mode is "x"` into the
// path of the field, as far as the file has it, and the rest.
func (d *decoder) locate(path, msg string) (string, string) {
	for {
		m := leadingPath.FindStringSubmatch(msg)
		if m == nil {
			return path, msg
		}
		switch {
		case d.nodes[join(path, m[1])] != nil:
			path = join(path, m[1])
		case strings.HasPrefix(m[1], path) && d.nodes[m[1]] != nil:
			path = m[1]
		case strings.HasPrefix(m[1], path+".") && m[2] == ": ":
			return m[1], msg[len(m[0]):]
		default:
			return path, msg
		}
		rest := msg[len(m[0]):]
		if m[2] == " " && !strings.HasPrefix(rest, `"`) {
			// `tier_mode is "x"`: the name is part of the sentence.
			return path, msg
		}
		msg = rest
	}
}

// nodeOf returns the node of a path, or of the nearest thing around it that
// the file has; nil where it has none.
func (d *decoder) nodeOf(path string) *yaml.Node {
	for path != "" {
		if n := d.nodes[path]; n != nil {
			return n
		}
		i := strings.LastIndexAny(path, ".[")
		if i < 0 {
			return nil
		}
		path = path[:i]
	}
	return nil
}

// secretFiles reads the secrets that are given as files, and makes the paths of
// other files relative to the configuration's directory.
func (d *decoder) secretFiles(c *Config) {
	d.walkFiles(reflect.ValueOf(c).Elem(), "", c.Dir())
}

func (d *decoder) walkFiles(v reflect.Value, path, dir string) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			d.walkFiles(v.Elem(), path, dir)
		}
	case reflect.Slice:
		for i := range v.Len() {
			d.walkFiles(v.Index(i), fmt.Sprintf("%s[%d]", path, i), dir)
		}
	case reflect.Struct:
		if v.Type() == rawType {
			return
		}
		fields := fieldsOf(v.Type())
		for _, f := range fields {
			fv := v.FieldByIndex(f.index)
			at := join(path, f.name)
			base, isFile := strings.CutSuffix(f.name, "_file")
			if !isFile || fv.Kind() != reflect.String {
				d.walkFiles(fv, at, dir)
				continue
			}
			if fv.String() == "" {
				continue
			}
			if !filepath.IsAbs(fv.String()) {
				fv.SetString(filepath.Join(dir, fv.String()))
			}
			i := slices.IndexFunc(fields, func(o field) bool { return o.name == base && o.secret })
			if i >= 0 {
				d.readSecret(v.FieldByIndex(fields[i].index), fv.String(), join(path, base), at)
			}
		}
	default:
	}
}

func (d *decoder) readSecret(dst reflect.Value, file, path, at string) {
	n := d.nodeOf(at)
	if dst.String() != "" && d.nodes[path] != nil {
		d.errorAt(n, at, path+" is set too: keep one of them")
		return
	}
	b, err := d.loader.ReadFile(file)
	if err != nil {
		d.errorAt(n, at, fmt.Sprintf("cannot read the secret: %v", err))
		return
	}
	secret := strings.TrimSpace(string(b))
	if secret == "" {
		d.errorAt(n, at, "the file is empty: it should hold the secret")
		return
	}
	dst.SetString(secret)
}
