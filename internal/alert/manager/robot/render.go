package robot

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/alertmanager/notify"
	"github.com/prometheus/alertmanager/template"
)

// The annotations that Pitot's explanations and the usual rules carry.
const (
	AnnotationExplanation = "explanation"
	AnnotationLinks       = "explanation_links"
	AnnotationRunbook     = "runbook_url"
)

const (
	maxPlainAlerts = 20   // of the text that is made without a template
	maxPlainValue  = 1000 // bytes of one annotation in it
	maxTitle       = 300  // bytes
	maxLinks       = 6
)

// Renderer makes messages of alerts.
type Renderer struct {
	Template *template.Template
	Logger   *slog.Logger
	Language Language

	Title, Text string // templates
	// Escape makes what comes from labels and annotations harmless in the text's
	// markup; nil for none. The title is shown as it is.
	Escape func(string) string
	// Mention says whether people are named in a message that fires with this
	// severity.
	Mention func(severity string) bool
	// Failed is called when a template failed; it may be nil.
	Failed func(error)
}

// Render makes a message. Where a template fails, the message has a plain text
// and says so.
func (r *Renderer) Render(ctx context.Context, alerts ...*alert.Alert) Message {
	data := notify.GetTemplateData(ctx, r.Template, alerts, r.Logger)
	m := Message{Firing: len(data.Alerts.Firing()) > 0, Severity: Severity(data)}
	var err error
	if m.Title, err = r.Template.ExecuteTextString(r.Title, data); err == nil {
		m.Text, err = r.Template.ExecuteTextString(r.Text, r.escaped(data))
	}
	if err != nil {
		if r.Failed != nil {
			r.Failed(err)
		}
		m.Title = PlainTitle(data, r.Language)
		m.Text = strings.ReplaceAll(Plain(r.escaped(data), r.Language, err), "\n", "\n\n")
	}
	m.Title = Truncate(strings.Join(strings.Fields(m.Title), " "), maxTitle)
	m.Links = dataLinks(data, r.Language)
	if m.Firing && r.Mention != nil {
		m.Mention = r.Mention(m.Severity)
	}
	return m
}

// escaped is a copy of the data without markup in its values.
func (r *Renderer) escaped(data *template.Data) *template.Data {
	if r.Escape == nil {
		return data
	}
	kv := func(in template.KV) template.KV {
		out := make(template.KV, len(in))
		for k, v := range in {
			if k == AnnotationLinks || k == AnnotationRunbook {
				out[k] = v // its URLs are checked where they are used
				continue
			}
			out[r.Escape(k)] = r.Escape(v)
		}
		return out
	}
	c := *data
	c.GroupLabels, c.CommonLabels, c.CommonAnnotations = kv(data.GroupLabels), kv(data.CommonLabels), kv(data.CommonAnnotations)
	c.RouteLabels = kv(data.RouteLabels)
	c.Alerts = slices.Clone(data.Alerts)
	for i := range c.Alerts {
		c.Alerts[i].Labels, c.Alerts[i].Annotations = kv(c.Alerts[i].Labels), kv(c.Alerts[i].Annotations)
	}
	return &c
}

// Severity is that of the worst alert that fires, or of any where none does.
func Severity(data *template.Data) string {
	alerts := data.Alerts.Firing()
	if len(alerts) == 0 {
		alerts = data.Alerts
	}
	worst := ""
	for _, a := range alerts {
		if s := a.Labels["severity"]; rank(s) > rank(worst) {
			worst = s
		}
	}
	return worst
}

// ParseLinks reads an annotation with links: one a line, as a URL, as words
// with a URL at the end ("slowest calls: https://..."), or as [name](URL). What
// is not an http or https URL is left out.
func ParseLinks(text string) []Link {
	var out []Link
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(strings.TrimLeft(strings.TrimSpace(line), "-*• "))
		if line == "" {
			continue
		}
		name, target := "", line
		if open := strings.LastIndex(line, "]("); open > 0 && strings.HasPrefix(line, "[") && strings.HasSuffix(line, ")") {
			name, target = line[1:open], line[open+2:len(line)-1]
		} else if space := strings.LastIndexAny(line, " \t"); space >= 0 {
			name, target = strings.TrimRight(line[:space], ": \t"), line[space+1:]
		}
		if u, err := url.Parse(target); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			continue
		}
		if name == "" {
			name = target
		}
		out = append(out, Link{Name: name, URL: target})
	}
	return out
}

// dataLinks has the links of a notification without doubles: the runbook, what
// the explanation leads to, and where the alert comes from.
func dataLinks(data *template.Data, language Language) []Link {
	runbook, source := "Runbook", "Source"
	if language == Chinese {
		runbook, source = "处理手册", "来源"
	}
	var out []Link
	seen := make(map[string]bool)
	add := func(links ...Link) {
		for _, l := range links {
			if !seen[l.URL] && len(out) < maxLinks {
				seen[l.URL] = true
				out = append(out, l)
			}
		}
	}
	for _, a := range data.Alerts {
		add(ParseLinks(a.Annotations[AnnotationLinks])...)
		for _, l := range ParseLinks(a.Annotations[AnnotationRunbook]) {
			add(Link{Name: runbook, URL: l.URL})
		}
	}
	for _, a := range data.Alerts {
		for _, l := range ParseLinks(a.GeneratorURL) {
			add(Link{Name: source, URL: l.URL})
		}
	}
	return out
}

// PlainTitle is a title that is made without a template.
func PlainTitle(data *template.Data, language Language) string {
	name := data.CommonLabels["alertname"]
	if name == "" && len(data.Alerts) > 0 {
		name = data.Alerts[0].Labels["alertname"]
	}
	firing := len(data.Alerts.Firing())
	switch {
	case language == Chinese && firing > 0:
		return fmt.Sprintf("[告警 %d] %s", firing, name)
	case language == Chinese:
		return fmt.Sprintf("[已恢复 %d] %s", len(data.Alerts), name)
	case firing > 0:
		return fmt.Sprintf("[FIRING:%d] %s", firing, name)
	default:
		return fmt.Sprintf("[RESOLVED:%d] %s", len(data.Alerts), name)
	}
}

// Plain is a text that is made without a template, with the reason why.
func Plain(data *template.Data, language Language, reason error) string {
	var b strings.Builder
	if language == Chinese {
		b.WriteString("通知模板出错，以下内容未使用模板：" + reason.Error() + "\n")
	} else {
		b.WriteString("The template of this notification failed, so this text was made without it: " + reason.Error() + "\n")
	}
	for i, a := range data.Alerts {
		if i == maxPlainAlerts {
			b.WriteString(also(language, len(data.Alerts)-i) + "\n")
			break
		}
		fmt.Fprintf(&b, "- [%s] %s\n", a.Status, Truncate(a.Labels.String(), maxPlainValue))
		for _, name := range []string{"summary", "description", AnnotationExplanation, AnnotationRunbook} {
			if v := a.Annotations[name]; v != "" {
				fmt.Fprintf(&b, "  %s: %s\n", name, Truncate(v, maxPlainValue))
			}
		}
	}
	return b.String()
}
