package api

import (
	"net/http"
	"time"
)

// ConfigReport is the configuration in force, without its secrets.
type ConfigReport struct {
	File      string          `json:"file,omitempty"` // absent: there is none, and the defaults are in force
	Digest    string          `json:"digest"`
	Loaded    time.Time       `json:"loaded"`
	LastError string          `json:"last_error,omitempty"` // of the last reload
	YAML      string          `json:"yaml"`
	Changed   []ConfigChange  `json:"changed"`
	Warnings  []ConfigWarning `json:"warnings"`
}

// ConfigChange is a key that differs from its default. Value and Default are
// YAML; they are absent where they are empty.
type ConfigChange struct {
	Key     string `json:"key"`
	Value   string `json:"value,omitempty"`
	Default string `json:"default,omitempty"`
}

// ConfigWarning is something about the configuration that somebody should know.
type ConfigWarning struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (s *server) config(r *http.Request) (any, error) {
	if err := newParams(r, s.Now()).check(); err != nil {
		return nil, err
	}
	c := s.Config()
	c.Changed, c.Warnings = orEmpty(c.Changed), orEmpty(c.Warnings)
	return c, nil
}
