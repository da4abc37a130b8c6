package manager

import (
	"maps"
	"net/url"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/common/model"
)

// maxValidity bounds how long an alert counts as firing without being reported
// again, whatever the clock did between evaluation and now.
const maxValidity = time.Hour

// convert makes the Alertmanager's alert of one. Times are put relative to now,
// which has a monotonic reading, so that a later step of the wall clock does not
// resolve the alert: rules compute their times from the wall clock alone.
func convert(a Alert, now time.Time, resolveTimeout time.Duration) *alert.Alert {
	out := &alert.Alert{
		Alert: model.Alert{
			Labels: labelSet(a.Labels), Annotations: labelSet(a.Annotations),
			StartsAt: a.StartsAt, GeneratorURL: a.GeneratorURL,
		},
		UpdatedAt: now,
	}
	if out.StartsAt.IsZero() || out.StartsAt.After(now) {
		out.StartsAt = now // the clock was set back
	}
	switch {
	case a.Resolved:
		out.EndsAt = a.EndsAt
		if out.EndsAt.IsZero() || out.EndsAt.After(now) {
			out.EndsAt = now
		}
		if out.EndsAt.Before(out.StartsAt) {
			out.StartsAt = out.EndsAt
		}
	case a.EndsAt.IsZero():
		out.Timeout = true
		out.EndsAt = now.Add(resolveTimeout)
	default:
		validity := a.EndsAt.Sub(now)
		if validity <= 0 || validity > maxValidity { // the clock was set in between
			validity = resolveTimeout
			out.Timeout = true
		}
		out.EndsAt = now.Add(validity)
	}
	return out
}

func labelSet(in map[string]string) model.LabelSet {
	out := make(model.LabelSet, len(in))
	for k, v := range in {
		if v != "" { // an empty label is none
			out[model.LabelName(k)] = model.LabelValue(v)
		}
	}
	return out
}

// revert makes an Alert of the Alertmanager's.
func revert(a *alert.Alert) Alert {
	out := Alert{
		Labels: make(map[string]string, len(a.Labels)), Annotations: make(map[string]string, len(a.Annotations)),
		StartsAt: a.StartsAt, EndsAt: a.EndsAt, Resolved: a.Resolved(), GeneratorURL: a.GeneratorURL, Expr: exprOf(a.GeneratorURL),
	}
	for k, v := range a.Labels {
		out.Labels[string(k)] = string(v)
	}
	for k, v := range a.Annotations {
		out.Annotations[string(k)] = string(v)
	}
	return out
}

// exprOf is the rule's expression, which the link to its graph carries: the
// Alertmanager's own alerts have no place for it, and the link also comes through
// a cluster and from other Prometheus servers. Empty where the link has none.
func exprOf(link string) string {
	u, err := url.Parse(link)
	if err != nil {
		return ""
	}
	return u.Query().Get("g0.expr")
}

// annotated is a copy of an alert with annotations that it does not have.
func annotated(a *alert.Alert, extra map[string]string) *alert.Alert {
	c := *a
	c.Annotations = maps.Clone(a.Annotations)
	if c.Annotations == nil {
		c.Annotations = make(model.LabelSet, len(extra))
	}
	for k, v := range extra {
		if _, ok := c.Annotations[model.LabelName(k)]; !ok && v != "" {
			c.Annotations[model.LabelName(k)] = model.LabelValue(v)
		}
	}
	return &c
}
