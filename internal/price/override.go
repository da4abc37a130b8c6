package price

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
)

// Prices are list prices in US dollars. An absent price is unknown; 0 is free.
// Token prices are per million tokens.
type Prices struct {
	Input          *float64 `json:"input,omitempty" yaml:"input,omitempty" doc:"Input tokens that no other price covers. Token prices are US dollars per million tokens; 0 is free, absent is unknown."`
	Output         *float64 `json:"output,omitempty" yaml:"output,omitempty" doc:"Output tokens."`
	CacheRead      *float64 `json:"cache_read,omitempty" yaml:"cache_read,omitempty" doc:"Input tokens read from the cache. Absent: the input price."`
	CacheWrite     *float64 `json:"cache_write,omitempty" yaml:"cache_write,omitempty" doc:"Input tokens written to the cache, for 5 minutes or an unknown time. Absent: the input price."`
	CacheWrite1h   *float64 `json:"cache_write_1h,omitempty" yaml:"cache_write_1h,omitempty" doc:"Input tokens written to the cache for an hour. Absent: the cache_write price."`
	Reasoning      *float64 `json:"reasoning,omitempty" yaml:"reasoning,omitempty" doc:"Reasoning tokens in the output. Absent: the output price."`
	InputAudio     *float64 `json:"input_audio,omitempty" yaml:"input_audio,omitempty" doc:"Audio tokens in the input. Absent: the input price."`
	CacheReadAudio *float64 `json:"cache_read_audio,omitempty" yaml:"cache_read_audio,omitempty" doc:"Audio tokens read from the cache. Absent: the input_audio price."`
	InputImage     *float64 `json:"input_image,omitempty" yaml:"input_image,omitempty" doc:"Image tokens in the input. Absent: the input price."`
	InputVideo     *float64 `json:"input_video,omitempty" yaml:"input_video,omitempty" doc:"Video tokens in the input. Absent: the input price."`
	OutputAudio    *float64 `json:"output_audio,omitempty" yaml:"output_audio,omitempty" doc:"Audio tokens in the output. Absent: the output price."`
	OutputImage    *float64 `json:"output_image,omitempty" yaml:"output_image,omitempty" doc:"Image tokens in the output. Absent: the output price."`

	PerImage             *float64 `json:"per_image,omitempty" yaml:"per_image,omitempty" doc:"US dollars per image generated, where images are not counted in tokens."`
	PerAudioMinute       *float64 `json:"per_audio_minute,omitempty" yaml:"per_audio_minute,omitempty" doc:"US dollars per minute of audio transcribed."`
	PerMillionCharacters *float64 `json:"per_million_characters,omitempty" yaml:"per_million_characters,omitempty" doc:"US dollars per million characters spoken."`
	PerThousandSearches  *float64 `json:"per_thousand_searches,omitempty" yaml:"per_thousand_searches,omitempty" doc:"US dollars per thousand web or rerank searches."`
	PerThousandRequests  *float64 `json:"per_thousand_requests,omitempty" yaml:"per_thousand_requests,omitempty" doc:"US dollars per thousand requests, on top of the rest."`
}

// field returns the place of a kind's price.
func (p *Prices) field(k Kind) **float64 {
	return [kindCount]**float64{
		Input: &p.Input, CacheRead: &p.CacheRead, CacheWrite: &p.CacheWrite, CacheWrite1h: &p.CacheWrite1h,
		InputAudio: &p.InputAudio, CacheReadAudio: &p.CacheReadAudio, InputImage: &p.InputImage, InputVideo: &p.InputVideo,
		Output: &p.Output, Reasoning: &p.Reasoning, OutputAudio: &p.OutputAudio, OutputImage: &p.OutputImage,
		Image: &p.PerImage, AudioSecond: &p.PerAudioMinute, Character: &p.PerMillionCharacters,
		Search: &p.PerThousandSearches, Request: &p.PerThousandRequests,
	}[k]
}

// Get returns the price of a kind, nil where it is unknown.
func (p *Prices) Get(k Kind) *float64 { return *p.field(k) }

// Set sets the price of a kind.
func (p *Prices) Set(k Kind, usd float64) { *p.field(k) = &usd }

