package api

import (
	"time"

	"github.com/pitot-dev/pitot/internal/pipeline"
)

// The states of a Component.
const (
	StateOK       = "ok"
	StateDegraded = "degraded"
	StateDown     = "down"
)

// Status says how the server is, and what to do where it is not well.
type Status struct {
	State      string            `json:"state"` // the worst of its components
	Version    string            `json:"version"`
	Started    time.Time         `json:"started"`
	Listeners  map[string]string `json:"listeners"`
	DataDir    string            `json:"data_dir"`
	Components []Component       `json:"components"`
	Ledger     []pipeline.Entry  `json:"ledger"`
	// ConfigDigest identifies the configuration in force.
	ConfigDigest    string    `json:"config_digest,omitempty"`
	LastReload      time.Time `json:"last_reload,omitzero"`
	LastReloadError string    `json:"last_reload_error,omitempty"`
}

// Component is a part of the server with its state.
type Component struct {
	Name   string `json:"name"`
	State  string `json:"state"`
	Detail string `json:"detail,omitempty"`
	Hint   string `json:"hint,omitempty"` // the next step where it is not ok
}

// Worst is the worst state of the components.
func Worst(cs []Component) string {
	worst := StateOK
	for _, c := range cs {
		if c.State == StateDown {
			return StateDown
		}
		if c.State == StateDegraded {
			worst = StateDegraded
		}
	}
	return worst
}
