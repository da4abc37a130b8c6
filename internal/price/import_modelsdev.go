package price

import (
	"encoding/json"
	"maps"
	"slices"
)

// modelsDevCost is a model's cost, per million tokens. The list has several
// spellings for the cached kinds.
type modelsDevCost struct {
	Input       *float64 `json:"input"`
	Output      *float64 `json:"output"`
	Reasoning   *float64 `json:"reasoning"`
	CacheRead   *float64 `json:"cache_read"`
	CacheInput  *float64 `json:"cache_input"`
	CachedInput *float64 `json:"cached_input"`
	CacheWrite  *float64 `json:"cache_write"`
	CachedWrite *float64 `json:"cached_write"`
	InputAudio  *float64 `json:"input_audio"`
	OutputAudio *float64 `json:"output_audio"`
}

type modelsDevModel struct {
	Cost *struct {
		modelsDevCost
		Tiers []struct {
			modelsDevCost
			Tier struct {
				Size int64 `json:"size"`
			} `json:"tier"`
		} `json:"tiers"`
		Over200k *modelsDevCost `json:"context_over_200k"`
	} `json:"cost"`
}

func (im *importer) modelsDev(b []byte) error {
	var file map[string]json.RawMessage
	if err := json.Unmarshal(b, &file); err != nil {
		return err
	}
	for _, provider := range slices.Sorted(maps.Keys(file)) {
		var p struct {
			Models map[string]json.RawMessage `json:"models"`
		}
		if err := json.Unmarshal(file[provider], &p); err != nil {
			im.warn(provider, "%v", err)
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(p.Models)) {
			entry := provider + "/" + name
			var m modelsDevModel
			if err := json.Unmarshal(p.Models[name], &m); err != nil {
				im.warn(entry, "%v", err)
				continue
			}
			if m.Cost == nil {
				im.warn(entry, "no cost")
				continue
			}
			o := Override{Provider: importProvider(provider), Model: name, Prices: m.Cost.prices()}
			for _, t := range m.Cost.Tiers {
				o.Tiers = append(o.Tiers, ContextTier{Above: t.Tier.Size, Prices: t.prices()})
			}
			if over := m.Cost.Over200k; over != nil && len(o.Tiers) == 0 {
				o.Tiers = []ContextTier{{Above: 200_000, Prices: over.prices()}}
			}
			if free(&o) {
				im.warn(entry, reasonFree)
				continue
			}
			im.add(entry, o)
		}
	}
	return nil
}

func (c *modelsDevCost) prices() Prices {
	first := func(vs ...*float64) *float64 {
		for _, v := range vs {
			if v != nil {
				return v
			}
		}
		return nil
	}
	return Prices{
		Input: c.Input, Output: c.Output, Reasoning: c.Reasoning,
		CacheRead:  first(c.CacheRead, c.CacheInput, c.CachedInput),
		CacheWrite: first(c.CacheWrite, c.CachedWrite),
		InputAudio: c.InputAudio, OutputAudio: c.OutputAudio,
	}
}
