package logs

import (
	"strings"
)

// FieldMapping says which fields of a line become a field of the record.
type FieldMapping struct {
	// Field is the record's field, as the API names it.
	Field string
	// Sources are the line's fields, nested ones with dots, in the order of
	// preference: the first that is there and can be read wins. Letters match in
	// either case.
	Sources []string
	Note    string
}

// canonical numbers the rows of the table.
type canonical int8

const (
	toTime canonical = iota
	toLevel
	toMessage
	toEvent
	toTrace
	toSpan
	toTraceparent
	toService
	toEnvironment
	toScope
	toRequest
	toModel
	toCluster
	toNamespace
	toPod
	toCallType
	canonicals
)

// Mapping is the table of fields. What it does not name is kept as an attribute
// under its own name.
func Mapping() []FieldMapping {
	return []FieldMapping{
		toTime: {"time", []string{
			"@timestamp", "timestamp", "time", "ts", "date", "datetime", "asctime", "timereported", "timegenerated", "eventtime", "event_time",
			"created_at", "syslog_timestamp", "@t", "startTime",
		}, "RFC 3339, common date formats (UTC where no zone is given), or a number of seconds, milliseconds, microseconds or nanoseconds since 1970. Where none can be read: the arrival."},
		toLevel: {"level", []string{
			"level", "severity", "log.level", "loglevel", "log_level", "lvl", "levelname", "level_name", "severity_text", "severitytext", "syslogseverity-text",
			"severity_label", "log.syslog.severity.name", "priority", "syslog.severity", "syslogseverity", "log.syslog.severity.code",
			"levelno", "severity_number", "severitynumber", "@l",
		}, "trace, debug, info, warn, error or fatal, from words and from the numbers of syslog, Python, OpenTelemetry, pino and bunyan; any other word stays as it is."},
		toMessage: {"message", []string{
			"message", "msg", "log", "body", "short_message", "text", "@m", "@mt", "event.original", "full_message", "textPayload",
		}, "A log, message or msg that is a JSON object is taken apart, and its fields win over those around it. Where there is none: the event, else the line itself, cut."},
		toEvent: {"event", []string{
			"event", "event.name", "event_name", "eventname", "event.action", "event_type", "eventtype",
		}, "An event with spaces and no message beside it is the message, as structlog writes it."},
		toTrace: {"trace_id", []string{
			"trace_id", "traceid", "trace.id", "oteltraceid", "otel.trace_id", "contextmap.trace_id", "mdc.trace_id", "logging.googleapis.com/trace",
			"dd.trace_id", "dd_trace_id", "context.trace_id", "span_context.trace_id", "@tr",
		}, "32 hex digits; a UUID and a 64-bit id are brought into that form. Datadog's only as 32 hex digits."},
		toSpan: {"span_id", []string{
			"span_id", "spanid", "span.id", "otelspanid", "otel.span_id", "contextmap.span_id", "mdc.span_id", "logging.googleapis.com/spanid",
			"dd.span_id", "context.span_id", "span_context.span_id", "@sp",
		}, "16 hex digits."},
		toTraceparent: {"trace_id, span_id", []string{
			"traceparent", "http.request.headers.traceparent", "headers.traceparent",
		}, "W3C Trace Context, where the fields above are absent."},
		toService: {"service", []string{
			"service", "service.name", "service_name", "servicename", "otelservicename", "dd.service", "resource.service.name", "app", "app_name", "application", "app.name",
			"kubernetes.labels.app", "kubernetes.labels.app.kubernetes.io/name", "kubernetes.labels.app_kubernetes_io/name", "kubernetes.container_name", "kubernetes.container.name",
			"k8s.container.name", "container_name", "container.name", "appname", "app-name", "programname", "program", "syslog.appname", "process.name", "ident", "_comm", "SYSLOG_IDENTIFIER",
		}, ""},
		toEnvironment: {"environment", []string{
			"environment", "env", "deployment.environment.name", "deployment.environment", "deployment_environment", "service.environment", "dd.env", "stage",
		}, ""},
		toScope: {"scope", []string{
			"logger", "logger_name", "loggername", "log.logger", "otel.scope.name", "scope.name", "channel", "category", "SourceContext",
		}, "The name of the logger."},
		toRequest: {"request_id", []string{
			"request_id", "requestid", "request.id", "req_id", "reqid", "req.id", "x_request_id", "x-request-id", "http.request.id", "http.request_id", "litellm_call_id", "correlation_id",
		}, "An attribute."},
		toModel: {"model", []string{
			"model", "model_name", "modelname", "llm.model", "llm_model", "gen_ai.request.model", "llm.request.model_name", "request_model", "model_id",
		}, "An attribute."},
		toCluster: {"resource." + ResourceCluster, []string{
			"cluster_id", "clusterid", "cluster", "kubernetes.cluster", "kubernetes.cluster_name", "orchestrator.cluster.name", "k8s.cluster.name",
		}, "Else from Pitot's environment: PITOT_CLUSTER_ID, CLUSTER_ID."},
		toNamespace: {"resource." + ResourceNamespace, []string{
			"namespace", "kubernetes.namespace_name", "kubernetes.namespace", "k8s.namespace.name", "namespace_name",
		}, "Else from Pitot's environment: POD_NAMESPACE, NAMESPACE, the service account's namespace."},
		toPod: {"resource." + ResourcePod, []string{
			"pod", "pod_name", "kubernetes.pod_name", "kubernetes.pod.name", "k8s.pod.name",
		}, "Else, for files, from Pitot's environment: POD_NAME, HOSTNAME in Kubernetes."},
		toCallType: {"attribute call_type", []string{"call_type"}, "Marks LiteLLM's payloads."},
	}
}

// source is where a field of a line may go, and how willingly.
type source struct {
	to   canonical
	rank int8
}

// sources indexes the table by the names of fields in lower case.
func sources() map[string]source {
	m := map[string]source{}
	for to, row := range Mapping() {
		for rank, name := range row.Sources {
			m[strings.ToLower(name)] = source{canonical(to), int8(rank)}
		}
	}
	return m
}

// find looks a field up. Most names are in lower case already.
func find(m map[string]source, key string) (source, bool) {
	s, ok := m[key]
	if !ok && strings.ContainsFunc(key, func(r rune) bool { return r >= 'A' && r <= 'Z' }) {
		s, ok = m[strings.ToLower(key)]
	}
	return s, ok
}

// candidates are the fields of a line that may become one field of the record,
// the best first.
type candidates struct {
	list [6]candidate
	n    int
}

type candidate struct {
	field int // in document.fields
	order int // less is better
}

// add keeps the candidate if it is among the best.
func (c *candidates) add(field int, rank, level, depth int8) {
	// Inner fields first: they are the application's own words.
	order := int(depth-level)<<8 | int(rank)
	at := 0
	for at < c.n && c.list[at].order <= order {
		at++
	}
	if at == len(c.list) {
		return
	}
	c.n = min(c.n+1, len(c.list))
	copy(c.list[at+1:c.n], c.list[at:])
	c.list[at] = candidate{field, order}
}

func (c *candidates) all() []candidate { return c.list[:c.n] }
