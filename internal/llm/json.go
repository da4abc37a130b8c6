package llm

import (
	"encoding/json"
	"math"
	"time"
)

// callFields has Call's fields without its methods.
type callFields Call

// callJSON is the JSON form of a Call: its fields, with durations in seconds
// and the numbers that follow from others written out for readers and queries.
type callJSON struct {
	*callFields
	Duration        float64      `json:"duration_seconds"`
	TTFT            Opt[float64] `json:"ttft_seconds,omitzero"`
	TPOT            Opt[float64] `json:"tpot_seconds,omitzero"`
	TokensPerSecond Opt[float64] `json:"tokens_per_second,omitzero"`
	Chunks          int          `json:"chunks,omitempty"`
	GatewayOverhead Opt[float64] `json:"gateway_overhead_seconds,omitzero"`
	Timeline        string       `json:"timeline,omitempty"`
}

// MarshalJSON encodes the Call as the API returns it.
func (c *Call) MarshalJSON() ([]byte, error) {
	j := callJSON{
		callFields:      (*callFields)(c),
		Duration:        c.Duration.Seconds(),
		TTFT:            seconds(c.TTFT),
		TPOT:            seconds(c.TPOT()),
		TokensPerSecond: c.TokensPerSecond(),
		Chunks:          c.Timeline.Chunks(),
		GatewayOverhead: seconds(c.GatewayOverhead),
		Timeline:        string(c.Timeline.AppendText(nil)),
	}
	return json.Marshal(j)
}

// UnmarshalJSON decodes what MarshalJSON wrote.
func (c *Call) UnmarshalJSON(b []byte) error {
	j := callJSON{callFields: (*callFields)(c)}
	if err := json.Unmarshal(b, &j); err != nil {
		return err
	}
	tl, err := ParseTimeline(j.Timeline)
	if err != nil {
		return err
	}
	tl.chunks = max(tl.chunks, j.Chunks)
	c.Timeline = tl
	c.Duration = fromSeconds(j.Duration)
	c.TTFT = durationOf(j.TTFT)
	c.GatewayOverhead = durationOf(j.GatewayOverhead)
	return nil
}

type spanFields Span

type spanJSON struct {
	*spanFields
	Duration float64 `json:"duration_seconds"`
}

// MarshalJSON encodes the Span with its duration in seconds.
func (s *Span) MarshalJSON() ([]byte, error) {
	return json.Marshal(spanJSON{(*spanFields)(s), s.Duration.Seconds()})
}

// UnmarshalJSON decodes what MarshalJSON wrote.
func (s *Span) UnmarshalJSON(b []byte) error {
	j := spanJSON{spanFields: (*spanFields)(s)}
	if err := json.Unmarshal(b, &j); err != nil {
		return err
	}
	s.Duration = fromSeconds(j.Duration)
	return nil
}

func seconds(d Opt[time.Duration]) Opt[float64] {
	if v, ok := d.Get(); ok {
		return Some(v.Seconds())
	}
	return Opt[float64]{}
}

func fromSeconds(s float64) time.Duration {
	return time.Duration(math.Round(s * float64(time.Second)))
}

func durationOf(s Opt[float64]) Opt[time.Duration] {
	if v, ok := s.Get(); ok {
		return Some(fromSeconds(v))
	}
	return Opt[time.Duration]{}
}
