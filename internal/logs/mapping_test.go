package logs

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pitot-dev/pitot/internal/llm"
)

func TestMapping(t *testing.T) {
	const trace, span = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	at := time.Date(2026, 11, 21, 10, 0, 0, 123000000, time.UTC)
	for _, tc := range []struct {
		name, line string
		want       llm.Log
	}{
		{
			"the form of queries.md",
			`{"timestamp":"2026-11-21T10:00:00.123Z","level":"INFO","event":"trace_complete","request_id":"r1","model":"gpt-4o","latency":1.5,"cluster_id":"c1","namespace":"llm"}`,
			llm.Log{
				Time: at, Level: "info", Event: "trace_complete", Message: "trace_complete",
				Attributes: map[string]any{"request_id": "r1", "model": "gpt-4o", "latency": 1.5},
				Resource:   map[string]any{"cluster_id": "c1", "k8s.namespace.name": "llm"},
			},
		},
		{
			"nested fields of the Elastic Common Schema",
			`{"@timestamp":"2026-11-21T10:00:00.123Z","log":{"level":"warn","logger":"a.b"},"message":"m","service":{"name":"s","environment":"e","version":"1"},"trace":{"id":"` + trace + `"},"span":{"id":"` + span + `"},"event":{"action":"x","dataset":"d"}}`,
			llm.Log{
				Time: at, Level: "warn", Message: "m", Service: "s", Environment: "e", TraceID: trace, SpanID: span, Scope: "a.b", Event: "x",
				Attributes: map[string]any{"service.version": "1", "event.dataset": "d"},
			},
		},
		{
			"pino",
			`{"level":50,"time":1795255200123,"pid":1,"name":"api","msg":"boom"}`,
			llm.Log{Time: at, Level: "error", Message: "boom", Attributes: map[string]any{"pid": int64(1), "name": "api"}},
		},
		{
			"GELF: syslog's levels",
			`{"version":"1.1","host":"h","short_message":"m","timestamp":1795255200.123,"level":4}`,
			llm.Log{Time: at, Level: "warn", Message: "m", Attributes: map[string]any{"version": "1.1", "host": "h"}},
		},
		{
			"structlog: the event is the message",
			`{"event":"user logged in","level":"info","timestamp":"2026-11-21T10:00:00.123Z"}`,
			llm.Log{Time: at, Level: "info", Message: "user logged in", Attributes: map[string]any{}},
		},
		{
			"Python's logging with OpenTelemetry's ids",
			`{"asctime":"2026-11-21 10:00:00,123","levelname":"WARNING","name":"app","message":"m","otelTraceID":"` + trace + `","otelSpanID":"` + span + `","otelServiceName":"svc"}`,
			llm.Log{Time: at, Level: "warn", Message: "m", TraceID: trace, SpanID: span, Service: "svc", Attributes: map[string]any{"name": "app"}},
		},
		{
			"a traceparent",
			`{"time":"2026-11-21T10:00:00.123Z","msg":"m","traceparent":"00-` + trace + `-` + span + `-01"}`,
			llm.Log{Time: at, Message: "m", TraceID: trace, SpanID: span, Attributes: map[string]any{}},
		},
		{
			"Datadog's decimal ids stay attributes",
			`{"time":"2026-11-21T10:00:00.123Z","msg":"m","dd":{"trace_id":"1234567890123456","span_id":"6543210987654321","service":"s","env":"prod"}}`,
			llm.Log{
				Time: at, Message: "m", Service: "s", Environment: "prod",
				Attributes: map[string]any{"dd.trace_id": "1234567890123456", "dd.span_id": "6543210987654321"},
			},
		},
		{
			"Kubernetes metadata of fluent-bit, the application's line within",
			`{"@timestamp":"2026-11-21T10:00:05Z","log":"{\"ts\":\"2026-11-21T10:00:00.123Z\",\"level\":\"error\",\"msg\":\"inner\",\"stream\":\"x\"}\n","stream":"stderr","kubernetes":{"pod_name":"p-1","namespace_name":"ns","container_name":"c","labels":{"app":"web"}}}`,
			llm.Log{
				Time: at, Level: "error", Message: "inner", Service: "web",
				Attributes: map[string]any{"@timestamp": "2026-11-21T10:00:05Z", "stream": "x", "outer.stream": "stderr", "kubernetes.container_name": "c"},
				Resource:   map[string]any{"k8s.pod.name": "p-1", "k8s.namespace.name": "ns"},
			},
		},
		{
			"rsyslog",
			`{"@timestamp":"2026-11-21T10:00:00.123+00:00","host":"h","severity":"err","facility":"daemon","programname":"llm-server","message":" out of memory"}`,
			llm.Log{Time: at, Level: "error", Message: " out of memory", Service: "llm-server", Attributes: map[string]any{"host": "h", "facility": "daemon"}},
		},
		{
			"an unreadable time and trace id fall through, and stay",
			`{"@timestamp":"yesterday","time":"2026-11-21T10:00:00.123Z","trace_id":"none","message":"m"}`,
			llm.Log{Time: at, Message: "m", Attributes: map[string]any{"@timestamp": "yesterday", "trace_id": "none"}},
		},
		{
			"nothing known: the arrival, and the line as the message",
			`{"a":{"b":[1,"x",{"c":null}]},"big":18446744073709551616,"t":true,"n":null}`,
			llm.Log{
				Time: noon, Message: `{"a":{"b":[1,"x",{"c":null}]},"big":18446744073709551616,"t":true,"n":null}`,
				Attributes: map[string]any{"a.b": []any{int64(1), "x", map[string]any{"c": nil}}, "big": "18446744073709551616", "t": true},
			},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			recs := mapJSON(t, tc.line, origin{})
			if len(recs) != 1 || recs[0].Log == nil {
				t.Fatalf("got %d records", len(recs))
			}
			got := recs[0].Log
			tc.want.Source = llm.SourceLogs
			if diff := cmp.Diff(&tc.want, got, cmpopts.IgnoreFields(llm.Log{}, "ID")); diff != "" {
				t.Error(diff)
			}
			if len(got.ID) != 26 {
				t.Errorf("id %q", got.ID)
			}
		})
	}
}

