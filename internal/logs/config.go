package logs

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/alecthomas/units"
	"github.com/prometheus/common/model"
)

// Config is the `logs:` section.
type Config struct {
	// Calls makes Calls of the lines that describe requests to a model.
	Calls *bool `yaml:"calls,omitempty" doc:"Make a call of each line whose event is llm_request_success, llm_request_error or rate_limit, and of LiteLLM's JSON payloads. The line is kept as a log too. Default true."`
	// MaxLine bounds a document or a line.
	MaxLine       units.Base2Bytes    `yaml:"max_line,omitempty" doc:"Longest document or line. A longer document is refused by itself; a longer line of a file is cut and marked. Default 1MiB."`
	Elasticsearch ElasticsearchConfig `yaml:"elasticsearch" doc:"The Elasticsearch API for fluentd, fluent-bit, Logstash, rsyslog, Vector and Filebeat, on the API port."`
	Files         []FileConfig        `yaml:"files,omitempty" doc:"Files to tail."`
}

// ElasticsearchConfig is the `logs.elasticsearch` section.
type ElasticsearchConfig struct {
	Enabled *bool            `yaml:"enabled,omitempty" doc:"Answer Elasticsearch senders. Default true."`
	Version string           `yaml:"version,omitempty" doc:"Version of Elasticsearch that senders are told. Some refuse what is older than themselves. Default 8.19.0."`
	MaxBody units.Base2Bytes `yaml:"max_body,omitempty" doc:"Largest body of a bulk request, uncompressed. Default 64MiB."`
	// MaxRequests bounds the requests that are taken in at one time.
	MaxRequests int `yaml:"max_requests,omitempty" doc:"Bulk requests taken in at one time; further ones are told to come back (429). Default 64."`
}

// FileConfig is one entry of `logs.files`.
type FileConfig struct {
	Paths       []string          `yaml:"paths" doc:"Files, as glob patterns; ** stands for any number of directories. Compressed files are passed over."`
	Exclude     []string          `yaml:"exclude,omitempty" doc:"Files to leave out, as glob patterns."`
	Format      string            `yaml:"format,omitempty" doc:"json, text, or auto: a line that is a JSON object is taken as one. The wrappers of Docker and of Kubernetes (CRI) are recognised in each. Default auto."`
	Service     string            `yaml:"service,omitempty" doc:"Service of the lines that name none."`
	Environment string            `yaml:"environment,omitempty" doc:"Environment of the lines that name none."`
	Labels      map[string]string `yaml:"labels,omitempty" doc:"Attributes added to each line that does not have them."`
	From        string            `yaml:"from,omitempty" doc:"Where to start in files that are there when Pitot first sees this entry: start or end. Files that appear later are read from their start. Default start."`
	// Multiline joins lines that belong together.
	Multiline MultilineConfig `yaml:"multiline,omitempty" doc:"Joins lines of text that belong together, such as stack traces."`
}

// MultilineConfig is the `multiline` section of a file entry.
type MultilineConfig struct {
	Start string `yaml:"start,omitempty" doc:"Regular expression that the first line of a record matches; lines that do not are appended to the one before. Lines of JSON always stand by themselves."`
}

// The formats of a file and the places to start in it.
const (
	FormatAuto = "auto"
	FormatJSON = "json"
	FormatText = "text"

	FromStart = "start"
	FromEnd   = "end"
)

const (
	defaultVersion     = "8.19.0"
	defaultMaxBody     = 64 * units.MiB
	defaultMaxLine     = units.MiB
	defaultMaxRequests = 64

	// mostMaxLine is what the event store still takes whole.
	mostMaxLine = 16 * units.MiB
)

// DefaultConfig returns the configuration that is used where the user set nothing.
func DefaultConfig() Config {
	yes, calls := true, true
	return Config{
		Calls:   &calls,
		MaxLine: defaultMaxLine,
		Elasticsearch: ElasticsearchConfig{
			Enabled: &yes, Version: defaultVersion, MaxBody: defaultMaxBody, MaxRequests: defaultMaxRequests,
		},
	}
}

