package dashboard

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

func (u Unit) grafana() string {
	switch u {
	case PerSecond:
		return "suffix: /s"
	case RequestsPerSec:
		return "reqps"
	case TokensPerSec:
		return "suffix: tok/s"
	case Seconds:
		return "s"
	case Ratio:
		return "percentunit"
	case Percent:
		return "percent"
	case USD:
		return "currencyUSD"
	case Bytes:
		return "bytes"
	case Watts:
		return "watt"
	case Celsius:
		return "celsius"
	default: // Count, Tokens
		return "short"
	}
}

func (l Level) color() string {
	switch l {
	case Warning:
		return "orange"
	case Critical:
		return "red"
	default:
		return "green"
	}
}

func (g writer) panel(p Panel) object {
	o := object{
		"title": p.Title.In(g.lang), "description": p.Description.In(g.lang), "links": g.panelLinks(p),
		"datasource": prometheus(), "targets": g.targets(p),
	}
	defaults := object{"unit": p.Unit.grafana(), "color": object{"mode": "palette-classic"}, "links": g.seriesLinks(p)}
	if t := thresholds(p); t != nil {
		defaults["thresholds"] = t
	}
	field := object{"defaults": defaults, "overrides": []object{}}
	o["fieldConfig"] = field
	switch p.Kind {
	case Timeseries:
		o["type"], o["options"] = "timeseries", timeseriesOptions()
		defaults["custom"] = timeseriesField(p)
	case Stat:
		defaults["color"] = object{"mode": "thresholds"}
		graph := "area"
		if p.Targets[0].Instant {
			graph = "none"
		}
		o["type"], o["options"] = "stat", object{
			"reduceOptions": lastValue(), "colorMode": "value", "graphMode": graph, "justifyMode": "auto",
			"textMode": "auto", "orientation": "auto", "wideLayout": true,
			"showPercentChange": false, "percentChangeColorMode": "standard",
		}
	case Bar:
		defaults["color"], defaults["min"] = object{"mode": "thresholds"}, 0
		o["type"], o["options"] = "bargauge", object{
			"reduceOptions": lastValue(), "displayMode": "basic", "orientation": "horizontal", "showUnfilled": true,
			"valueMode": "color", "namePlacement": "auto", "sizing": "auto", "minVizHeight": 16, "minVizWidth": 8, "maxVizHeight": 40,
			"legend": object{"showLegend": false, "displayMode": "list", "placement": "bottom", "calcs": []string{}},
		}
	case Heatmap:
		o["type"], o["options"] = "heatmap", heatmapOptions(p)
	case Table:
		o["type"] = "table"
		g.table(p, o, field)
	case Traces:
		o["type"], o["datasource"] = "table", jaeger()
		o["options"] = object{"frameIndex": 0, "showHeader": true, "cellHeight": "sm"}
		defaults["links"] = []object{}
		field["overrides"] = []object{override("traceID", "links", g.seriesLinks(p))}
	case TextPanel:
		o["type"], o["options"] = "text", object{"mode": "markdown", "content": cmp.Or(p.GrafanaContent, p.Content).In(g.lang)}
		delete(o, "datasource")
		delete(o, "targets")
	}
	return o
}

func jaeger() object { return object{"type": "jaeger", "uid": "${traces}"} }

func lastValue() object {
	return object{"calcs": []string{"lastNotNull"}, "fields": "", "values": false}
}

func (g writer) link(l Link, path string) object {
	return object{"title": l.Title.In(g.lang), "url": "${pitot}" + path, "targetBlank": true}
}

func (g writer) panelLinks(p Panel) []object {
	out := []object{}
	for _, l := range p.Links {
		if l.Series {
			continue
		}
		o := g.link(l, l.Path)
		maps.Copy(o, object{
			"type": "link", "icon": "external link", "tooltip": "", "tags": []string{},
			"asDropdown": false, "includeVars": false, "keepTime": false,
		})
		out = append(out, o)
	}
	return out
}

// seriesLinks are those of a value. In a table, labels are columns.
func (g writer) seriesLinks(p Panel) []object {
	out := []object{}
	for _, l := range p.Links {
		if !l.Series {
			continue
		}
		if p.Kind == Table {
			l.Title = Text{columnOf(l.Title.EN), columnOf(l.Title.ZH)}
			l.Path = columnOf(l.Path)
		}
		out = append(out, g.link(l, l.Path))
	}
	return out
}

