package dashboard

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// schemaVersion is that of Grafana 12 and 13. Older ones read it too.
const schemaVersion = 42

// The data sources in Grafana.
const (
	MetricsUID = "pitot-metrics"
	TracesUID  = "pitot-traces"
	EventsUID  = "pitot-events"
)

// DefaultURL is where Pitot is unless somebody says otherwise.
const DefaultURL = "http://127.0.0.1:4400"

// object is a JSON object; its keys are written in order.
type object map[string]any

// Options say how dashboards are written for Grafana.
type Options struct {
	Lang string // LangEN or LangZH; English by default
	URL  string // where Grafana and its readers reach Pitot; DefaultURL by default
}

func (o Options) url() string {
	if o.URL == "" {
		return DefaultURL
	}
	return strings.TrimRight(o.URL, "/")
}

func (o Options) validate() error {
	switch o.Lang {
	case "", LangEN, LangZH:
		return nil
	default:
		return fmt.Errorf("no dashboards in the language %q: choose %s or %s", o.Lang, LangEN, LangZH)
	}
}

// render is a dashboard as Grafana's JSON, for import or provisioning.
func render(d Dashboard, o Options) ([]byte, error) {
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("dashboard %s: %w", d.ID, err)
	}
	g := writer{lang: o.Lang, url: o.url()}
	tags := []string{"pitot", "llm"}
	for _, r := range d.Roles {
		tags = append(tags, string(r))
	}
	root := object{
		"id": nil, "uid": d.UID, "title": d.Title.In(o.Lang), "description": d.Description.In(o.Lang),
		"tags": tags, "schemaVersion": schemaVersion, "version": 1, "editable": true,
		"graphTooltip": 1, "timezone": "browser", "refresh": d.Refresh, "fiscalYearStartMonth": 0,
		"time": object{"from": d.From, "to": "now"}, "timepicker": object{},
		"templating":  object{"list": g.variables(d.Variables)},
		"annotations": object{"list": g.annotations()},
		"links":       g.dashboardLinks(),
		"panels":      g.panels(d.Rows),
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false) // people read and compare these files
	e.SetIndent("", "  ")
	if err := e.Encode(root); err != nil {
		return nil, fmt.Errorf("dashboard %s: %w", d.ID, err)
	}
	return out.Bytes(), nil
}

// writer makes Grafana's objects.
type writer struct{ lang, url string }

func prometheus() object { return object{"type": "prometheus", "uid": "${datasource}"} }

func (g writer) annotations() []object {
	return []object{
		{
			"builtIn": 1, "datasource": object{"type": "grafana", "uid": "-- Grafana --"}, "enable": true, "hide": true,
			"iconColor": "rgba(0, 211, 255, 1)", "name": "Annotations & Alerts", "type": "dashboard",
		},
		{
			"datasource": prometheus(), "enable": true, "iconColor": "red", "name": Text{"Alerts", "告警"}.In(g.lang),
			"expr": `ALERTS{alertstate="firing", severity=~"critical|warning"}`, "step": "60s",
			"titleFormat": "{{alertname}}", "textFormat": "{{service}} {{model}} {{severity}}",
		},
	}
}

func (g writer) dashboardLinks() []object {
	return []object{
		{
			"type": "dashboards", "tags": []string{"pitot"}, "asDropdown": true, "includeVars": true, "keepTime": true,
			"targetBlank": false, "icon": "external link", "title": Text{"Dashboards", "看板"}.In(g.lang), "tooltip": "", "url": "",
		},
		{
			"type": "link", "tags": []string{}, "asDropdown": false, "includeVars": false, "keepTime": false,
			"targetBlank": true, "icon": "dashboard", "title": "Pitot", "tooltip": "", "url": "${pitot}/",
		},
	}
}

func (g writer) variables(vars []Variable) []object {
	out := make([]object, len(vars))
	for i, v := range vars {
		o := object{"name": v.Name, "label": v.Label.In(g.lang), "hide": 0, "skipUrlSync": false, "options": []object{}}
		if v.Hidden {
			o["hide"] = 2
		}
		switch v.Kind {
		case VarLabel:
			g.labelVariable(o, v)
		case VarDatasource:
			o["type"], o["query"], o["regex"], o["refresh"] = "datasource", v.Type, "", 1
			o["multi"], o["includeAll"] = false, false
			o["current"] = object{"text": sourceNames()[v.Default], "value": v.Default}
		case VarCustom:
			options := make([]object, len(v.Values))
			for j, value := range v.Values {
				options[j] = object{"text": value, "value": value, "selected": value == v.Default}
			}
			o["type"], o["query"], o["options"] = "custom", strings.Join(v.Values, ","), options
			o["multi"], o["includeAll"] = false, false
			o["current"] = object{"text": v.Default, "value": v.Default}
		case VarText: // the only one is Pitot's address
			current := object{"text": g.url, "value": g.url, "selected": true}
			o["type"], o["query"], o["options"], o["current"] = "textbox", g.url, []object{current}, current
		}
		out[i] = o
	}
	return out
}

func (g writer) labelVariable(o object, v Variable) {
	query := fmt.Sprintf("label_values(%s, %s)", v.Selector, v.From)
	o["type"], o["datasource"], o["definition"] = "query", prometheus(), query
	o["query"] = object{"qryType": 1, "query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery"}
	o["refresh"], o["sort"], o["regex"] = 2, 1, ""
	o["multi"], o["includeAll"], o["current"] = v.Multi, v.Multi, object{"text": "", "value": ""}
	if v.Multi {
		o["allValue"] = ".*"
		o["current"] = object{"text": []string{"All"}, "value": []string{"$__all"}}
	}
}

func (g writer) panels(rows []Row) []object {
	titles, at := layout(rows)
	id := 0
	next := func() int { id++; return id }
	var out []object
	for i, r := range rows {
		out = append(out, object{
			"id": next(), "type": "row", "title": r.Title.In(g.lang), "collapsed": false, "panels": []object{}, "gridPos": grid(titles[i]),
		})
		for j, p := range r.Panels {
			o := g.panel(p)
			o["id"], o["gridPos"] = next(), grid(at[i][j])
			out = append(out, o)
		}
	}
	return out
}

func grid(p position) object { return object{"x": p.X, "y": p.Y, "w": p.W, "h": p.H} }
