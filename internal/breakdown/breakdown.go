package breakdown

import (
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

// The phases, in the order in which they happen.
const (
	PhaseClient  = "client"  // in the caller, before the gateway had the request and after it had answered
	PhaseGateway = "gateway" // in Pitot
	PhaseConnect = "connect" // dial and TLS handshake
	PhaseNetwork = "network" // on the way to the provider and back
	PhaseQueue   = "queue"   // waiting at the provider
	// PhaseWait is network and queue together, where nobody tells them apart.
	PhaseWait    = "network_and_queue"
	PhaseLoad    = "load"    // loading the model
	PhasePrefill = "prefill" // processing the prompt
	PhaseDecode  = "decode"  // generating
	PhaseStalls  = "stalls"  // gaps in the stream
	PhaseTail    = "tail"    // from the last chunk to the end
)

// Source says what a phase rests on.
type Source string

// The sources of evidence, strongest first.
const (
	SourceGateway  Source = "gateway"  // Pitot measured it
	SourceServer   Source = "server"   // the provider said so in its answer
	SourceTimeline Source = "timeline" // it follows from the arrival of the chunks
	SourceSpan     Source = "span"     // it follows from the caller's span
	SourceMetrics  Source = "metrics"  // it follows from the model server's histograms
	SourceRest     Source = "rest"     // it is what the other phases leave over
)

// Phase is a part of the duration: as long as Min at least and Max at most.
type Phase struct {
	Name     string
	Min, Max time.Duration
	Source   Source
	Evidence string // for people
	// Typical is what the server's histograms say of most calls at that time.
	Typical *Typical
}

// Typical are quantiles of a phase over all calls of a server.
type Typical struct {
	P50, P95 time.Duration
	Count    int64
}

// tightShare and tightEnough are how wide bounds may be to count as a value.
const (
	tightShare  = 0.02
	tightEnough = time.Millisecond
)

// Tight reports whether the bounds are so close that they are a value: apart
// by no more than a millisecond or 2 % of the whole.
func (p *Phase) Tight(total time.Duration) bool {
	return p.Max-p.Min <= max(tightEnough, time.Duration(float64(total)*tightShare))
}

// phaseJSON is the JSON form of a Phase, in seconds.
type phaseJSON struct {
	Name     string           `json:"phase"`
	Seconds  llm.Opt[float64] `json:"seconds,omitzero"`
	Min      float64          `json:"min_seconds"`
	Max      float64          `json:"max_seconds"`
	Source   Source           `json:"source"`
	Evidence string           `json:"evidence"`
	Typical  *typicalJSON     `json:"typical,omitempty"`
}

type typicalJSON struct {
	P50   float64 `json:"p50_seconds"`
	P95   float64 `json:"p95_seconds"`
	Count int64   `json:"calls"`
}

// MarshalJSON encodes the phase in seconds; `seconds` is there where the bounds
// are a millisecond apart at most.
func (p Phase) MarshalJSON() ([]byte, error) {
	j := phaseJSON{Name: p.Name, Min: p.Min.Seconds(), Max: p.Max.Seconds(), Source: p.Source, Evidence: p.Evidence}
	if p.Max-p.Min <= tightEnough {
		j.Seconds = llm.Some(((p.Min + p.Max) / 2).Seconds())
	}
	if t := p.Typical; t != nil {
		j.Typical = &typicalJSON{t.P50.Seconds(), t.P95.Seconds(), t.Count}
	}
	return json.Marshal(j)
}

// Stall is a gap in a stream.
type Stall struct {
	At       time.Duration // since the start of the Call
	Duration time.Duration
}

// MarshalJSON encodes the stall in seconds.
func (s Stall) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		At       float64 `json:"at_seconds"`
		Duration float64 `json:"duration_seconds"`
	}{s.At.Seconds(), s.Duration.Seconds()})
}

// Breakdown is where the time of a Call went.
type Breakdown struct {
	CallID string
	// Total is the duration that the phases make up: the caller's where its span
	// is known, else the Call's.
	Total    time.Duration
	Duration time.Duration // of the Call
	Phases   []Phase
	Stalls   []Stall // the longest, in order of time
	// Dominant is the phase that is longer than any other can be; empty where
	// bounds leave that open.
	Dominant string
	// Unknown says what could not be told, and why.
	Unknown []string
	// Notes say where evidence contradicts itself or is incomplete.
	Notes []string
}

// MarshalJSON encodes the breakdown in seconds.
func (b *Breakdown) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		CallID   string   `json:"call_id"`
		Total    float64  `json:"total_seconds"`
		Duration float64  `json:"duration_seconds"`
		Phases   []Phase  `json:"phases"`
		Stalls   []Stall  `json:"stalls"`
		Dominant string   `json:"dominant,omitempty"`
		Unknown  []string `json:"unknown"`
		Notes    []string `json:"notes"`
	}{
		b.CallID, b.Total.Seconds(), b.Duration.Seconds(), orEmpty(b.Phases), orEmpty(b.Stalls), b.Dominant, orEmpty(b.Unknown), orEmpty(b.Notes),
	})
}

func orEmpty[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// Of breaks the time of a Call down as far as the evidence allows.
func Of(e Evidence) Breakdown {
	w := newWork(e)
	w.firstPart()
	w.streamPart()
	w.finish()
	w.client()
	w.b.Dominant = dominant(w.b.Phases)
	return w.b
}

// dominant is the phase whose least is more than any other's most.
func dominant(phases []Phase) string {
	for i, p := range phases {
		most := time.Duration(0)
		for j, o := range phases {
			if i != j {
				most = max(most, o.Max)
			}
		}
		if p.Min > most {
			return p.Name
		}
	}
	return ""
}

// say adds a sentence to what is unknown.
func (w *work) say(format string, args ...any) {
	w.b.Unknown = append(w.b.Unknown, fmt.Sprintf(format, args...))
}

func (w *work) note(format string, args ...any) {
	w.b.Notes = append(w.b.Notes, fmt.Sprintf(format, args...))
}

// unbounded is the upper bound of a part of which nothing is known.
const unbounded = time.Duration(math.MaxInt64 / 16)
