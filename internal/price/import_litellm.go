package price

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// liteLLMEntry is the fields of an entry, decoded one by one: the file mixes
// numbers, strings and objects under the same keys.
type liteLLMEntry map[string]json.RawMessage

// liteLLMTokens maps the file's prices per token to kinds.
var liteLLMTokens = []struct {
	key  string
	kind Kind
}{
	{"input_cost_per_token", Input},
	{"output_cost_per_token", Output},
	{"cache_read_input_token_cost", CacheRead},
	{"cache_creation_input_token_cost", CacheWrite},
	{"cache_creation_input_token_cost_above_1hr", CacheWrite1h},
	{"output_cost_per_reasoning_token", Reasoning},
	{"input_cost_per_audio_token", InputAudio},
	{"cache_read_input_audio_token_cost", CacheReadAudio},
	{"input_cost_per_image_token", InputImage},
	{"output_cost_per_audio_token", OutputAudio},
	{"output_cost_per_image_token", OutputImage},
}

// liteLLMAbove finds the context threshold in a key.
var liteLLMAbove = regexp.MustCompile(`_above_(\d{1,5})k_tokens$`)

// liteLLMSized matches names that begin with an image's size or quality.
var liteLLMSized = regexp.MustCompile(`^(hd|low|medium|high|standard|max-x-max|\d+-x-\d+)/`)

// liteLLMRegional matches names that begin with a region or a kind of
// deployment: no client calls a model by them.
var liteLLMRegional = regexp.MustCompile(`^(?:(?:us|eu|ap|sa|ca|me|af|il)-[a-z-]+-\d|us|eu|global|global-standard)/`)

func (im *importer) liteLLM(b []byte) error {
	var file map[string]json.RawMessage
	if err := json.Unmarshal(b, &file); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(file)) {
		var e liteLLMEntry
		if json.Unmarshal(file[name], &e) != nil || name == "sample_spec" {
			continue // the file's own remarks
		}
		im.liteLLMModel(name, e)
	}
	return nil
}

func (im *importer) liteLLMModel(name string, e liteLLMEntry) {
	provider := e.text("litellm_provider")
	if provider == "" {
		im.warn(name, "no litellm_provider")
		return
	}
	model := name
	if p, rest, ok := strings.Cut(name, "/"); ok && (p == provider || importProvider(p) == importProvider(provider)) {
		model = rest
	}
	if liteLLMSized.MatchString(model) || strings.Contains(model, "-month-commitment") {
		im.warn(name, "a price by image size, quality or commitment is not supported")
		return
	}
	if liteLLMRegional.MatchString(model) {
		im.warn(name, "a price for one region: set it with regions where it matters")
		return
	}
	o := Override{Provider: importProvider(provider), Model: model}
	o.Prices = e.prices("")
	o.Tiers = e.tiers("")
	if ranges, ok := e["tiered_pricing"]; ok {
		if err := o.liteLLMRanges(ranges); err != nil {
			im.warn(name, "tiered_pricing: %v", err)
			return
		}
	}
	e.units(&o)
	for service, suffix := range map[string]string{"batch": "_batches", "flex": "_flex", "priority": "_priority"} {
		s := ServicePrice{Prices: e.prices(suffix), Tiers: e.tiers(suffix)}
		if s.Input == nil || free0(s.Input) || free0(o.Input) {
			continue
		}
		// One factor on input and output holds for what the file does not name.
		if f := number10(*s.Input / *o.Input); s.Output != nil && !free0(o.Output) && math.Abs(*s.Output / *o.Output - f) < 1e-6 {
			s.Multiplier = f
		}
		if o.Services == nil {
			o.Services = map[string]ServicePrice{}
		}
		o.Services[service] = s
	}
	for _, region := range [...]string{"eu", "us"} {
		if f, ok := e.number("regional_processing_uplift_multiplier_" + region); ok && f > 0 {
			if o.Regions == nil {
				o.Regions = map[string]float64{}
			}
			o.Regions[region] = f
		}
	}
	if free(&o) {
		im.warn(name, reasonFree)
		return
	}
	im.add(name, o)
}

