package llm

import (
	"encoding/json"
	"time"
)

// Phases are parts of a Call's duration that somebody measured: the gateway, or
// the server in its answer. What nobody measured is absent.
type Phases struct {
	// Measured by the gateway.
	Connect Opt[time.Duration] // dial and TLS handshake; 0 on a connection that was open
	Headers Opt[time.Duration] // from the start of the Call to the header of the answer

	// Said by the server.
	Queue   Opt[time.Duration] // waited before it was worked on
	Load    Opt[time.Duration] // loading the model
	Prefill Opt[time.Duration] // processing the prompt
	Decode  Opt[time.Duration] // generating
	Server  Opt[time.Duration] // all of the server's own processing
}

// IsZero reports whether nothing was measured.
func (p Phases) IsZero() bool { return p == Phases{} }

// phasesJSON is the JSON form of Phases, in seconds.
type phasesJSON struct {
	Connect Opt[float64] `json:"connect_seconds,omitzero"`
	Headers Opt[float64] `json:"headers_seconds,omitzero"`
	Queue   Opt[float64] `json:"queue_seconds,omitzero"`
	Load    Opt[float64] `json:"load_seconds,omitzero"`
	Prefill Opt[float64] `json:"prefill_seconds,omitzero"`
	Decode  Opt[float64] `json:"decode_seconds,omitzero"`
	Server  Opt[float64] `json:"server_seconds,omitzero"`
}

// MarshalJSON encodes the phases in seconds.
func (p Phases) MarshalJSON() ([]byte, error) {
	return json.Marshal(phasesJSON{
		seconds(p.Connect), seconds(p.Headers), seconds(p.Queue), seconds(p.Load),
		seconds(p.Prefill), seconds(p.Decode), seconds(p.Server),
	})
}

// UnmarshalJSON decodes what MarshalJSON wrote.
func (p *Phases) UnmarshalJSON(b []byte) error {
	var j phasesJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return err
	}
	*p = Phases{
		durationOf(j.Connect), durationOf(j.Headers), durationOf(j.Queue), durationOf(j.Load),
		durationOf(j.Prefill), durationOf(j.Decode), durationOf(j.Server),
	}
	return nil
}
