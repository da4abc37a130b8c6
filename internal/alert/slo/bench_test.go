package slo

import (
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
)

// BenchmarkRound evaluates all rules of ten objectives over 500 series of each
// family, stored every 5 s, after 20 minutes of them.
func BenchmarkRound(b *testing.B) {
	text := ""
	for i := range 5 {
		text += fmt.Sprintf("- {name: a%d, objective: 99.9, sli: availability, model: '~m[0-9]*%d'}\n", i, i)
		text += fmt.Sprintf("- {name: l%d, objective: 99, sli: {latency: {threshold: 2s}}}\n", i)
	}
	s := newSim(b, text)
	all := rates{}
	for i := range 250 {
		for _, status := range []string{"success", "error"} {
			all[fmt.Sprintf(`llm_requests_total{model="m%d",status=%q}`, i, status)] = 1
		}
	}
	for i := range 500 / 15 {
		all[fmt.Sprintf(`llm_request_duration_seconds_count{model="m%d"}`, i)] = 1
		for j, le := range []string{"0.1", "0.25", "0.5", "1.0", "2.0", "2.5", "5.0", "10.0", "20.0", "30.0", "60.0", "120.0", "300.0", "+Inf"} {
			all[fmt.Sprintf(`llm_request_duration_seconds_bucket{model="m%d",le=%q}`, i, le)] = float64(j) / 14
		}
	}
	s.scrape, s.tickets = 5*time.Second, 10*time.Minute
	s.run(20*time.Minute, always(all), nil)
	for _, level := range []string{"page", "ticket", "budget"} {
		b.Run(level, func(b *testing.B) {
			for b.Loop() {
				for _, g := range s.groups {
					if want := map[string]time.Duration{"page": step, "ticket": ticketStep, "budget": tile}[level]; g.Interval() == want {
						g.Eval(b.Context(), s.now)
					}
				}
			}
		})
	}
}

// BenchmarkWholeWindow sums up 30 days of one objective.
func BenchmarkWholeWindow(b *testing.B) {
	s := newSim(b, "- {name: a, objective: 99.9, sli: availability}\n")
	app := s.db.Appender(b.Context())
	for at := start.Add(-month); !at.After(start); at = at.Add(tile) {
		for _, name := range []string{recErrorTile, recEventTile} {
			if _, err := app.Append(0, labels.FromStrings("__name__", name, "slo", "a"), at.UnixMilli(), 100); err != nil {
				b.Fatal(err)
			}
		}
	}
	if err := app.Commit(); err != nil {
		b.Fatal(err)
	}
	expr := fmt.Sprintf("sum_over_time(%s{slo=\"a\"}[30d]) / (sum_over_time(%s{slo=\"a\"}[30d]) > 0)", recErrorTile, recEventTile)
	b.ReportAllocs()
	for b.Loop() {
		v, err := s.Query(b.Context(), expr, start)
		if err != nil || len(v) != 1 {
			b.Fatal(v, err)
		}
	}
}

// BenchmarkRuleFiles generates the rules of a hundred objectives.
func BenchmarkRuleFiles(b *testing.B) {
	text := noDefaults
	for i := range 100 {
		text += fmt.Sprintf("- {name: a%d, objective: 99.9, sli: availability}\n", i)
	}
	set := load(b, text)
	b.ReportAllocs()
	for b.Loop() {
		set.RuleFiles()
	}
}