// TestMappingTable checks that each source of the table does what it says.
func TestMappingTable(t *testing.T) {
	samples := map[canonical]string{
		toTime: `"2026-11-21T10:00:00Z"`, toLevel: `"error"`, toTrace: `"4bf92f3577b34da6a3ce929d0e0e4736"`, toSpan: `"00f067aa0ba902b7"`,
		toTraceparent: `"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"`,
	}
	for to, row := range Mapping() {
		for _, source := range row.Sources {
			value := samples[canonical(to)]
			switch {
			case source == "levelno" || source == "severity_number" || source == "severitynumber":
				value = "17"
				if source == "levelno" {
					value = "40"
				}
			case value == "":
				value = `"value"`
			}
			l := mapJSON(t, `{"`+source+`":`+value+`}`, origin{})[0].Log
			var got any
			switch canonical(to) {
			case toTime:
				got = l.Time.Format("15:04") == "10:00"
			case toLevel:
				got = l.Level == "error"
			case toMessage:
				got = l.Message == "value"
			case toEvent:
				got = l.Event == "value"
			case toTrace, toTraceparent:
				got = l.TraceID == "4bf92f3577b34da6a3ce929d0e0e4736"
			case toSpan:
				got = l.SpanID == "00f067aa0ba902b7"
			case toService:
				got = l.Service == "value"
			case toEnvironment:
				got = l.Environment == "value"
			case toScope:
				got = l.Scope == "value"
			case toRequest:
				got = l.Attributes["request_id"] == "value"
			case toModel:
				got = l.Attributes["model"] == "value"
			case toCluster, toNamespace, toPod:
				got = l.Resource[strings.TrimPrefix(row.Field, "resource.")] == "value"
			case toCallType:
				got = l.Attributes["call_type"] == "value"
			default:
				t.Fatalf("no check for %s", row.Field)
			}
			if got != true {
				t.Errorf("%s ← %s: not mapped: %+v", row.Field, source, l)
			}
		}
	}
	seen := map[string]string{}
	for _, row := range Mapping() {
		for _, s := range row.Sources {
			if other := seen[strings.ToLower(s)]; other != "" {
				t.Errorf("%s is a source of %s and of %s", s, other, row.Field)
			}
			seen[strings.ToLower(s)] = row.Field
		}
	}
}

