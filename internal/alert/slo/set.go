package slo

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// Set is the objectives that are in force.
type Set struct{ slos []SLO }

// Load makes a Set of a section: the default objectives, those of the section,
// and those of the OpenSLO files that it names, relative to dir. It returns a
// Set of all that are good beside the error that names the others.
func Load(c Config, dir string) (*Set, error) {
	err := c.Validate()
	all := c.withDefaults()
	for _, s := range c.SLOs {
		if s.OpenSLO == "" || s.Disabled {
			continue
		}
		more, ferr := loadOpenSLO(s.OpenSLO, dir)
		all.SLOs = append(all.SLOs, more...)
		err = errors.Join(err, ferr)
	}
	set := &Set{}
	for _, s := range all.SLOs {
		if s.Window.Length == 0 {
			s.Window = Window{Length: month}
		}
		if slices.ContainsFunc(set.slos, func(x SLO) bool { return x.Name == s.Name }) {
			err = errors.Join(err, &ConfigError{Line: s.line, Path: s.Name, Message: "two objectives have this name: the first one holds"})
			continue
		}
		if bad := (Config{SLOs: []SLO{s}}).Validate(); bad != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", s.Name, bad))
			continue
		}
		set.slos = append(set.slos, s)
	}
	return set, err
}

// SLOs returns the objectives.
func (s *Set) SLOs() []SLO { return slices.Clone(s.slos) }

// loadOpenSLO reads the files that a pattern matches.
func loadOpenSLO(pattern, dir string) ([]SLO, error) {
	if !filepath.IsAbs(pattern) {
		pattern = filepath.Join(dir, pattern)
	}
	names, err := filepath.Glob(pattern)
	if err != nil {
		return nil, fmt.Errorf("openslo: %s: %w", pattern, err)
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("openslo: %s: no such file", pattern)
	}
	var out []SLO
	var errs []error
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			errs = append(errs, fmt.Errorf("openslo: %w", err))
			continue
		}
		slos, err := ParseOpenSLO(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("openslo: %s: %w", name, err))
		}
		out = append(out, slos...)
	}
	return out, errors.Join(errs...)
}
