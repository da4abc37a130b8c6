package server

import (
	"bytes"
	"cmp"
	"fmt"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/pitot-dev/pitot/internal/api"
	"github.com/pitot-dev/pitot/internal/config"
	"github.com/pitot-dev/pitot/internal/redact"
)

// configReport is the configuration in force, as people may see it.
func (s *Server) configReport() api.ConfigReport {
	s.stateMu.Lock()
	cfg, reloaded, reloadErr := s.config, s.reloaded, s.reloadErr
	s.stateMu.Unlock()
	if reloaded.IsZero() {
		reloaded = s.started
	}
	out := effective(cfg)
	out.Loaded = reloaded
	warn := func(code, format string, args ...any) {
		out.Warnings = append(out.Warnings, api.ConfigWarning{Code: code, Message: fmt.Sprintf(format, args...)})
	}
	if s.opts.ConfigPath == "" {
		warn("no_file", "There is no configuration file: the defaults are in force. --config names one.")
	}
	if reloadErr != nil {
		out.LastError = reloadErr.Error()
		warn("reload_failed", "The last reload failed, and the configuration before it stays in force.")
	}
	s.warnOfFile(cfg, warn)
	if c := s.exposure(); c.State != api.StateOK {
		warn("public_listener", "%s: %s.", c.Detail, c.Hint)
	}
	if rate := cfg.Pipeline.Sampling.Rate; rate < 1 {
		warn("sampling", "pipeline.sampling.rate is %g: lists and traces lack the other calls; totals count all.", rate)
	}
	if cfg.Capture.Content == redact.ModeMetrics {
		warn("content_not_kept", "capture.content is metrics: prompts and answers are not kept.")
	}
	return out
}

// warnOfFile says where the file no longer says what is in force.
func (s *Server) warnOfFile(cfg *config.Config, warn func(code, format string, args ...any)) {
	if s.opts.ConfigPath == "" {
		return
	}
	next, err := s.files.load(s.load)
	switch {
	case err != nil:
		warn("file_invalid", "The file could not be loaded as it is now: `pitot check` shows where it is wrong.")
	case next.Digest() != cfg.Digest():
		warn("file_changed", "The file was changed since it was loaded: reload, or restart where the change needs it.")
	}
}

// effective is what of a configuration people may see.
func effective(cfg *config.Config) api.ConfigReport {
	text, plain := cfg.Effective(), config.Default()
	out := api.ConfigReport{File: cfg.File(), Digest: cfg.Digest(), YAML: string(text), Changed: []api.ConfigChange{}, Warnings: []api.ConfigWarning{}}
	is, was := tree(text), tree(plain.Effective())
	for _, key := range config.Changed(plain, cfg) {
		out.Changed = append(out.Changed, api.ConfigChange{Key: key, Value: at(is, key), Default: at(was, key)})
	}
	return out
}

func tree(text []byte) *yaml.Node {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil || len(doc.Content) == 0 {
		return nil
	}
	return doc.Content[0]
}

// maxShown is the longest value that a list of changes shows.
const maxShown = 4096

// at writes the value of a key such as storage.events.retention.
func at(n *yaml.Node, key string) string {
	for part := range strings.SplitSeq(key, ".") {
		n = child(n, part)
	}
	if n == nil {
		return ""
	}
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(n); err != nil {
		return ""
	}
	text := bytes.TrimSuffix(b.Bytes(), []byte("\n"))
	if len(text) > maxShown {
		return string(bytes.ToValidUTF8(text[:maxShown], nil)) + "…"
	}
	return string(text)
}

func child(n *yaml.Node, name string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return n.Content[i+1]
		}
	}
	return nil
}

// fileCheck keeps what the file says for a while: pages ask often, and reading
// all of a configuration takes long.
type fileCheck struct {
	cache[loaded]
}

type loaded struct {
	cfg *config.Config
	err error
}

func (f *fileCheck) load(read func() (*config.Config, error)) (*config.Config, error) {
	l := f.get(checkFor, func() loaded {
		cfg, err := read()
		return loaded{cfg, err}
	})
	return l.cfg, l.err
}

// checkFor is how long what the file says is kept.
const checkFor = 5 * time.Second

// dataSince is about since when the data directory exists: Pitot stores samples
// of its own from the first moment.
func (s *Server) dataSince() time.Time {
	oldest, _, ok := s.metrics.Range()
	if !ok || s.started.Before(oldest) {
		return s.started
	}
	return cmp.Or(oldest.UTC(), s.started)
}