// empty reports whether no price is known.
func (p *Prices) empty() bool {
	for k := range Kind(kindCount) {
		if p.Get(k) != nil {
			return false
		}
	}
	return true
}

func (p *Prices) rates(factor float64) rates {
	var r rates
	for k := range Kind(kindCount) {
		if v := p.Get(k); v != nil {
			r.put(k, *v*factor)
		}
	}
	return r
}

// maxPrice is the highest unit price that is taken for one: prices per token
// entered as prices per million, or the reverse, are the usual slip.
const maxPrice = 1e6

func (p *Prices) validate() error {
	for k := range Kind(kindCount) {
		v := p.Get(k)
		if v == nil {
			continue
		}
		if math.IsNaN(*v) || *v < 0 || *v > maxPrice {
			return fmt.Errorf("price of %s is %v: want US dollars per %s, from 0 to %v", k, *v, k.Unit(), float64(maxPrice))
		}
	}
	return nil
}

// ContextTier is the prices of requests whose input is longer than Above
// tokens. What it does not name keeps the price of the entry it stands in.
type ContextTier struct {
	Above  int64 `json:"above" yaml:"above" doc:"Input tokens past which the tier holds."`
	Prices `yaml:",inline"`
}

// The meanings of context tiers.
const (
	// TierWhole reprices the whole request, output too, once its input passes
	// the threshold: how every provider in the table does it. The default.
	TierWhole = "whole"
	// TierMarginal gives the tier's price to the input tokens past the
	// threshold alone; output keeps its price.
	TierMarginal = "marginal"
)

// ServicePrice is the price of a service tier such as batch, flex or priority:
// a factor on the entry's prices, or prices of its own, or both (prices that
// it does not name are the entry's times the factor).
type ServicePrice struct {
	Multiplier float64 `json:"multiplier,omitempty" yaml:"multiplier,omitempty" doc:"Factor on the prices of the entry, such as 0.5."`
	Prices     `yaml:",inline"`
	Tiers      []ContextTier `json:"tiers,omitempty" yaml:"tiers,omitempty" doc:"Prices of long contexts, by rising threshold."`
}

// HourPrice is the price at certain hours of the day, in UTC; From later than
// To runs past midnight.
type HourPrice struct {
	From   string `json:"from" yaml:"from" doc:"Beginning, UTC, such as 16:30."` // "16:30"
	To     string `json:"to" yaml:"to" doc:"End, UTC; one before the beginning is on the next day."`
	Prices `yaml:",inline"`
}

// Override is a price for a model: what the configuration sets, what the table
// consists of and what Import returns. Several with the same provider and
// model and different Since are one price over time.
type Override struct {
	// Provider limits it to one provider; empty means any.
	Provider string `json:"provider,omitempty" yaml:"provider,omitempty" doc:"Provider that the price is for; absent: any."`
	// Model is the exact name, also of its dated snapshots; or Match is a
	// pattern in which * stands for anything. One of the two.
	Model string `json:"model,omitempty" yaml:"model,omitempty" doc:"Exact name of the model; its dated snapshots match too. Either this or match."`
	Match string `json:"match,omitempty" yaml:"match,omitempty" doc:"Pattern of model names in which * stands for anything."`
	// Since is the day (2026-01-31, UTC) or the time (RFC 3339) from which the
	// prices hold; empty means always.
	Since string `json:"since,omitempty" yaml:"since,omitempty" doc:"Day (2026-01-31) or time (RFC 3339) from which the price holds; absent: always."`

	Prices `yaml:",inline"`

	Tiers    []ContextTier           `json:"tiers,omitempty" yaml:"tiers,omitempty" doc:"Prices of long contexts, by rising threshold."`
	TierMode string                  `json:"tier_mode,omitempty" yaml:"tier_mode,omitempty" doc:"whole (a long request is repriced as a whole; the default) or marginal (only the input past the threshold)."`
	Services map[string]ServicePrice `json:"services,omitempty" yaml:"services,omitempty" doc:"Prices of service tiers, by name: batch, flex, priority."`
	Hours    []HourPrice             `json:"hours,omitempty" yaml:"hours,omitempty" doc:"Prices at certain hours of the day."`
	// Regions are factors by region: an exact name, the part of it before a
	// dash ("eu" for "eu-west-1"), or * for any that is not named.
	Regions map[string]float64 `json:"regions,omitempty" yaml:"regions,omitempty" doc:"Factors by region: an exact name, the part before a dash, or * for the rest."`
}

