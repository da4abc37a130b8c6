package config

import (
	_ "embed"
	"fmt"
	"reflect"
	"strings"
)

//go:embed reference.head.md
var referenceHead string

// docs describes the fields of foreign structs that carry no doc tag.
var docs = map[string]string{
	"prices.overrides":              "Prices that take precedence over the embedded table. Several with one model and different `since` are one price over time.",
	"prices.overrides[].provider":   "Limits the entry to one provider.",
	"prices.overrides[].model":      "Exact name of the model; its dated snapshots count too. This or `match`.",
	"prices.overrides[].match":      "Pattern in which `*` stands for anything. This or `model`.",
	"prices.overrides[].since":      "Day (2026-01-31, UTC) or time (RFC 3339) from which the prices hold; without it, always.",
	"prices.overrides[].tiers":      "Prices of requests with long inputs.",
	"prices.overrides[].tier_mode":  "`whole`: a tier reprices the whole request. `marginal`: only the input tokens past its threshold.",
	"prices.overrides[].services":   "Prices of service tiers (batch, flex, priority), by name.",
	"prices.overrides[].hours":      "Prices at certain hours of the day, in UTC.",
	"prices.overrides[].regions":    "Factors by region, by name; `*` for any that is not named.",
	"prices.aliases":                "The model whose price a model has, by name: `my-deployment: gpt-4o` or `my-deployment: azure/gpt-4o`.",
	"prices.overrides[].input":      "US dollars per million input tokens. 0 is free; absent is unknown.",
	"prices.overrides[].output":     "Per million output tokens.",
	"prices.overrides[].cache_read": "Per million input tokens read from the cache.",

	"prices.overrides[].cache_write":            "Per million input tokens written to the cache (kept for 5 minutes where it matters).",
	"prices.overrides[].cache_write_1h":         "Per million input tokens written to the cache for an hour.",
	"prices.overrides[].reasoning":              "Per million reasoning tokens, where they cost more than output.",
	"prices.overrides[].input_audio":            "Per million audio input tokens.",
	"prices.overrides[].cache_read_audio":       "Per million audio input tokens read from the cache.",
	"prices.overrides[].input_image":            "Per million image input tokens.",
	"prices.overrides[].input_video":            "Per million video input tokens.",
	"prices.overrides[].output_audio":           "Per million audio output tokens.",
	"prices.overrides[].output_image":           "Per million image output tokens.",
	"prices.overrides[].per_image":              "Per image.",
	"prices.overrides[].per_audio_minute":       "Per minute of audio.",
	"prices.overrides[].per_million_characters": "Per million characters of speech.",
	"prices.overrides[].per_thousand_searches":  "Per thousand searches.",
	"prices.overrides[].per_thousand_requests":  "Per thousand requests.",

	"prices.overrides[].tiers[].above":               "Input tokens past which the tier holds.",
	"prices.overrides[].services.NAME.multiplier":    "Factor on the entry's prices.",
	"prices.overrides[].services.NAME.tiers":         "Prices of long inputs at this service tier.",
	"prices.overrides[].services.NAME.tiers[].above": "Input tokens past which the tier holds.",
	"prices.overrides[].hours[].from":                "First minute, as 16:30.",
	"prices.overrides[].hours[].to":                  "End, as 00:30; earlier than `from` runs past midnight.",

	"pipeline.queue":             "Records on their way to the journal.",
	"pipeline.queue.max_records": "Most records that wait; further ones are dropped and counted.",
	"pipeline.queue.max_bytes":   "Most bytes that they take, by an estimate.",
	"pipeline.sampling":          "Which records are stored in detail. Metrics and totals count all.",
	"pipeline.sampling.rate":     "Share of traces, or of calls without one, that is stored: 0 to 1. A trace is kept whole; with errors in it, or when somebody judges it, always.",
	"pipeline.sampling.slow":     "Calls and spans that take longer are always stored; 0 turns that off.",
	"pipeline.estimate_usage":    "Estimate token counts that a provider did not report; they and their costs are marked as estimated.",
}

