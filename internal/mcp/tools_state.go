package mcp

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net/url"
	"time"
)

func stateTools() []tool {
	return []tool{
		{
			name: "list_alerts", title: "Alerts", foreign: true, needs: PermissionQuery,
			about: "Alerts that are firing or pending, with labels, summaries, since when, their value, whether they are silenced, and the explanation of what changed where there is one.",
			params: []param{
				{name: "state", kind: text, about: "Only those. Default: both.", enum: []string{"firing", "pending"}},
				limitParam("Most alerts.", 50, 500),
			},
			run: listAlerts,
		},
		tool{
			name: "list_slos", title: "SLOs", foreign: true, needs: PermissionQuery,
			about: "The service level objectives: objective, what is measured, error budget left, burn rates and state.",
		}.list(api+"/slos", "slos", "", ""),
		{
			name: "search_logs", title: "Query logs and events (LogsQL)", foreign: true, needs: PermissionContent,
			about: "Runs LogsQL over all events: logs (kind:log), calls (kind:call), spans (kind:span) and feedback (kind:feedback). Pipes work, such as: kind:log level:error | stats by (service) count() n. Needs the permission to see content.",
			params: append(
				[]param{{name: "query", kind: text, required: true, about: "LogsQL, such as: kind:log level:error timeout."}},
				append(rangeParams("1h"), limitParam("Most rows.", 50, 1000))...,
			),
			run: searchLogs,
		},
		{
			name: "diagnose", title: "Doctor", foreign: true, needs: PermissionQuery,
			about:  "Why a view may have no data, the likeliest cause first with what to do; what each telemetry sender delivers and which setting would deliver more; and the state of Pitot's own parts. The filter is that of the view that lacks data.",
			params: filterParams("1h"),
			run:    diagnose,
		},
	}
}

func listAlerts(ctx context.Context, s *Server, a *args) (*answer, error) {
	data, _, err := s.prometheus(ctx, "/api/v1/alerts", nil)
	if err != nil {
		return nil, err
	}
	d, _ := data.(map[string]any)
	all, _ := d["alerts"].([]any)
	notified, err := s.get(ctx, "/alertmanager/api/v2/alerts", nil)
	if err != nil {
		return nil, err
	}
	v, err := decode(notified)
	if err != nil {
		return nil, err
	}
	known := map[string]map[string]any{}
	if list, ok := v.([]any); ok {
		for _, n := range list {
			if m, ok := n.(map[string]any); ok {
				known[fingerprint(m["labels"])] = m
			}
		}
	}
	var rows []any
	for _, v := range all {
		alert, ok := v.(map[string]any)
		if want := a.text("state"); !ok || want != "" && alert["state"] != want {
			continue
		}
		if n := known[fingerprint(alert["labels"])]; n != nil {
			alert["notification"] = only(n["status"], "state", "silencedBy", "inhibitedBy")
			if annotations, ok := n["annotations"].(map[string]any); ok {
				alert["annotations"] = annotations // with the explanation
			}
		}
		rows = append(rows, alert)
	}
	return &answer{list: "alerts", rows: rows, hint: "ask for one state, or for fewer alerts"}, nil
}

// fingerprint identifies an alert by its labels.
func fingerprint(labels any) string { return fmt.Sprint(labels) } // of a map in the order of its keys

func searchLogs(ctx context.Context, s *Server, a *args) (*answer, error) {
	end, err := s.moment("end", a.text("end"), s.Now())
	if err != nil {
		return nil, err
	}
	start, err := s.moment("start", a.text("start"), end.Add(-time.Hour))
	if err != nil {
		return nil, err
	}
	limit := a.limit()
	b, err := s.get(ctx, "/select/logsql/query", url.Values{
		"query": {a.text("query")}, "start": {start.UTC().Format(time.RFC3339Nano)}, "end": {end.UTC().Format(time.RFC3339Nano)}, "limit": {itoa(limit)},
	})
	if err != nil {
		return nil, err
	}
	var rows []any
	lines := bufio.NewScanner(bytes.NewReader(b))
	lines.Buffer(nil, maxAPIAnswer)
	for lines.Scan() {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		v, err := decode(lines.Bytes())
		if err != nil {
			return nil, err
		}
		rows = append(rows, remove(v, "_stream", "_stream_id"))
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read the answer of the API: %w", err)
	}
	out := &answer{list: "rows", rows: rows, hint: "narrow the range or the filter, or aggregate with | stats"}
	if len(rows) == limit {
		out.object = map[string]any{"note": "there may be more rows than limit"}
	}
	return out, nil
}

func diagnose(ctx context.Context, s *Server, a *args) (*answer, error) {
	q, err := s.filtered(ctx, a)
	if err != nil {
		return nil, err
	}
	out, err := s.listOf(ctx, api+"/doctor", q, "causes", "", "")
	if err != nil {
		return nil, err
	}
	span := url.Values{}
	for _, name := range []string{"start", "end"} {
		if v := a.text(name); v != "" {
			span.Set(name, v)
		}
	}
	// The rest says more, and where it cannot, the causes say why.
	for name, path := range map[string]string{"senders": api + "/senders", "status": api + "/status"} {
		values := span
		if name == "status" {
			values = nil
		}
		o, err := s.object(ctx, path, values)
		if err != nil {
			o = map[string]any{"error": err.Error()}
		}
		out.object[name] = o
	}
	return out, nil
}
