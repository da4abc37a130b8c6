package rules

import (
	"maps"
	"strings"
	"time"
)

// Severities of shipped alerts.
const (
	critical = "critical"
	warning  = "warning"
	info     = "info"
)

// Two alerts of one name differ by the label level: the major one implies the
// minor one, which an inhibition rule can mute.
const (
	major = "major"
	minor = "minor"
)

// alertDef is a shipped alert before its annotations are written.
type alertDef struct {
	name     string
	level    string // major or minor, or empty
	severity string
	expr     string
	hold     string // for
	keep     string // keep_firing_for
	labels   map[string]string

	summary, summaryZH         string
	description, descriptionZH string

	// calls says which calls are behind the alert: parameters of
	// GET /api/pitot/v1/calls beside service, provider, model and the time; nil
	// where no calls are.
	calls []string
	// lookBack is how much of the past the links show; 15 minutes by default.
	lookBack time.Duration
}

func (a alertDef) rule() ruleText {
	r := ruleText{
		Alert: a.name, Expr: a.expr, For: a.hold, KeepFiringFor: a.keep,
		Labels: map[string]string{"severity": a.severity},
		Annotations: map[string]string{
			"summary": a.summary, "summary_zh": a.summaryZH, "description": a.description, "description_zh": a.descriptionZH,
		},
	}
	if a.level != "" {
		r.Labels["level"] = a.level
	}
	maps.Copy(r.Labels, a.labels)
	if a.calls != nil {
		q := a.query()
		r.Annotations["calls_url"] = "{{ $externalURL }}/calls?" + q
		r.Annotations["traces_url"] = "{{ $externalURL }}/traces?" + q
	}
	return r
}

// query are the parameters of links: only labels that the alert has.
func (a alertDef) query() string {
	var b strings.Builder
	for _, l := range [...]string{"service", "provider", "model"} {
		b.WriteString("{{ with $labels." + l + " }}" + l + "={{ urlQueryEscape . }}&{{ end }}")
	}
	for _, c := range a.calls {
		b.WriteString(c + "&")
	}
	back := a.lookBack
	if back == 0 {
		back = 15 * time.Minute
	}
	b.WriteString(linkStart(back) + linkEnd)
	return b.String()
}

const (
	linkTime = `.UTC.Format "2006-01-02T15:04:05Z" }}`
	linkEnd  = "&end={{ (toTime now)" + linkTime
)

// linkStart is the parameter start, so long before the evaluation.
func linkStart(back time.Duration) string {
	return "start={{ ((toTime now).Add (toDuration -" + formatNumber(back.Seconds()) + "))" + linkTime
}

// subject names what an alert of calls is about, from its labels.
const subject = "{{ or $labels.model \"all models\" }}{{ with $labels.provider }} of {{ . }}{{ end }}{{ with $labels.service }}, service {{ . }}{{ end }}"

const subjectZH = "{{ with $labels.service }}服务 {{ . }} 的 {{ end }}{{ or $labels.model \"全部模型\" }}{{ with $labels.provider }}（{{ . }}）{{ end }}"

// byCall are the labels that alerts about calls keep.
const byCall = "service, provider, model"

// steadyClock leaves out what a counter seems to have gained by a clock that was
// set back: old and new samples then lie between each other, and each step down
// looks like a restart from 0, after which the whole count is gained again. It
// also leaves out the minutes after a true restart, which tell little.
func steadyClock(matching, counter, window string) string {
	return "\nunless " + matching + "(resets(" + counter + "[" + window + "])) > 0"
}
