package metrics

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"go.yaml.in/yaml/v3"
)

// ModelServer is an entry of the `model_servers:` section: targets that are
// scraped with the defaults of a preset.
type ModelServer struct {
	Preset         string            `yaml:"preset" doc:"What the targets are: vllm, sglang, tgi, llama.cpp, ollama, triton, litellm, envoy-ai-gateway, dcgm or nvidia_gpu_exporter."`
	Name           string            `yaml:"name,omitempty" doc:"The label job of the targets. Default: the preset's name."`
	Targets        []string          `yaml:"targets,omitempty" doc:"host:port of each server; without a port the preset's own is taken."`
	Service        string            `yaml:"service,omitempty" doc:"The label service of the targets."`
	Labels         map[string]string `yaml:"labels,omitempty" doc:"Further labels of the targets."`
	ScrapeInterval model.Duration    `yaml:"scrape_interval,omitempty" doc:"How often to scrape. Default: prometheus.global.scrape_interval where it is set, else 10s."`
	Path           string            `yaml:"path,omitempty" doc:"Path of the metrics. Default: the preset's."`
	Scheme         string            `yaml:"scheme,omitempty" doc:"http or https. Default: http."`
	// AuthorizationFile holds a bearer token; a file, so that no secret stands
	// in the section.
	AuthorizationFile string `yaml:"authorization_file,omitempty" doc:"File with a bearer token that is sent with each scrape."`
	// The kinds of service discovery are Prometheus' own, verbatim.
	KubernetesSD yaml.Node `yaml:"kubernetes_sd_configs,omitempty" doc:"Prometheus' own service discovery, verbatim."`
	FileSD       yaml.Node `yaml:"file_sd_configs,omitempty" doc:"Prometheus' own service discovery, verbatim."`
	DNSSD        yaml.Node `yaml:"dns_sd_configs,omitempty" doc:"Prometheus' own service discovery, verbatim."`
	HTTPSD       yaml.Node `yaml:"http_sd_configs,omitempty" doc:"Prometheus' own service discovery, verbatim."`
	Relabel      yaml.Node `yaml:"relabel_configs,omitempty" doc:"Prometheus' own relabelling of discovered targets, verbatim."`
}

// maxModelServers bounds the section: more entries are a program's output, for
// which service discovery is the better way.
const maxModelServers = 1000

// defaultServerInterval is how often model servers are scraped where neither
// the entry nor `global` says: queues change within seconds.
const defaultServerInterval = "10s"

// ParseModelServers reads a `model_servers:` section, a list that may be
// empty. The error is a *ConfigError.
func ParseModelServers(section []byte) ([]ModelServer, error) {
	dec := yaml.NewDecoder(bytes.NewReader(section))
	dec.KnownFields(true)
	var out []ModelServer
	if err := dec.Decode(&out); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		return nil, locate(section, err)
	}
	if len(out) > maxModelServers {
		return nil, &ConfigError{Err: fmt.Errorf("%d entries: at most %d: use service discovery", len(out), maxModelServers)}
	}
	for i := range out {
		if err := out[i].check(); err != nil {
			return nil, locate(section, fmt.Errorf("entry %d: %w", i+1, err))
		}
	}
	return out, nil
}

// ValidateModelServers checks a `model_servers:` section without applying it.
// Relative paths in it are relative to dir. The error is a *ConfigError.
func ValidateModelServers(section []byte, dir string) error {
	_, err := loadSections(Sections{ModelServers: section}, dir, slog.New(slog.DiscardHandler))
	return err
}

// ValidateSections checks both sections together: one must not have a job's name
// that the other has.
func ValidateSections(s Sections, dir string) error {
	_, err := loadSections(s, dir, slog.New(slog.DiscardHandler))
	return err
}