// prices reads the token prices whose keys end in suffix.
func (e liteLLMEntry) prices(suffix string) Prices {
	var p Prices
	for _, f := range liteLLMTokens {
		if v, ok := e.number(f.key + suffix); ok {
			p.Set(f.kind, number10(v*1e6))
		}
	}
	return p
}

// tiers reads the prices above each context threshold.
func (e liteLLMEntry) tiers(suffix string) []ContextTier {
	var above []int64
	for key := range e {
		if m := liteLLMAbove.FindStringSubmatch(key); m != nil {
			n, _ := strconv.ParseInt(m[1], 10, 64)
			if n *= 1000; n > 0 && !slices.Contains(above, n) {
				above = append(above, n)
			}
		}
	}
	slices.Sort(above)
	var out []ContextTier
	for _, n := range above {
		if p := e.prices(fmt.Sprintf("_above_%dk_tokens%s", n/1000, suffix)); !p.empty() {
			out = append(out, ContextTier{Above: n, Prices: p})
		}
	}
	return out
}

// liteLLMRanges reads prices by ranges of input tokens: the first is the base.
func (o *Override) liteLLMRanges(raw json.RawMessage) error {
	var ranges []liteLLMEntry
	if err := json.Unmarshal(raw, &ranges); err != nil {
		return err
	}
	for i, r := range ranges {
		var bounds []float64
		if json.Unmarshal(r["range"], &bounds) != nil || len(bounds) != 2 {
			return fmt.Errorf("entry %d has no range of input tokens", i+1)
		}
		p := r.prices("")
		switch {
		case i == 0 && bounds[0] == 0:
			o.Prices = p
		case i > 0 && bounds[0] > 0 && bounds[0] < 1e12:
			o.Tiers = append(o.Tiers, ContextTier{Above: int64(bounds[0]), Prices: p})
		default:
			return fmt.Errorf("entry %d begins at %v", i+1, bounds[0])
		}
	}
	return nil
}

// units reads what is not priced by the token.
func (e liteLLMEntry) units(o *Override) {
	put := func(k Kind, factor float64, keys ...string) {
		for _, key := range keys {
			if v, ok := e.number(key); ok && v > 0 {
				o.Set(k, number10(v*factor))
				return
			}
		}
	}
	switch e.text("mode") {
	case "image_generation":
		if o.Output == nil && o.OutputImage == nil {
			put(Image, 1, "output_cost_per_image", "input_cost_per_image")
		}
	case "audio_transcription":
		if o.Input == nil {
			put(AudioSecond, 60, "input_cost_per_second", "output_cost_per_second")
		}
	case "audio_speech":
		put(Character, 1e6, "input_cost_per_character")
	case "rerank":
		put(Search, 1e3, "input_cost_per_query")
		if o.PerThousandSearches != nil && free0(o.Input) && free0(o.Output) {
			o.Input, o.Output = nil, nil // 0 for what is not priced by the token
		}
	case "embedding":
		o.Output = nil // the file writes 0 for the output that there is none of
	}
	put(Request, 1e3, "input_cost_per_request")
	var search struct {
		Medium float64 `json:"search_context_size_medium"`
	}
	if json.Unmarshal(e["search_context_cost_per_query"], &search) == nil && search.Medium > 0 {
		o.Set(Search, number10(search.Medium*1e3))
	}
}

// free0 reports whether a price is absent or 0.
func free0(p *float64) bool { return p == nil || *p == 0 }

func (e liteLLMEntry) number(key string) (float64, bool) {
	raw, ok := e[key]
	if !ok {
		return 0, false
	}
	f, err := looseNumber(raw)
	return f, err == nil
}

func (e liteLLMEntry) text(key string) string {
	var s string
	if json.Unmarshal(e[key], &s) != nil {
		return ""
	}
	return s
}