// Reference returns the reference of the configuration file as Markdown, made
// from the structs that the file is decoded into.
func Reference() string {
	r := reference{seen: map[reflect.Type]string{}}
	r.b.WriteString(referenceHead)
	def := reflect.ValueOf(Default()).Elem()
	for _, f := range fieldsOf(def.Type()) {
		fmt.Fprintf(&r.b, "\n## `%s`\n\n%s\n", f.name, r.describe(f, f.name))
		if f.typ == rawType {
			continue
		}
		r.b.WriteString("\n| field | type | default | |\n|---|---|---|---|\n")
		if f.typ.Kind() == reflect.Map {
			r.rows(f.typ.Elem(), reflect.Value{}, f.name+".NAME")
			continue
		}
		if f.typ.Kind() == reflect.Slice {
			r.rows(f.typ.Elem(), reflect.Value{}, f.name+"[]")
			continue
		}
		r.rows(f.typ, def.FieldByIndex(f.index), f.name)
	}
	return r.b.String()
}

type reference struct {
	b    strings.Builder
	seen map[reflect.Type]string // inline structs and where their fields are listed
	// undocumented are fields without a description; a test wants none.
	undocumented []string
}

func (r *reference) describe(f field, path string) string {
	doc := f.doc
	if doc == "" {
		doc = docs[path]
	}
	if doc == "" {
		r.undocumented = append(r.undocumented, path)
	}
	return doc
}

// rows writes a row for each field of a struct; def is its default, if it has one.
func (r *reference) rows(t reflect.Type, def reflect.Value, path string) {
	inlined := map[reflect.Type]bool{}
	for _, f := range fieldsOf(t) {
		at := join(path, f.name)
		if f.inline != nil {
			if first, ok := r.seen[f.inline]; ok && first != path {
				if !inlined[f.inline] {
					fmt.Fprintf(&r.b, "| `%s.…` | | | As in `%s`. |\n", path, first)
				}
				inlined[f.inline] = true
				continue
			}
			r.seen[f.inline] = path
		}
		r.row(f, def, at)
	}
}

func (r *reference) row(f field, def reflect.Value, path string) {
	var dv reflect.Value
	if def.IsValid() {
		dv = def.FieldByIndex(f.index)
	}
	t := f.typ
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
		if dv.IsValid() {
			dv = dv.Elem()
		}
	}
	doc := r.describe(f, path)
	if needsRestart(path) {
		doc += " *Restart.*"
	}
	fmt.Fprintf(&r.b, "| `%s` | %s | %s | %s |\n", path, typeName(t), defaultText(dv), strings.ReplaceAll(doc, "|", `\|`))
	switch {
	case isScalar(t):
	case t.Kind() == reflect.Struct:
		r.rows(t, dv, path)
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct:
		r.rows(t.Elem(), reflect.Value{}, path+"[]")
	case t.Kind() == reflect.Map && t.Elem().Kind() == reflect.Struct:
		r.rows(t.Elem(), reflect.Value{}, path+".NAME")
	}
}

func isScalar(t reflect.Type) bool {
	return t == durationType || t == goDurationType || t == sizeType
}

func typeName(t reflect.Type) string {
	switch t {
	case durationType, goDurationType:
		return "duration"
	case sizeType:
		return "size"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "bool"
	case reflect.Int, reflect.Int64, reflect.Int32:
		return "integer"
	case reflect.Float64, reflect.Float32:
		return "number"
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Struct {
			return "list"
		}
		return "list of " + typeName(t.Elem()) + "s"
	case reflect.Map:
		if t.Elem().Kind() == reflect.Struct {
			return "mapping"
		}
		return "mapping of " + typeName(t.Elem()) + "s"
	case reflect.Struct:
		return "mapping"
	default:
		return "text"
	}
}

func defaultText(v reflect.Value) string {
	if !v.IsValid() || v.IsZero() && v.Kind() != reflect.Bool {
		return ""
	}
	w := printer{}
	if v.Kind() == reflect.Slice && !isScalar(v.Type()) {
		var items []string
		for i := range v.Len() {
			if s, ok := w.scalar(v.Index(i), "", false); ok {
				items = append(items, s)
			}
		}
		return "`[" + strings.Join(items, ", ") + "]`"
	}
	if s, ok := w.scalar(v, "", false); ok {
		return "`" + s + "`"
	}
	return ""
}
