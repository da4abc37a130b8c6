package price

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
)

func TestConfigFromYAML(t *testing.T) {
	const text = `
overrides:
  - provider: vllm
    match: "qwen*"
    input: 0.05
    output: 0.2
  - provider: azure
    model: prod
    since: "2026-01-31"
    input: 2.5
    output: 10
    cache_read: 1.25
    cache_write_1h: 5
    per_thousand_searches: 10
    tier_mode: whole
    tiers:
      - {above: 200000, input: 5, output: 15}
    services:
      batch: {multiplier: 0.5}
      priority: {input: 5, tiers: [{above: 200000, input: 9}]}
    hours:
      - {from: "16:30", to: "00:30", input: 1}
    regions: {eu: 1.1}
aliases:
  my-deployment: gpt-4o
`
	var got Config
	if err := yaml.UnmarshalWithOptions([]byte(text), &got, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	want := Config{
		Overrides: []Override{
			{Provider: "vllm", Match: "qwen*", Prices: Prices{Input: new(0.05), Output: new(0.2)}},
			{
				Provider: "azure", Model: "prod", Since: "2026-01-31",
				Prices:   Prices{Input: new(2.5), Output: new(10.0), CacheRead: new(1.25), CacheWrite1h: new(5.0), PerThousandSearches: new(10.0)},
				TierMode: TierWhole, Tiers: []ContextTier{{Above: 200000, Prices: Prices{Input: new(5.0), Output: new(15.0)}}},
				Services: map[string]ServicePrice{
					"batch":    {Multiplier: 0.5},
					"priority": {Prices: Prices{Input: new(5.0)}, Tiers: []ContextTier{{Above: 200000, Prices: Prices{Input: new(9.0)}}}},
				},
				Hours: []HourPrice{{From: "16:30", To: "00:30", Prices: Prices{Input: new(1.0)}}}, Regions: map[string]float64{"eu": 1.1},
			},
		},
		Aliases: map[string]string{"my-deployment": "gpt-4o"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("config (-want +got):\n%s", d)
	}
	if err := got.Validate(); err != nil {
		t.Error(err)
	}
	if err := yaml.UnmarshalWithOptions([]byte("overrides: [{model: a, imput: 1}]"), &got, yaml.Strict()); err == nil {
		t.Error("an unknown key was accepted")
	}
}

func TestConfigErrorsSayWhatToDo(t *testing.T) {
	f := func(cfg Config, want string) {
		t.Helper()
		err := cfg.Validate()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error = %v, want one with %q", err, want)
		}
		if _, err := New(cfg); err == nil {
			t.Errorf("New accepts what Validate does not: %s", want)
		}
	}
	one := func(o Override) Config { return Config{Overrides: []Override{o}} }
	p := Prices{Input: new(1.0)}
	f(one(Override{Prices: p}), "prices.overrides[0]: no model: set model")
	f(one(Override{Model: "a", Match: "b", Prices: p}), "keep one")
	f(one(Override{Model: "a*", Prices: p}), "use match for patterns")
	f(one(Override{Model: " ", Prices: p}), "blank")
	f(one(Override{Model: "a"}), "no price: set at least one")
	f(one(Override{Model: "a", Prices: Prices{Input: new(-1.0)}}), "price of input is -1: want US dollars per million tokens")
	f(one(Override{Model: "a", Prices: Prices{PerImage: new(math.NaN())}}), "US dollars per image")
	f(one(Override{Model: "a", Prices: Prices{Output: new(1e9)}}), "from 0 to")
	f(one(Override{Model: "a", Since: "yesterday", Prices: p}), `since is "yesterday": want a day like 2026-01-31`)
	f(one(Override{Model: "a", Prices: p, TierMode: "both"}), "want whole or marginal")
	f(one(Override{Model: "a", Prices: p, Tiers: []ContextTier{{Prices: p}}}), "above is 0")
	f(one(Override{Model: "a", Prices: p, Tiers: []ContextTier{{Above: 5}}}), "tier above 5: no price")
	f(one(Override{Model: "a", Prices: p, Tiers: []ContextTier{{Above: 5, Prices: p}, {Above: 5, Prices: p}}}), "not more than the tier before it")
	f(one(Override{Model: "a", Prices: p, Services: map[string]ServicePrice{"batch": {}}}), "set multiplier or prices")
	f(one(Override{Model: "a", Prices: p, Services: map[string]ServicePrice{"batch": {Multiplier: -1}}}), "a factor such as 0.5")
	f(one(Override{Model: "a", Prices: p, Services: map[string]ServicePrice{"Default": {Multiplier: 2}}}), "is the standard service")
	f(one(Override{Model: "a", Prices: p, Services: map[string]ServicePrice{"flex": {Prices: Prices{Input: new(-1.0)}}}}), `service "flex": price of input`)
	f(one(Override{Model: "a", Prices: p, Hours: []HourPrice{{From: "25:00", To: "01:00"}}}), "want one like 16:30")
	f(one(Override{Model: "a", Prices: p, Hours: []HourPrice{{From: "01:00", To: ""}}}), "hours: to:")
	f(one(Override{Model: "a", Prices: p, Hours: []HourPrice{{From: "01:00", To: "01:00"}}}), "the window is empty")
	f(one(Override{Model: "a", Prices: p, Regions: map[string]float64{"eu": 0}}), `region "eu": factor is 0`)
	f(Config{Overrides: []Override{{Model: "GLM-5", Prices: p}, {Model: "glm.5", Prices: p}}}, "prices.overrides[1]: same provider, model and since as prices.overrides[0]")
	f(Config{Aliases: map[string]string{"a": ""}}, "both names must be set")
	f(Config{Aliases: map[string]string{"a": "a"}}, "alias of itself")
	// All errors at once.
	err := (&Config{Overrides: []Override{{}, {Model: "a"}}, Aliases: map[string]string{"x": "x"}}).Validate()
	if n := strings.Count(err.Error(), "\n"); n != 2 {
		t.Errorf("want three lines, got %v", err)
	}
}

// What `pitot prices import` prints can be pasted into the configuration.
func TestOverridesSurviveYAML(t *testing.T) {
	for _, file := range []string{"litellm.json", "genai.json", "modelsdev.json"} {
		b, err := os.ReadFile(filepath.Join("testdata", file))
		if err != nil {
			t.Fatal(err)
		}
		format, _ := Detect(b)
		overrides, _, err := Import(format, bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		want := Config{Overrides: overrides}
		text, err := yaml.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got Config
		if err := yaml.UnmarshalWithOptions(text, &got, yaml.Strict()); err != nil {
			t.Fatalf("%v in:\n%s", err, text)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", file, d)
		}
	}
}
