package metrics

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	commonconfig "github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/storage/remote"
)

// defaultOutOfOrder is how late a sample may come where the configuration does
// not say: remote write and OTLP senders that lost their connection catch up, and
// metrics go on at once when a clock that was ahead, by up to a wrong time zone,
// is set right. Samples in order cost nothing for it.
const defaultOutOfOrder = 24 * time.Hour

// ConfigError is what is wrong with the `prometheus:` section.
type ConfigError struct {
	// Line is the line within the section, starting at 1; 0 where the error has
	// no place.
	Line int
	Err  error
}

// Error returns the message with the line.
func (e *ConfigError) Error() string {
	if e.Line == 0 {
		return e.Err.Error()
	}
	return fmt.Sprintf("line %d: %v", e.Line, e.Err)
}

// Unwrap returns the cause.
func (e *ConfigError) Unwrap() error { return e.Err }

// ValidateConfig checks a `prometheus:` section, which may be empty, without
// applying it: syntax, rule files, HTTP clients with their certificates and
// secrets. Relative paths in it are relative to dir. The error is a
// *ConfigError.
func ValidateConfig(section []byte, dir string) error {
	_, err := loadConfig(section, dir, slog.New(slog.DiscardHandler))
	return err
}

// loadConfig parses and checks a section completely, so that applying it can
// fail only for reasons outside of it.
func loadConfig(section []byte, dir string, logger *slog.Logger) (*config.Config, error) {
	cfg, err := config.Load(string(section), logger)
	if err != nil {
		return nil, locate(section, err)
	}
	cfg.SetDirectory(dir)
	if cfg.StorageConfig.ExemplarsConfig == nil {
		ex := config.DefaultExemplarsConfig
		cfg.StorageConfig.ExemplarsConfig = &ex
	}
	checks := []func(*config.Config) error{checkScrapes, checkRuleFiles, checkRemote, checkAlerting}
	for _, check := range checks {
		if err := check(cfg); err != nil {
			return nil, locate(section, err)
		}
	}
	return cfg, nil
}

// storageDefaults fills in what the section does not say about the store.
func storageDefaults(cfg *config.Config, retention time.Duration, maxDisk int64, outOfOrder time.Duration) {
	// Load never leaves TSDBConfig nil.
	t := cfg.StorageConfig.TSDBConfig
	if t.OutOfOrderTimeWindow == 0 {
		outOfOrder = max(outOfOrder, defaultOutOfOrder)
		t.OutOfOrderTimeWindowFlag = model.Duration(outOfOrder)
		t.OutOfOrderTimeWindow = outOfOrder.Milliseconds()
	}
	r := config.TSDBRetentionConfig{}
	if t.Retention != nil {
		r = *t.Retention
	}
	if r.Time == 0 {
		r.Time = model.Duration(retention)
	}
	if r.Size == 0 && r.Percentage == 0 && maxDisk > 0 {
		setBytes(&r.Size, maxDisk)
	}
	t.Retention = &r
	// The label service_name, which the gen_ai_* families of Calls have too.
	if o := &cfg.OTLPConfig; len(o.PromoteResourceAttributes) == 0 && !o.PromoteAllResourceAttributes {
		o.PromoteResourceAttributes = []string{"service.name"}
	}
}

// setBytes spares the import of the module that has the type.
func setBytes[T ~int64](dst *T, v int64) { *dst = T(v) }

func checkScrapes(cfg *config.Config) error {
	scrapes, err := cfg.GetScrapeConfigs()
	if err != nil {
		return err
	}
	for _, s := range scrapes {
		if err := checkClient(s.HTTPClientConfig); err != nil {
			return fmt.Errorf("scrape_configs: job %q: %w", s.JobName, err)
		}
	}
	return nil
}

// checkClient builds an HTTP client, which reads certificates and keys.
func checkClient(c commonconfig.HTTPClientConfig) error {
	client, err := commonconfig.NewClientFromConfig(c, "check")
	if err != nil {
		return err
	}
	client.CloseIdleConnections()
	return nil
}