// withDefaults fills what is not set.
func (c Config) withDefaults() Config {
	def := DefaultConfig()
	if c.Calls == nil {
		c.Calls = def.Calls
	}
	if c.MaxLine == 0 {
		c.MaxLine = def.MaxLine
	}
	es := &c.Elasticsearch
	if es.Enabled == nil {
		es.Enabled = def.Elasticsearch.Enabled
	}
	if es.Version == "" {
		es.Version = def.Elasticsearch.Version
	}
	if es.MaxBody == 0 {
		es.MaxBody = def.Elasticsearch.MaxBody
	}
	if es.MaxRequests == 0 {
		es.MaxRequests = def.Elasticsearch.MaxRequests
	}
	return c
}

// ElasticsearchEnabled reports whether Elasticsearch senders are answered.
func (c Config) ElasticsearchEnabled() bool {
	return c.Elasticsearch.Enabled == nil || *c.Elasticsearch.Enabled
}

var versionNumber = regexp.MustCompile(`^[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}$`)

// Validate reports everything that is wrong with the section.
func (c Config) Validate() error {
	var errs []error
	if c.MaxLine < 0 || c.MaxLine > mostMaxLine {
		errs = append(errs, fmt.Errorf("logs.max_line: %v: must be positive and at most %v", c.MaxLine, mostMaxLine))
	}
	es := c.Elasticsearch
	if es.Version != "" && !versionNumber.MatchString(es.Version) {
		errs = append(errs, fmt.Errorf("logs.elasticsearch.version: %q: use three numbers, such as %s", es.Version, defaultVersion))
	}
	if es.MaxBody < 0 {
		errs = append(errs, fmt.Errorf("logs.elasticsearch.max_body: %v: must be positive, such as 64MiB", es.MaxBody))
	}
	if es.MaxRequests < 0 {
		errs = append(errs, fmt.Errorf("logs.elasticsearch.max_requests: %d: must be positive", es.MaxRequests))
	}
	for i, f := range c.Files {
		if err := f.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("logs.files[%d]: %w", i, err))
		}
	}
	return errors.Join(errs...)
}

// Validate reports everything that is wrong with the entry.
func (f FileConfig) Validate() error {
	var errs []error
	if len(f.Paths) == 0 {
		errs = append(errs, errors.New("paths: name at least one file, such as /var/log/llm/*.log"))
	}
	for _, list := range [][]string{f.Paths, f.Exclude} {
		for _, p := range list {
			if err := checkPattern(p); err != nil {
				errs = append(errs, err)
			}
		}
	}
	switch f.Format {
	case "", FormatAuto, FormatJSON, FormatText:
	default:
		errs = append(errs, fmt.Errorf("format: %q is unknown: use auto, json or text", f.Format))
	}
	switch f.From {
	case "", FromStart, FromEnd:
	default:
		errs = append(errs, fmt.Errorf("from: %q is unknown: use start or end", f.From))
	}
	if _, err := regexp.Compile(f.Multiline.Start); err != nil {
		errs = append(errs, fmt.Errorf("multiline.start: %w", err))
	}
	return errors.Join(errs...)
}

func checkPattern(p string) error {
	if strings.TrimSpace(p) == "" {
		return errors.New("paths: a pattern is empty")
	}
	if _, err := filepath.Match(strings.ReplaceAll(p, "**", "*"), ""); err != nil {
		return fmt.Errorf("paths: %q: %w", p, err)
	}
	return nil
}

// The pace of the tailer. Not settings: nothing is lost by any of them.
const (
	pollEvery    = model.Duration(250 * time.Millisecond)
	scanEvery    = model.Duration(2 * time.Second)
	partialAfter = model.Duration(5 * time.Second)
)