// Validate reports what is wrong with the entry and what would be right.
func (o *Override) Validate() error {
	switch {
	case o.Model == "" && o.Match == "":
		return errors.New(`no model: set model ("gpt-4o") or match ("gpt-4o*")`)
	case o.Model != "" && o.Match != "":
		return errors.New("both model and match are set: keep one")
	case clean(o.Model+o.Match) == "":
		return fmt.Errorf("model or match is blank, or longer than %d bytes", maxName)
	case strings.Contains(o.Model, "*"):
		return fmt.Errorf("model %q has a *: use match for patterns", o.Model)
	case o.Prices.empty():
		return errors.New("no price: set at least one, for example input and output (US dollars per million tokens; 0 is free)")
	}
	if _, err := parseSince(o.Since); err != nil {
		return err
	}
	if err := o.Prices.validate(); err != nil {
		return err
	}
	if err := validateTiers(o.Tiers); err != nil {
		return err
	}
	switch o.TierMode {
	case "", TierWhole, TierMarginal:
	default:
		return fmt.Errorf("tier_mode is %q: want %s or %s", o.TierMode, TierWhole, TierMarginal)
	}
	return o.validateVariants()
}

func (o *Override) validateVariants() error {
	for name, s := range o.Services {
		if serviceTier(name) == "" {
			return fmt.Errorf("service %q is the standard service: its prices are those of the entry itself", name)
		}
		if math.IsNaN(s.Multiplier) || s.Multiplier < 0 || s.Multiplier > 100 {
			return fmt.Errorf("service %q: multiplier is %v: want a factor such as 0.5", name, s.Multiplier)
		}
		if s.Multiplier == 0 && s.Prices.empty() {
			return fmt.Errorf("service %q: set multiplier or prices", name)
		}
		if err := s.Prices.validate(); err != nil {
			return fmt.Errorf("service %q: %w", name, err)
		}
		if err := validateTiers(s.Tiers); err != nil {
			return fmt.Errorf("service %q: %w", name, err)
		}
	}
	for _, h := range o.Hours {
		if _, err := parseClock(h.From); err != nil {
			return fmt.Errorf("hours: from: %w", err)
		}
		if _, err := parseClock(h.To); err != nil {
			return fmt.Errorf("hours: to: %w", err)
		}
		if h.From == h.To {
			return fmt.Errorf("hours: from and to are both %q: the window is empty", h.From)
		}
		if err := h.Prices.validate(); err != nil {
			return fmt.Errorf("hours from %s: %w", h.From, err)
		}
	}
	for name, f := range o.Regions {
		if math.IsNaN(f) || f <= 0 || f > 100 {
			return fmt.Errorf("region %q: factor is %v: want a factor such as 1.1", name, f)
		}
	}
	return nil
}

func validateTiers(tiers []ContextTier) error {
	for i, t := range tiers {
		if t.Above <= 0 {
			return fmt.Errorf("tier %d: above is %d: want a number of input tokens", i+1, t.Above)
		}
		if i > 0 && t.Above <= tiers[i-1].Above {
			return fmt.Errorf("tier %d: above is %d, not more than the tier before it (%d)", i+1, t.Above, tiers[i-1].Above)
		}
		if t.Prices.empty() {
			return fmt.Errorf("tier above %d: no price", t.Above)
		}
		if err := t.Prices.validate(); err != nil {
			return fmt.Errorf("tier above %d: %w", t.Above, err)
		}
	}
	return nil
}

// parseSince reads a day or a time; an empty one is the zero time.
func parseSince(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		return t, nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}, fmt.Errorf("since is %q: want a day like 2026-01-31 or a time like 2026-01-31T00:00:00Z", s)
	}
	return t.UTC(), nil
}

// parseClock reads "16:30" as minutes since midnight.
func parseClock(s string) (int, error) {
	t, err := time.Parse("15:04", s)
	if err != nil {
		return 0, fmt.Errorf("%q is no time of day: want one like 16:30 (UTC)", s)
	}
	return t.Hour()*60 + t.Minute(), nil
}