func checkRuleFiles(cfg *config.Config) error {
	for _, pattern := range cfg.RuleFiles {
		if strings.ContainsAny(pattern, `*?[\`) {
			continue // a pattern may match nothing yet
		}
		if _, err := os.Stat(pattern); err != nil {
			return fmt.Errorf("rule_files: %q cannot be read: %w: correct the path or create the file", filepath.Base(pattern), err)
		}
	}
	return rules.ParseFiles(cfg.RuleFiles, cfg.GlobalConfig.MetricNameValidationScheme, newParser(), slog.New(slog.DiscardHandler))
}

func checkRemote(cfg *config.Config) error {
	for _, w := range cfg.RemoteWriteConfigs {
		_, err := remote.NewWriteClient("check", &remote.ClientConfig{
			URL: w.URL, WriteProtoMsg: w.ProtobufMessage, Timeout: w.RemoteTimeout, HTTPClientConfig: w.HTTPClientConfig,
			SigV4Config: w.SigV4Config, AzureADConfig: w.AzureADConfig, GoogleIAMConfig: w.GoogleIAMConfig, Headers: w.Headers,
		})
		if err != nil {
			return fmt.Errorf("remote_write: %s: %w", w.URL.Redacted(), err)
		}
	}
	for _, r := range cfg.RemoteReadConfigs {
		_, err := remote.NewReadClient("check", &remote.ClientConfig{
			URL: r.URL, Timeout: r.RemoteTimeout, HTTPClientConfig: r.HTTPClientConfig, Headers: r.Headers,
		})
		if err != nil {
			return fmt.Errorf("remote_read: %s: %w", r.URL.Redacted(), err)
		}
	}
	return nil
}

func checkAlerting(cfg *config.Config) error {
	for _, am := range cfg.AlertingConfig.AlertmanagerConfigs {
		if err := checkClient(am.HTTPClientConfig); err != nil {
			return fmt.Errorf("alerting: alertmanagers: %w", err)
		}
	}
	return nil
}

// ruleFiles expands the patterns of rule_files.
func ruleFiles(cfg *config.Config) ([]string, error) {
	var files []string
	for _, pattern := range cfg.RuleFiles {
		f, err := filepath.Glob(pattern)
		if err != nil {
			return nil, fmt.Errorf("rule_files: %q: %w", pattern, err)
		}
		files = append(files, f...)
	}
	return files, nil
}

// newParser is the PromQL parser of the whole package. Experimental functions
// are on: they only add names, and dashboards made elsewhere use them.
func newParser() parser.Parser {
	return parser.NewParser(parserOptions())
}

func parserOptions() parser.Options {
	return parser.Options{
		EnableExperimentalFunctions:  true,
		ExperimentalDurationExpr:     true,
		EnableExtendedRangeSelectors: true,
		EnableBinopFillModifiers:     true,
	}
}

var (
	lineOfError   = regexp.MustCompile(`\bline (\d+): ?`)
	quotedOfError = regexp.MustCompile(`["'` + "`" + `]([^"'` + "`" + `]+)["'` + "`" + `]`)
)

// locate finds the line of an error. The YAML decoder names it; Prometheus'
// own checks do not, but quote the name or value that they object to.
func locate(section []byte, err error) error {
	out := &ConfigError{Err: err}
	msg := err.Error()
	if m := lineOfError.FindStringSubmatchIndex(msg); m != nil {
		out.Line, _ = strconv.Atoi(msg[m[2]:m[3]])
		msg = strings.TrimPrefix(msg[:m[0]]+msg[m[1]:], "yaml: unmarshal errors:\n  ")
		out.Err = errors.New(strings.TrimPrefix(msg, "yaml: "))
		return out
	}
	// Of what is there twice, the second is the one too many.
	last := strings.Contains(msg, "multiple") || strings.Contains(msg, "duplicate")
	for _, q := range quotedOfError.FindAllStringSubmatch(msg, -1) {
		// A path was made absolute: its last element is as it was written.
		if out.Line = max(lineOf(section, q[1], last), lineOf(section, filepath.Base(q[1]), last)); out.Line > 0 {
			break
		}
	}
	return out
}

// lineOf is the first or last line that has word as a whole word; 0 if none.
func lineOf(section []byte, word string, last bool) int {
	re, err := regexp.Compile(`(^|[^\w.-])` + regexp.QuoteMeta(word) + `($|[^\w.-])`)
	if err != nil {
		return 0
	}
	found := 0
	for i, l := range strings.Split(string(section), "\n") {
		if re.MatchString(l) {
			found = i + 1
			if !last {
				break
			}
		}
	}
	return found
}
