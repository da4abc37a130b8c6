package price

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

type genAIProvider struct {
	ID     string `json:"id"`
	Models []struct {
		ID     string          `json:"id"`
		Match  genAIMatch      `json:"match"`
		Prices json.RawMessage `json:"prices"` // prices, or a list of them under conditions
	} `json:"models"`
}

// genAIMatch is a clause of the file's match logic; one field is set.
type genAIMatch struct {
	Equals     string       `json:"equals"`
	StartsWith string       `json:"starts_with"`
	EndsWith   string       `json:"ends_with"`
	Contains   string       `json:"contains"`
	Regex      string       `json:"regex"`
	Or         []genAIMatch `json:"or"`
	And        []genAIMatch `json:"and"`
}

// genAIConditional is prices under a condition; the last whose condition
// holds is in force.
type genAIConditional struct {
	Constraint *struct {
		StartDate string `json:"start_date"`
		StartTime string `json:"start_time"`
		EndTime   string `json:"end_time"`
	} `json:"constraint"`
	Prices map[string]json.RawMessage `json:"prices"`
}

// genAIUnits maps the file's units to kinds, with what a price is multiplied by.
var genAIUnits = map[string]struct {
	kind   Kind
	factor float64
}{
	"input_mtok": {Input, 1}, "output_mtok": {Output, 1},
	"cache_read_mtok": {CacheRead, 1}, "cache_write_mtok": {CacheWrite, 1}, "cache_write_1h_mtok": {CacheWrite1h, 1},
	"output_reasoning_mtok": {Reasoning, 1},
	"input_audio_mtok":      {InputAudio, 1}, "cache_audio_read_mtok": {CacheReadAudio, 1}, "output_audio_mtok": {OutputAudio, 1},
	"input_image_mtok": {InputImage, 1}, "output_image_mtok": {OutputImage, 1}, "input_video_mtok": {InputVideo, 1},
	"web_searches_kcount": {Search, 1}, "requests_kcount": {Request, 1},
	"input_mchars": {Character, 1}, "input_audio_hours": {AudioSecond, 1.0 / 60}, "audio_hours": {AudioSecond, 1.0 / 60},
}

func (im *importer) genAI(b []byte) error {
	var file []genAIProvider
	if err := json.Unmarshal(b, &file); err != nil {
		return err
	}
	for _, p := range file {
		provider := importProvider(p.ID)
		for _, m := range p.Models {
			entry := p.ID + "/" + m.ID
			prices, err := genAIConditions(m.Prices)
			if err != nil {
				im.warn(entry, "%v", err)
				continue
			}
			dated := im.genAIDated(entry, prices)
			names, skipped := m.Match.names()
			if skipped > 0 {
				im.warn(entry, "%d of its match rules (regular expressions, and) are left out", skipped)
			}
			for _, o := range dated {
				o.Provider = provider
				if free(&o) {
					if o.Since == "" || len(dated) == 1 {
						im.warn(entry, reasonFree)
					}
					continue
				}
				o.Model = m.ID
				im.add(entry, o)
				for _, n := range names {
					o.Model, o.Match = n.Model, n.Match
					if n.Model != m.ID {
						im.addName(o)
					}
				}
			}
		}
	}
	return nil
}

// addName adds a further name of a model; the first model to claim one has it,
// as in the file, whose rules are tried in order.
func (im *importer) addName(o Override) {
	if !im.seen[o.key()] {
		im.add(o.Provider+"/"+o.Model+o.Match, o)
	}
}

func genAIConditions(raw json.RawMessage) ([]genAIConditional, error) {
	var list []genAIConditional
	if json.Unmarshal(raw, &list) == nil {
		return list, nil
	}
	var one map[string]json.RawMessage
	if err := json.Unmarshal(raw, &one); err != nil {
		return nil, fmt.Errorf("prices: %w", err)
	}
	return []genAIConditional{{Prices: one}}, nil
}

// genAIDated turns conditional prices into dated ones; prices by time of day
// belong to the date before them.
func (im *importer) genAIDated(entry string, list []genAIConditional) []Override {
	var out []Override
	for _, c := range list {
		o := Override{}
		im.genAIPrices(entry, c.Prices, &o)
		if c.Constraint == nil {
			out = append(out, o)
			continue
		}
		if c.Constraint.StartTime == "" {
			o.Since = c.Constraint.StartDate
			out = append(out, o)
			continue
		}
		from, err1 := genAIClock(c.Constraint.StartTime)
		to, err2 := genAIClock(c.Constraint.EndTime)
		if err1 != nil || err2 != nil || len(out) == 0 {
			im.warn(entry, "prices by time of day are left out: %q to %q", c.Constraint.StartTime, c.Constraint.EndTime)
			continue
		}
		last := &out[len(out)-1]
		last.Hours = append(last.Hours, HourPrice{From: from, To: to, Prices: o.Prices})
	}
	return out
}

// genAIClock reads "16:30:00Z" as a time of day in UTC.
func genAIClock(s string) (string, error) {
	t, err := time.Parse("15:04:05Z07:00", s)
	if err != nil {
		return "", err
	}
	return t.UTC().Format("15:04"), nil
}

func (im *importer) genAIPrices(entry string, in map[string]json.RawMessage, o *Override) {
	tiers := map[int64]*Prices{}
	for _, unit := range slices.Sorted(maps.Keys(in)) {
		to, ok := genAIUnits[unit]
		if !ok {
			im.warn(entry, "the unit %s is not supported", unit)
			continue
		}
		if f, err := looseNumber(in[unit]); err == nil {
			o.Set(to.kind, f*to.factor)
			continue
		}
		var tiered struct {
			Base  float64 `json:"base"`
			Tiers []struct {
				Start int64   `json:"start"`
				Price float64 `json:"price"`
			} `json:"tiers"`
		}
		if err := json.Unmarshal(in[unit], &tiered); err != nil {
			im.warn(entry, "%s: %v", unit, err)
			continue
		}
		o.Set(to.kind, tiered.Base*to.factor)
		for _, t := range tiered.Tiers {
			if tiers[t.Start] == nil {
				tiers[t.Start] = &Prices{}
			}
			tiers[t.Start].Set(to.kind, t.Price*to.factor)
		}
	}
	for _, start := range slices.Sorted(maps.Keys(tiers)) {
		o.Tiers = append(o.Tiers, ContextTier{Above: start, Prices: *tiers[start]})
	}
}

// name is a model's name or pattern.
type name struct{ Model, Match string }

// names lists what the clause matches, as far as names and patterns can say
// it, and counts what they cannot.
func (m *genAIMatch) names() (out []name, skipped int) {
	pattern := func(s string) {
		if strings.Contains(s, "**") {
			skipped++
			return
		}
		out = append(out, name{Match: s})
	}
	switch {
	case m.Equals != "" && !strings.Contains(m.Equals, "*"):
		out = append(out, name{Model: m.Equals})
	case m.StartsWith != "":
		pattern(m.StartsWith + "*")
	case m.EndsWith != "":
		pattern("*" + m.EndsWith)
	case m.Contains != "":
		pattern("*" + m.Contains + "*")
	case len(m.Or) > 0:
		for i := range m.Or {
			n, s := m.Or[i].names()
			out, skipped = append(out, n...), skipped+s
		}
	default:
		skipped++
	}
	return out, skipped
}
