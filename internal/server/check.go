package server

import (
	"errors"
	"fmt"

	"github.com/pitot-dev/pitot/internal/config"
	"github.com/pitot-dev/pitot/internal/metrics"
)

// LoadConfig reads a configuration file and validates all of it as a start
// would, without starting anything.
func LoadConfig(path string) (*config.Config, error) {
	l := config.Loader{Sections: map[string]func([]byte, string) error{"prometheus": checkPrometheus, "model_servers": checkModelServers}}
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

func located(err error) error {
	if at, ok := errors.AsType[*metrics.ConfigError](err); ok {
		return &config.SectionError{Line: at.Line, Err: at.Err}
	}
	return err
}