func columnOf(s string) string {
	return strings.ReplaceAll(s, "${__field.labels.", "${__data.fields.")
}

// thresholds are nil where nothing is better or worse.
func thresholds(p Panel) object {
	if len(p.Thresholds) == 0 {
		if p.Kind != Stat && p.Kind != Bar {
			return nil
		}
		return object{"mode": "absolute", "steps": []object{{"color": "blue", "value": nil}}}
	}
	steps := []object{{"color": p.Base.color(), "value": nil}}
	for _, t := range p.Thresholds {
		steps = append(steps, object{"color": t.Level.color(), "value": t.Value})
	}
	return object{"mode": "absolute", "steps": steps}
}

func (g writer) targets(p Panel) []object {
	if p.Trace != nil {
		return []object{{
			"refId": "A", "datasource": jaeger(), "queryType": "search",
			"service": p.Trace.Service, "tags": logfmt(p.Trace.Tags), "limit": p.Trace.Limit,
		}}
	}
	out := []object{}
	for _, t := range p.Targets {
		format := "time_series"
		switch p.Kind {
		case Table:
			format = "table"
		case Heatmap:
			format = "heatmap"
		default:
		}
		legend := t.Legend.In(g.lang)
		if legend == "" || p.Kind == Table {
			legend = "__auto"
		}
		out = append(out, object{
			"refId": t.Ref, "datasource": prometheus(), "editorMode": "code", "expr": t.Expr, "legendFormat": legend,
			"range": !t.Instant, "instant": t.Instant, "format": format, "exemplar": t.Exemplars, "interval": "$interval",
		})
	}
	return out
}

// logfmt writes tags as Grafana's Jaeger data source reads them.
func logfmt(tags map[string]string) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		parts = append(parts, k+"="+tags[k])
	}
	return strings.Join(parts, " ")
}

func timeseriesOptions() object {
	return object{
		"legend":  object{"displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": []string{}},
		"tooltip": object{"mode": "multi", "sort": "desc"},
	}
}

func timeseriesField(p Panel) object {
	stacking, fill := "none", 8
	if p.Stacked {
		stacking, fill = "normal", 40
	}
	lines := "off"
	if len(p.Thresholds) > 0 {
		lines = "dashed"
	}
	return object{
		"drawStyle": "line", "lineInterpolation": "linear", "lineWidth": 1, "fillOpacity": fill, "showPoints": "never",
		"spanNulls": false, "axisSoftMin": 0, "stacking": object{"group": "A", "mode": stacking}, "thresholdsStyle": object{"mode": lines},
	}
}

func heatmapOptions(p Panel) object {
	return object{
		"calculate": false, "cellGap": 1, "showValue": "never",
		"color":        object{"mode": "scheme", "scheme": "Oranges", "scale": "exponential", "exponent": 0.5, "steps": 64, "reverse": false, "fill": "dark-orange"},
		"yAxis":        object{"unit": p.Unit.grafana(), "axisPlacement": "left", "reverse": false},
		"cellValues":   object{"unit": "short"},
		"filterValues": object{"le": 1e-9}, "rowsFrame": object{"layout": "auto"},
		"tooltip": object{"mode": "single", "yHistogram": false, "showColorScale": false},
		"legend":  object{"show": true}, "exemplars": object{"color": "rgba(255,0,255,0.7)"},
	}
}

// table joins the targets by their labels, one column each.
func (g writer) table(p Panel, o, field object) {
	rename := object{}
	overrides := []object{}
	for _, t := range p.Targets {
		title := t.Legend.In(g.lang)
		name := "Value"
		if len(p.Targets) > 1 {
			name = "Value #" + t.Ref
		}
		rename[name] = title
		if t.Unit != "" {
			overrides = append(overrides, override(title, "unit", t.Unit.grafana()))
		}
	}
	o["options"] = object{
		"frameIndex": 0, "showHeader": true, "cellHeight": "sm",
		"sortBy": []object{{"displayName": p.Targets[0].Legend.In(g.lang), "desc": true}},
	}
	o["transformations"] = []object{
		{"id": "merge", "options": object{}},
		{"id": "organize", "options": object{"excludeByName": object{"Time": true}, "indexByName": object{}, "renameByName": rename}},
	}
	field["overrides"] = overrides
}

func override(name, property string, value any) object {
	return object{
		"matcher":    object{"id": "byName", "options": name},
		"properties": []object{{"id": property, "value": value}},
	}
}