func TestResourceIsAddedWhereAbsent(t *testing.T) {
	o := origin{resource: map[string]string{ResourceCluster: "env", ResourceNamespace: "env"}}
	got := mapJSON(t, `{"message":"m","cluster_id":"own"}`, o)[0].Log.Resource
	if diff := cmp.Diff(map[string]any{ResourceCluster: "own", ResourceNamespace: "env"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestEnvResource(t *testing.T) {
	env := map[string]string{"CLUSTER_ID": "c", "HOSTNAME": "pod-7", "KUBERNETES_SERVICE_HOST": "10.0.0.1"}
	read := func(path string) ([]byte, error) {
		if path != "/var/run/secrets/kubernetes.io/serviceaccount/namespace" {
			t.Errorf("read %s", path)
		}
		return []byte("ns\n"), nil
	}
	get := func(k string) string { return env[k] }
	want := map[string]string{ResourceCluster: "c", ResourceNamespace: "ns", ResourcePod: "pod-7"}
	if diff := cmp.Diff(want, EnvResource(get, read)); diff != "" {
		t.Error(diff)
	}
	env = map[string]string{"PITOT_CLUSTER_ID": "p", "CLUSTER_ID": "c", "POD_NAMESPACE": "n", "HOSTNAME": "laptop"}
	if diff := cmp.Diff(map[string]string{ResourceCluster: "p", ResourceNamespace: "n"}, EnvResource(get, read)); diff != "" {
		t.Error(diff)
	}
}

func TestTooManyFieldsAreCounted(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"message":"m"`)
	for i := range 2000 {
		b.WriteString(`,"k`)
		b.WriteString(strings.Repeat("x", i%50))
		b.WriteString(strings.Repeat("y", i/50))
		b.WriteString(`":1`)
	}
	b.WriteString("}")
	l := mapJSON(t, b.String(), origin{})[0].Log
	n, _ := l.Attributes[attrDropped].(int64)
	if len(l.Attributes) != maxFields+1 || int(n)+maxFields != 2000 {
		t.Errorf("%d attributes, %d dropped", len(l.Attributes), n)
	}
}

func TestDeepDocumentStaysText(t *testing.T) {
	doc := strings.Repeat(`{"a":`, 20) + "1" + strings.Repeat("}", 20)
	l := mapJSON(t, doc, origin{})[0].Log
	if len(l.Attributes) != 1 {
		t.Fatalf("attributes: %v", l.Attributes)
	}
	for k, v := range l.Attributes {
		if s, ok := v.(string); !ok || strings.Count(k, "a") != maxDepth+1 || !strings.HasPrefix(s, "{") {
			t.Errorf("%q: %v", k, v)
		}
	}
}

func TestParseTime(t *testing.T) {
	want := time.Date(2026, 11, 21, 10, 0, 0, 123456789, time.UTC)
	ms := want.Truncate(time.Millisecond)
	us := want.Truncate(time.Microsecond)
	s := want.Truncate(time.Second)
	for _, tc := range []struct {
		in   any
		want time.Time
	}{
		{"2026-11-21T10:00:00.123456789Z", want},
		{"2026-11-21T18:00:00.123456789+08:00", want},
		{"2026-11-21T18:00:00.123456789+0800", want},
		{"2026-11-21 10:00:00,123", ms},
		{"2026-11-21 10:00:00.123456", us},
		{"2026-11-21 10:00:00.123 +0000", ms},
		{"2026-11-21 10:00:00 UTC", s},
		{"2026/11/21 10:00:00", s},
		{"20261121T100000Z", s},
		{"21/Nov/2026:10:00:00 +0000", s},
		{"Sat, 21 Nov 2026 10:00:00 GMT", s},
		{"Nov 21 10:00:00", s},
		{int64(1795255200), s},
		{int64(1795255200123), ms},
		{int64(1795255200123456), us},
		{int64(1795255200123456789), want},
		{1795255200.123456, us},
		{1795255200123.0, ms},
		{"1795255200", s},
		{"1795255200.123456789", want},
		{"1795255200123", ms},
	} {
		got, ok := parseTime(tc.in, noon)
		if !ok || !got.Equal(tc.want) {
			t.Errorf("%v: got %v, %v; want %v", tc.in, got, ok, tc.want)
		}
	}
	for _, bad := range []any{"", "yesterday", "12:00", int64(5), -1.0, true, nil, "99999999999999999999999", "2026-13-45T00:00:00Z"} {
		if got, ok := parseTime(bad, noon); ok {
			t.Errorf("%v was read as %v", bad, got)
		}
	}
	// A line of December, read in January.
	got, _ := parseTime("Dec 31 23:59:59", time.Date(2027, 1, 1, 0, 0, 5, 0, time.UTC))
	if got.Year() != 2026 {
		t.Errorf("got %v", got)
	}
}

func TestParseLevel(t *testing.T) {
	for _, tc := range []struct {
		key  string
		in   any
		want string
	}{
		{"level", "WARNING", "warn"},
		{"level", "crit", "fatal"},
		{"level", "notice", "info"},
		{"level", "audit", "audit"},
		{"level", "30", "info"},
		{"level", int64(60), "fatal"},
		{"level", int64(10), "trace"},
		{"severity", int64(0), "fatal"},
		{"severity", int64(7), "debug"},
		{"levelno", int64(30), "warn"},
		{"severity_number", int64(9), "info"},
		{"severity_number", int64(24), "fatal"},
		{"level", true, ""},
		{"level", int64(-3), ""},
	} {
		if got, _ := parseLevel(tc.key, tc.in); got != tc.want {
			t.Errorf("%s=%v: got %q, want %q", tc.key, tc.in, got, tc.want)
		}
	}
}

func TestPlainText(t *testing.T) {
	for _, tc := range []struct {
		line, level string
		at          time.Time
	}{
		{"2026-11-21 10:00:00,123 ERROR [main] it broke", "error", noon.Add(-2*time.Hour + 123*time.Millisecond)},
		{"[2026-11-21T10:00:00Z] WARN x", "warn", noon.Add(-2 * time.Hour)},
		{"Nov 21 10:00:00 host prog[1]: hello", "", noon.Add(-2 * time.Hour)},
		{"E1121 10:00:00.000000       1 server.go:1] bad", "error", noon},
		{"ERRORS were found in INFORMATION", "", noon},
		{"hello", "", noon},
		{"", "", noon},
	} {
		m := newMapper(Config{}, NewMetrics())
		l := m.plainText(nil, []byte(tc.line), &origin{arrival: noon})[0].Log
		if l.Level != tc.level || !l.Time.Equal(tc.at) || l.Message != tc.line {
			t.Errorf("%q: level %q at %v: %q", tc.line, l.Level, l.Time, l.Message)
		}
	}
}

func TestDerivedIDsAreStable(t *testing.T) {
	o := origin{id: []string{"a", "b"}}
	line := `{"time":"2026-11-21T10:00:00Z","message":"m"}`
	a, b := mapJSON(t, line, o)[0].Log.ID, mapJSON(t, line, o)[0].Log.ID
	other := mapJSON(t, line, origin{id: []string{"ab", ""}})[0].Log.ID
	if a != b || a == other || a == mapJSON(t, line, origin{})[0].Log.ID {
		t.Errorf("ids %s %s %s", a, b, other)
	}
	if !slices.IsSorted([]string{derivedID(noon, "x"), derivedID(noon.Add(time.Second), "x")}) {
		t.Error("ids do not follow time")
	}
}

func FuzzMapping(f *testing.F) {
	for _, s := range []string{
		`{"message":"{\"log\":\"{\\\"a\\\":1}\"}","level":50,"time":1795255200123}`,
		`{"call_type":"acompletion","startTime":1795255200.1,"endTime":1795255201.5,"status":"success","messages":[{"role":"user","content":"x"}]}`,
		`{"event":"llm_request_error","latency":"820ms","error":{"type":"x"}}`, `{"":{"":{"":1e999}}}`, "{\"a\":\"\xff\"}",
	} {
		f.Add([]byte(s))
	}
	m := newMapper(Config{}, NewMetrics())
	f.Fuzz(func(t *testing.T, line []byte) {
		if m.doc.parse(line) != nil {
			return
		}
		for _, r := range m.json(nil, line, &origin{arrival: noon, id: []string{"x"}}) {
			switch {
			case r.Log != nil && (r.Log.ID == "" || r.Log.Message == "" || r.Log.Time.IsZero() || len(r.Log.Attributes) > maxFields+8):
				t.Errorf("log: %+v", r.Log)
			case r.Call != nil && (r.Call.ID == "" || r.Call.Duration < 0 || r.Call.Time.IsZero()):
				t.Errorf("call: %+v", r.Call)
			}
			_ = mustJSON(t, r.Log)
			_ = mustJSON(t, r.Call)
		}
	})
}
