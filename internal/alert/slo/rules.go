package slo

import (
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

const (
	// step is how often events are counted: the interval of the group that reads
	// raw series.
	step = 30 * time.Second
	// ticketStep is how often the tickets' long windows are summed up.
	ticketStep = time.Minute
	// tile is the length of the pieces that the objective's whole window is
	// summed from, and the interval of their group.
	tile = 5 * time.Minute

	ownResolution     = time.Minute
	foreignResolution = 5 * time.Minute
)

// The recorded series. Where Sloth has a name for the same, it is Sloth's, so
// that dashboards find it.
const (
	recErrors       = "slo:errors:rate"          // events per second over the resolution
	recEvents       = "slo:events:rate"          //
	recErrorTile    = "slo:errors:increase5m"    // events in 5 minutes
	recEventTile    = "slo:events:increase5m"    //
	recRatio        = "slo:sli_error:ratio_rate" // and the window
	recObjective    = "slo:objective:ratio"
	recBudget       = "slo:error_budget:ratio"
	recDays         = "slo:time_period:days"
	recCurrentBurn  = "slo:current_burn_rate:ratio"
	recPeriodBurn   = "slo:period_burn_rate:ratio"
	recRemaining    = "slo:period_error_budget_remaining:ratio"
	recAvailability = "slo:availability:ratio"
	recP99          = "slo:latency:p99"
	recBucketTile   = "slo:latency_bucket:increase5m"
)

// AlertName is the name of all burn-rate alerts.
const AlertName = "SLOErrorBudgetBurn"

// RuleFile is a Prometheus rule file.
type RuleFile struct {
	Name    string // slo/<name of the SLO>
	Content []byte // YAML
}

type rule struct {
	Record      string            `yaml:"record,omitempty"`
	Alert       string            `yaml:"alert,omitempty"`
	Expr        string            `yaml:"expr"`
	Labels      map[string]string `yaml:"labels,omitempty"`
	Annotations map[string]string `yaml:"annotations,omitempty"`
}

type ruleGroup struct {
	Name     string `yaml:"name"`
	Interval string `yaml:"interval"`
	Rules    []rule `yaml:"rules"`
}

// RuleFiles returns one file an objective: what is wrong with one of them leaves
// the others alone.
func (s *Set) RuleFiles() []RuleFile {
	out := make([]RuleFile, 0, len(s.slos))
	for i := range s.slos {
		g := generator{SLO: &s.slos[i]}
		text, err := yaml.Marshal(map[string]any{"groups": g.groups()})
		if err != nil {
			continue // plain strings always marshal
		}
		out = append(out, RuleFile{Name: "slo/" + g.Name, Content: text})
	}
	return out
}

// generator makes the rules of one objective, which was validated.
type generator struct{ *SLO }

func (s *SLO) resolution() time.Duration {
	switch {
	case s.Resolution != 0:
		return time.Duration(s.Resolution)
	case s.SLI.Events != nil || s.SLI.ErrorRatio != "":
		return foreignResolution
	default:
		return ownResolution
	}
}

func (s *SLO) minErrors() float64 {
	if s.Alerting.MinErrors != nil {
		return *s.Alerting.MinErrors
	}
	return defaultMinErrors
}

// seriesLabels are those of all series of the objective.
func (s *SLO) seriesLabels() map[string]string {
	l := map[string]string{"slo": s.Name}
	for name, sel := range map[string]Selector{"service": s.Service, "provider": s.Provider, "model": s.Model, "method": s.Method} {
		if len(sel) == 1 && sel[0] != "" && !strings.HasPrefix(sel[0], "~") {
			l[name] = sel[0]
		}
	}
	maps.Copy(l, s.Labels)
	return l
}

// series selects a recorded series of the objective.
func (s *SLO) series(name string) string { return fmt.Sprintf("%s{slo=%q}", name, s.Name) }

func (s *SLO) ratioName(w time.Duration) string { return recRatio + promDuration(w) }

func (g generator) record(name, expr string) rule {
	return rule{Record: name, Expr: expr, Labels: g.seriesLabels()}
}

// ratioOver is the error ratio over a window from what was recorded. Each rate
// looks back over the resolution itself: of a window that is no longer, it is
// the whole.
func (g generator) ratioOver(w time.Duration) rule {
	errs, total := g.series(recErrors), g.series(recEvents)
	if w > g.resolution() {
		r := promDuration(w)
		errs, total = fmt.Sprintf("sum_over_time(%s[%s])", errs, r), fmt.Sprintf("sum_over_time(%s[%s])", total, r)
	}
	return g.record(g.ratioName(w), fmt.Sprintf("%s / (%s > 0)", errs, total))
}

func (g generator) groups() []ruleGroup {
	alerts := BurnAlerts(g.Window)
	name := "slo/" + g.Name
	ind, err := g.indicator(promDuration(g.resolution()))
	if err != nil {
		return nil // Validate has made it once
	}
	page := ruleGroup{Name: name + "/page", Interval: promDuration(step), Rules: []rule{
		g.record(recErrors, ind.errors), g.record(recEvents, ind.total),
	}}
	ticket := ruleGroup{Name: name + "/ticket", Interval: promDuration(ticketStep)}
	done := map[time.Duration]bool{}
	for _, a := range alerts {
		group := &page
		if a.Level == Ticket {
			group = &ticket
		}
		for _, w := range []time.Duration{a.Short, a.Long} {
			if !done[w] {
				done[w] = true
				group.Rules = append(group.Rules, g.ratioOver(w))
			}
		}
	}
	page.Rules = append(page.Rules, g.record(recCurrentBurn,
		fmt.Sprintf("%s / %s", g.series(g.ratioName(alerts[0].Short)), num(g.budget()))))
	if !g.Alerting.Disabled {
		if !g.Alerting.NoPage {
			page.Rules = append(page.Rules, g.alert(Page, alerts, ind.counted))
		}
		if !g.Alerting.NoTicket {
			ticket.Rules = append(ticket.Rules, g.alert(Ticket, alerts, ind.counted))
		}
	}
	return []ruleGroup{page, ticket, g.budgetGroup(ind)}
}

func (s *SLO) objective() float64 { return s.Objective.ratio() }
func (s *SLO) budget() float64    { return ErrorBudget(float64(s.Objective) / 100) }

// budgetGroup sums up the whole window.
func (g generator) budgetGroup(ind indicator) ruleGroup {
	events := func(name string) string {
		return fmt.Sprintf("sum_over_time(%s[%s]) * %s", g.series(name), promDuration(tile), num(step.Seconds()))
	}
	errs, total := g.whole(recErrorTile), g.whole(recEventTile)
	ratio := g.periodName()
	out := ruleGroup{Name: "slo/" + g.Name + "/budget", Interval: promDuration(tile), Rules: []rule{
		g.record(recErrorTile, events(recErrors)),
		g.record(recEventTile, events(recEvents)),
		g.record(ratio, fmt.Sprintf("%s / (%s > 0)", errs, total)),
		g.record(recPeriodBurn, fmt.Sprintf("%s / %s", g.series(ratio), num(g.budget()))),
		g.record(recRemaining, "1 - "+g.series(recPeriodBurn)),
		g.record(recObjective, "vector("+num(g.objective())+")"),
		g.record(recBudget, "vector("+num(g.budget())+")"),
		g.record(recDays, "vector("+num(g.Window.Length.Hours()/24)+")"),
	}}
	if g.SLI.Availability != nil {
		out.Rules = append(out.Rules, g.record(recAvailability, "1 - "+g.series(ratio)))
	}
	if ind.bucketRate != "" {
		// Over one tile a rate is exact to the scrape interval; it is read once a tile.
		g2, err := g.indicator(promDuration(tile))
		if err == nil {
			out.Rules = append(out.Rules,
				g.record(recBucketTile, g2.bucketRate+" * "+num(tile.Seconds())),
				g.record(recP99, "histogram_quantile(0.99, "+g.whole(recBucketTile)+")"))
		}
	}
	return out
}

// periodName is the record of the error ratio over the whole window.
func (s *SLO) periodName() string {
	if s.Window.Calendar {
		return recRatio + "_month"
	}
	return s.ratioName(s.Window.Length)
}

// whole sums tiles over the whole window. Of a calendar's month, those whose
// middle is in the month of the evaluation: a range cannot vary in length.
func (g generator) whole(name string) string {
	if !g.Window.Calendar {
		return fmt.Sprintf("sum_over_time(%s[%s])", g.series(name), promDuration(g.Window.Length))
	}
	return fmt.Sprintf("sum_over_time((%s and on () (month(vector(time() - %s)) == on () last_over_time(month()[1s:1s] @ end())))[31d:%s])",
		g.series(name), num(tile.Seconds()/2), promDuration(tile))
}

func (g generator) alert(level Level, alerts []BurnAlert, counted bool) rule {
	var conditions []string
	for _, a := range alerts {
		if a.Level != level {
			continue
		}
		limit := num(ErrorThreshold(a.Factor, g.objective()))
		c := fmt.Sprintf("%s > %s and %s > %s", g.series(g.ratioName(a.Long)), limit, g.series(g.ratioName(a.Short)), limit)
		if n := g.minErrors(); counted && n > 0 {
			c += fmt.Sprintf(" and sum_over_time(%s[%s]) * %s >= %s", g.series(recErrors), promDuration(a.Long), num(step.Seconds()), num(n))
		}
		conditions = append(conditions, "("+c+")")
	}
	labels := g.seriesLabels()
	labels["severity"], labels["slo_severity"] = "critical", string(level)
	if level == Ticket {
		labels["severity"] = "warning"
	}
	maps.Copy(labels, g.Alerting.Labels)
	what := g.Description
	if what == "" {
		what = "Objective of " + strings.ReplaceAll(g.SLI.Kind(), "_", " ") + "."
	}
	remaining := "query " + strconv.Quote(strings.ReplaceAll(g.series(recRemaining), `"`, `'`))
	if len(g.By) > 0 { // that of the alert's own label set
		form, args := []string{fmt.Sprintf("slo='%s'", g.Name)}, []string{""}
		for _, name := range g.By {
			form, args = append(form, name+"='%s'"), append(args, "$labels."+name)
		}
		remaining = fmt.Sprintf("printf %q%s | query", recRemaining+"{"+strings.Join(form, ",")+"}", strings.Join(args, " "))
	}
	whatZH := g.Description
	if whatZH == "" {
		whatZH = "目标：" + g.SLI.kindZH() + "。"
	} else {
		whatZH += " " // the user's sentence, in any language
	}
	annotations := map[string]string{
		"summary": fmt.Sprintf("%s: the error budget of %s is burning too fast ({{ $value | humanizePercentage }} bad)", g.Name, g.Window),
		"description": fmt.Sprintf("%s {{ $value | humanizePercentage }} of its events are bad; the objective of %s %% over %s allows %s %%. "+
			"Remaining budget: {{ with %s }}{{ . | first | value | humanizePercentage }}{{ else }}unknown{{ end }}.",
			what, num(float64(g.Objective)), g.Window, num(roundTo(g.budget()*100)), remaining),
		"summary_zh": fmt.Sprintf("%s：%s的错误预算消耗过快（{{ $value | humanizePercentage }} 的事件不达标）", g.Name, g.Window.zh()),
		"description_zh": fmt.Sprintf("%s{{ $value | humanizePercentage }} 的事件不达标；目标为 %s内 %s %%，允许 %s %%。"+
			"剩余预算：{{ with %s }}{{ . | first | value | humanizePercentage }}{{ else }}未知{{ end }}。",
			whatZH, g.Window.zh(), num(float64(g.Objective)), num(roundTo(g.budget()*100)), remaining),
	}
	if m := g.metric(); m != "" {
		annotations["pitot_metric"] = m
	}
	maps.Copy(annotations, g.Alerting.Annotations)
	return rule{Alert: AlertName, Expr: strings.Join(conditions, " or "), Labels: labels, Annotations: annotations}
}

func num(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

func roundTo(v float64) float64 {
	r, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 10, 64), 64)
	if err != nil {
		return v
	}
	return r
}