func (s *ModelServer) check() error {
	p, ok := presetByName(s.Preset)
	if !ok {
		return fmt.Errorf("preset: %q is not known: use %s", s.Preset, strings.Join(PresetNames(), ", "))
	}
	if len(s.Targets) == 0 && !s.discovers() {
		return fmt.Errorf("preset %q: no targets: add `targets: [host:%d]` or a kind of service discovery", s.Preset, p.port)
	}
	for _, t := range s.Targets {
		if strings.Contains(t, "/") || t == "" {
			return fmt.Errorf("targets: %q: write host:port; `scheme` and `path` have fields of their own", t)
		}
	}
	if s.Scheme != "" && s.Scheme != "http" && s.Scheme != "https" {
		return fmt.Errorf("scheme: %q: use http or https", s.Scheme)
	}
	if s.Path != "" && !strings.HasPrefix(s.Path, "/") {
		return fmt.Errorf("path: %q: must begin with /", s.Path)
	}
	for l := range s.Labels {
		if !model.LegacyValidation.IsValidLabelName(l) || strings.HasPrefix(l, "__") {
			return fmt.Errorf("labels: %q is not a label name: use letters, digits and _", l)
		}
	}
	return nil
}

func (s *ModelServer) discovers() bool {
	for _, n := range []*yaml.Node{&s.KubernetesSD, &s.FileSD, &s.DNSSD, &s.HTTPSD} {
		if !n.IsZero() && n.Tag != "!!null" {
			return true
		}
	}
	return false
}

// target adds the preset's port where there is none.
func (p *preset) target(t string) string {
	if _, _, err := net.SplitHostPort(t); err == nil {
		return t
	}
	return net.JoinHostPort(strings.Trim(t, "[]"), strconv.Itoa(p.port))
}

// scrapeConfig is the entry as an element of Prometheus' scrape_configs.
func (s *ModelServer) scrapeConfig(name, interval string) map[string]any {
	p, _ := presetByName(s.Preset)
	out := map[string]any{"job_name": name, "metrics_path": p.path}
	if s.Path != "" {
		out["metrics_path"] = s.Path
	}
	if s.Scheme != "" {
		out["scheme"] = s.Scheme
	}
	if interval != "" {
		out["scrape_interval"] = interval
	}
	if s.ScrapeInterval > 0 {
		out["scrape_interval"] = s.ScrapeInterval.String()
	}
	if s.AuthorizationFile != "" {
		out["authorization"] = map[string]any{"credentials_file": s.AuthorizationFile}
	}
	if len(s.Targets) > 0 {
		targets := make([]string, len(s.Targets))
		for i, t := range s.Targets {
			targets[i] = p.target(t)
		}
		out["static_configs"] = []any{map[string]any{"targets": targets}}
	}
	verbatim := map[string]*yaml.Node{
		"kubernetes_sd_configs": &s.KubernetesSD, "file_sd_configs": &s.FileSD, "dns_sd_configs": &s.DNSSD, "http_sd_configs": &s.HTTPSD,
	}
	for k, n := range verbatim {
		if !n.IsZero() && n.Tag != "!!null" {
			out[k] = n
		}
	}
	relabel := []any{}
	if s.Relabel.Kind == yaml.SequenceNode {
		for _, n := range s.Relabel.Content {
			relabel = append(relabel, n)
		}
	}
	fixed := maps.Clone(s.Labels)
	if s.Service != "" {
		if fixed == nil {
			fixed = map[string]string{}
		}
		fixed[labelService] = s.Service
	}
	for _, l := range slices.Sorted(maps.Keys(fixed)) {
		relabel = append(relabel, map[string]any{"target_label": l, "replacement": strings.ReplaceAll(fixed[l], "$", "$$")})
	}
	if len(relabel) > 0 {
		out["relabel_configs"] = relabel
	}
	if len(p.rename) > 0 {
		var re []any
		for _, r := range p.rename {
			re = append(re, map[string]any{"source_labels": []string{"__name__"}, "regex": r[0], "target_label": "__name__", "replacement": r[1]})
		}
		out["metric_relabel_configs"] = re
	}
	return out
}

