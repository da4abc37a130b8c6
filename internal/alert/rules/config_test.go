package rules

import (
	"bytes"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"
)

func decodeConfig(t *testing.T, text string) (Config, error) {
	t.Helper()
	c := DefaultConfig()
	dec := yaml.NewDecoder(strings.NewReader(text))
	dec.KnownFields(true)
	return c, dec.Decode(&c)
}

func TestPacksFollowTheConfiguration(t *testing.T) {
	c, err := decodeConfig(t, `
packs:
  errors: {thresholds: {error_ratio: 7.5%, error_ratio_for: 3m, min_requests: 50}}
  latency: {alerts: {HighInferenceLatency: false}, thresholds: {p95: 8s}}
  gpu: {enabled: false}
  throughput: {enabled: true, thresholds: {requests_per_second: 20}}
  memory: {thresholds: {resident: 1.5GiB}}
interval: 30s
runbook_url: /runbooks
`)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	files, err := Packs(c)
	if err != nil {
		t.Fatal(err)
	}
	var all bytes.Buffer
	for _, f := range files {
		if f.Source != SourcePack || f.Name == "packs/gpu.yaml" {
			t.Errorf("%s of %s", f.Name, f.Source)
		}
		all.Write(f.Content)
	}
	for _, want := range []string{
		") > 0.075\n", "above 7.5% for 3m", "* 300 >= 50", "p95_5m > 8\n", "above 8s", "sum(rate(llm_requests_total[5m])) < 20",
		"process_resident_memory_bytes > 1610612736", "above 1.5 GiB", "interval: 30s", "runbook_url: /runbooks#higherrorrate",
	} {
		if !strings.Contains(all.String(), want) {
			t.Errorf("not found: %q", want)
		}
	}
	if strings.Contains(all.String(), "alert: HighInferenceLatency") {
		t.Error("an alert that is off is there")
	}
	for _, p := range Describe(c) {
		if p.Name == "errors" && (p.Thresholds[0].Value != "7.5%" || p.Thresholds[0].Default != "5%") {
			t.Errorf("%+v", p.Thresholds[0])
		}
		if p.Name == "gpu" && p.Enabled {
			t.Error("gpu is on")
		}
	}
}

func TestEachPackStandsAlone(t *testing.T) {
	for _, p := range packs() {
		files := packFiles(t, onlyPacks(p.name))
		if len(files) != 1 {
			t.Fatalf("%s: %d files", p.name, len(files))
		}
		// What is read is either measured or recorded by the pack itself.
		var f fileText
		if err := yaml.Unmarshal(files[0].Content, &f); err != nil {
			t.Fatal(err)
		}
		recorded := map[string]bool{}
		for _, g := range f.Groups {
			for _, r := range g.Rules {
				recorded[r.Record] = true
			}
		}
		for _, g := range f.Groups {
			for _, r := range g.Rules {
				expr, err := newParser().ParseExpr(r.Expr)
				if err != nil {
					t.Fatal(err)
				}
				for _, name := range selected(expr) {
					if strings.Contains(name, ":") && !recorded[name] {
						t.Errorf("%s: %s reads %s, which the pack does not record", p.name, r.Alert+r.Record, name)
					}
				}
			}
		}
	}
}

func TestConfigNamesEveryProblem(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		c, err := decodeConfig(t, text)
		if err == nil {
			err = c.Validate()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	f("interval: 5m", "rules.interval: 5m: must be between 1s and 2m")
	f("poll: 1ms", "rules.poll: 1ms: must be at least 100ms")
	f("runbook_url: gopher://x", "rules.runbook_url")
	f("files: ['[']", "rules.files[0]: \"[\": not a pattern")
	f("files: ['']", "rules.files[0]: must not be empty")
	f("directories: ['']", "rules.directories[0]")
	f("packs: {error: {}}", "rules.packs.error: no such pack: there are anomalies, errors,")
	f("packs: {errors: {alerts: {X: false}}}", "rules.packs.errors.alerts.X: no such alert: the pack has HighErrorRate, ErrorSpike")
	f("packs: {errors: {thresholds: {ratio: 5%}}}", "rules.packs.errors.thresholds.ratio: no such threshold: the pack has error_ratio,")
	f("packs: {errors: {thresholds: {error_ratio: 5}}}", "rules.packs.errors.thresholds.error_ratio: 5: a share is at most 1")
	f("packs: {errors: {thresholds: {error_ratio_for: 8d}}}", "a duration is at most 7d")
	f("packs: {errors: {thresholds: {error_ratio: -1%}}}", "at least 0")
	f("packs: {errors: {thresholds: {error_ratio: much}}}", "not a number with a unit")
	f("packs: {errors: {thresholds: {error_ratio: .inf}}}", "")
	f("kubernetes: {namespaces: [a/b]}", "rules.kubernetes.namespaces[0]")
	f("kubernetes: {api_server: localhost}", "rules.kubernetes.api_server")
	f("kubernetes: {selector: '{a=\"b\"}'}", "rules.kubernetes.selector")
	if err := (Config{}).Validate(); err != nil {
		t.Errorf("the zero value: %v", err)
	}
	if err := DefaultConfig().Validate(); err != nil {
		t.Error(err)
	}
}

func TestThresholds(t *testing.T) {
	f := func(text string, want float64) {
		t.Helper()
		var got Threshold
		if err := got.UnmarshalText([]byte(text)); err != nil || float64(got) != want {
			t.Errorf("%s: %v, %v", text, float64(got), err)
		}
	}
	f("5", 5)
	f("1e6", 1e6)
	f("1_000_000", 1e6)
	f("50%", 0.5)
	f("2.5s", 2.5)
	f("250ms", 0.25)
	f("10m", 600)
	f("1h30m", 5400)
	f("2GiB", 2<<30)
	f("1k", 1000)
	p := func(u unit, v float64, want string) {
		t.Helper()
		if got := (&param{unit: u}).text(v); got != want {
			t.Errorf("%v: %s", v, got)
		}
	}
	p(unitRatio, 0.075, "7.5%")
	p(unitSeconds, 2.5, "2.5s")
	p(unitDuration, 600, "10m")
	p(unitBytes, 1<<30, "1 GiB")
	p(unitBytes, 100, "100 B")
	p(unitNumber, 1e6, "1,000,000")
	p(unitNumber, 0.5, "0.5")
	if formatDuration(90) != model.Duration(90e9).String() {
		t.Error(formatDuration(90))
	}
}

func FuzzThreshold(f *testing.F) {
	for _, s := range []string{"5%", "1e6", "1h30m", "NaN", "-3GiB", "%", "1e999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var v Threshold
		if err := v.UnmarshalText([]byte(s)); err == nil && v != v {
			t.Errorf("%q is not a number", s)
		}
	})
}
