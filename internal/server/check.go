package server

import (
	"errors"
	"fmt"

	"github.com/pitot-dev/pitot/internal/alert/budget"
	"github.com/pitot-dev/pitot/internal/alert/manager"
	"github.com/pitot-dev/pitot/internal/alert/slo"
	"github.com/pitot-dev/pitot/internal/config"
	"github.com/pitot-dev/pitot/internal/metrics"
)

// LoadConfig reads a configuration file and validates all of it as a start
// would, without starting anything.
func LoadConfig(path string) (*config.Config, error) {
	l := config.Loader{Sections: map[string]func([]byte, string) error{"prometheus": checkPrometheus, "model_servers": checkModelServers, "alertmanager": checkAlertmanager, "slos": checkSLOs, "budgets": checkBudgets}}
	c, err := l.Load(path)
	if err != nil {
		return nil, err
	}
	if err := metrics.ValidateSections(metrics.Sections{Prometheus: c.Prometheus.Text, ModelServers: c.ModelServers.Text}, c.Dir()); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if _, _, err := steps(c); err != nil {
		return nil, err
	}
	return c, nil
}

// checkPrometheus validates the `prometheus:` section and keeps the line of what
// is wrong.
func checkPrometheus(section []byte, dir string) error {
	return located(metrics.ValidateConfig(section, dir))
}

// checkModelServers does the same for the `model_servers:` section.
func checkModelServers(section []byte, dir string) error {
	return located(metrics.ValidateModelServers(section, dir))
}

// checkAlertmanager does the same for the `alertmanager:` section, which may have
// several faults.
func checkAlertmanager(section []byte, dir string) error {
	return eachLocated(manager.ValidateConfig(manager.Config{Section: section, Dir: dir}), func(e *manager.ConfigError) (int, error) { return e.Line, e.Err })
}

// checkSLOs does the same for the `slos:` section and the files that it names.
func checkSLOs(section []byte, dir string) error {
	c, err := slo.Parse(section)
	if err == nil {
		_, err = slo.Load(c, dir)
	}
	return eachLocated(err, func(e *slo.ConfigError) (int, error) { return e.Line, fmt.Errorf("%s: %s", e.Path, e.Message) })
}

// checkBudgets does the same for the `budgets:` section.
func checkBudgets(section []byte, _ string) error {
	_, err := budget.Parse(section)
	return eachLocated(err, func(e *budget.ConfigError) (int, error) { return e.Line, fmt.Errorf("%s: %s", e.Path, e.Message) })
}

// eachLocated gives each of several joined errors its line.
func eachLocated[E error](err error, at func(E) (int, error)) error {
	joined := []error{err}
	if j, ok := err.(interface{ Unwrap() []error }); ok {
		joined = j.Unwrap()
	}
	var out []error
	for _, e := range joined {
		if own, ok := errors.AsType[E](e); ok {
			line, cause := at(own)
			e = &config.SectionError{Line: line, Err: cause}
		}
		out = append(out, e)
	}
	return errors.Join(out...)
}

func located(err error) error {
	if at, ok := errors.AsType[*metrics.ConfigError](err); ok {
		return &config.SectionError{Line: at.Line, Err: at.Err}
	}
	return err
}