// Sections are the parts of the configuration that can be replaced while the
// store runs.
type Sections struct {
	Prometheus   []byte // the verbatim `prometheus:` section; may be empty
	ModelServers []byte // the verbatim `model_servers:` section; may be empty
}

// loadSections parses and checks both sections and merges the model servers
// into scrape_configs.
func loadSections(s Sections, dir string, logger *slog.Logger) (*config.Config, error) {
	cfg, err := loadConfig(s.Prometheus, dir, logger)
	if err != nil {
		return nil, err
	}
	servers, err := ParseModelServers(s.ModelServers)
	if err != nil {
		return nil, fmt.Errorf("model_servers: %w", err)
	}
	if len(servers) == 0 {
		return cfg, nil
	}
	if err := addModelServers(cfg, s, servers, dir, logger); err != nil {
		return nil, fmt.Errorf("model_servers: %w", err)
	}
	return cfg, nil
}

// addModelServers appends the scrape configurations of the servers to cfg.
func addModelServers(cfg *config.Config, s Sections, servers []ModelServer, dir string, logger *slog.Logger) error {
	taken, err := jobNames(cfg)
	if err != nil {
		return err
	}
	var user struct {
		Global yaml.Node `yaml:"global"`
	}
	if err := yaml.Unmarshal(s.Prometheus, &user); err != nil {
		return err
	}
	interval := defaultServerInterval
	for i := 0; i+1 < len(user.Global.Content); i += 2 {
		if user.Global.Content[i].Value == "scrape_interval" {
			interval = ""
		}
	}
	scrapes := make([]any, len(servers))
	for i := range servers {
		name, err := serverName(&servers[i], taken)
		if err != nil {
			return locate(s.ModelServers, fmt.Errorf("entry %d: %w", i+1, err))
		}
		taken[name] = "entry " + strconv.Itoa(i+1)
		scrapes[i] = servers[i].scrapeConfig(name, interval)
	}
	doc := map[string]any{"scrape_configs": scrapes}
	if !user.Global.IsZero() {
		doc["global"] = &user.Global // the defaults of scraping hold for these too
	}
	text, err := yaml.Marshal(doc)
	if err != nil {
		return err
	}
	made, err := config.Load(string(text), logger)
	if err != nil {
		return locate(s.ModelServers, unnumbered(err))
	}
	made.SetDirectory(dir)
	if err := checkScrapes(made); err != nil {
		return locate(s.ModelServers, err)
	}
	cfg.ScrapeConfigs = append(cfg.ScrapeConfigs, made.ScrapeConfigs...)
	return nil
}

// unnumbered takes the line numbers of a text that the user has not written
// out of an error.
func unnumbered(err error) error {
	return errors.New(lineOfError.ReplaceAllString(strings.TrimPrefix(err.Error(), "yaml: "), ""))
}

// jobNames are the names that scrape_configs uses, with who uses them.
func jobNames(cfg *config.Config) (map[string]string, error) {
	scrapes, err := cfg.GetScrapeConfigs()
	if err != nil {
		return nil, err
	}
	out := map[string]string{selfJob: "Pitot's own metrics"}
	for _, sc := range scrapes {
		out[sc.JobName] = "a job of prometheus.scrape_configs"
	}
	return out, nil
}

// serverName is the job of an entry: its own name, which must be free, or the
// preset's with a number where that is taken by another entry.
func serverName(s *ModelServer, taken map[string]string) (string, error) {
	if s.Name != "" {
		if by, ok := taken[s.Name]; ok {
			return "", fmt.Errorf("name: %q is taken by %s: choose another one", s.Name, by)
		}
		return s.Name, nil
	}
	if by, ok := taken[s.Preset]; ok && !strings.HasPrefix(by, "entry ") {
		return "", fmt.Errorf("the name %q is taken by %s: set `name`", s.Preset, by)
	}
	name := s.Preset
	for n := 2; taken[name] != ""; n++ {
		name = s.Preset + "-" + strconv.Itoa(n)
	}
	return name, nil
}
