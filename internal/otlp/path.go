package otlp

import (
	"net/http"
	"strings"
)

// signal is a kind of telemetry.
type signal uint8

const (
	signalNone signal = iota
	signalTraces
	signalLogs
	signalMetrics
	numSignals
)

// String is the signal's name in paths and labels.
func (s signal) String() string {
	return [numSignals]string{"none", "traces", "logs", "metrics"}[s]
}

// unit is what one thing of the signal is called in messages.
func (s signal) unit() string {
	return [numSignals]string{"item", "span", "log record", "data point"}[s]
}

// door is a protocol that a path stands for.
type door uint8

const (
	doorNone door = iota
	doorOTLP
	doorJaeger
	doorZipkin
	doorProfiles
	doorZipkinV1
	doorRoot
)

// langfuseBase is where Langfuse takes traces; some senders post to it as it is.
const langfuseBase = "/api/public/otel"

// route says what a path of the HTTP listener is for. It is lenient: an endpoint
// variable that ends in a slash gives doubled slashes, and a redirect would turn
// the POST into a GET.
func route(path string) (door, signal) {
	for strings.Contains(path, "//") {
		path = strings.ReplaceAll(path, "//", "/")
	}
	path = strings.TrimRight(path, "/")
	switch path {
	case "":
		return doorRoot, signalNone
	case langfuseBase:
		return doorOTLP, signalTraces
	case "/api/traces":
		return doorJaeger, signalTraces
	case "/api/v2/spans":
		return doorZipkin, signalTraces
	case "/api/v1/spans":
		return doorZipkinV1, signalTraces
	}
	rest, last := cutLast(path)
	_, version := cutLast(rest)
	switch {
	case last == "profiles" && strings.HasPrefix(version, "v1"):
		return doorProfiles, signalNone
	case version != "v1":
		return doorNone, signalNone
	case last == "traces":
		return doorOTLP, signalTraces
	case last == "logs":
		return doorOTLP, signalLogs
	case last == "metrics":
		return doorOTLP, signalMetrics
	}
	return doorNone, signalNone
}

// cutLast splits off the last segment of a path.
func cutLast(path string) (rest, last string) {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return "", path
	}
	return path[:i], path[i+1:]
}

// gRPC methods that senders call.
const (
	methodTraces   = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
	methodLogs     = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
	methodMetrics  = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"
	methodHealth   = "/grpc.health.v1.Health/Check"
	prefixProfiles = "/opentelemetry.proto.collector.profiles."
	prefixJaeger   = "/jaeger.api_v2.CollectorService/"
)

// routeGRPC says what a gRPC method is for.
func routeGRPC(method string) signal {
	switch method {
	case methodTraces:
		return signalTraces
	case methodLogs:
		return signalLogs
	case methodMetrics:
		return signalMetrics
	}
	return signalNone
}

// unknownMethod says what to do instead of calling a gRPC method that there is not.
func unknownMethod(method string) string {
	switch {
	case strings.HasPrefix(method, prefixProfiles):
		return "profiles are not taken: send traces, logs and metrics only"
	case strings.HasPrefix(method, prefixJaeger):
		return "Jaeger's gRPC protocol is not taken: send OTLP, or Jaeger Thrift over HTTP to /api/traces"
	default:
		return "there is no method " + clip(method, 120) + ": this port takes OTLP traces, logs and metrics"
	}
}

// welcome is what somebody reads who opens the listener in a browser.
const welcome = `This is Pitot's telemetry port. It takes, over HTTP and gRPC alike:

  OTLP traces    POST /v1/traces     (protobuf or JSON; gzip, zstd, deflate, snappy)
  OTLP logs      POST /v1/logs
  OTLP metrics   POST /v1/metrics
  Jaeger Thrift  POST /api/traces
  Zipkin v2      POST /api/v2/spans

The same behind the paths of other products, such as /api/public/otel (Langfuse) and /otel (LangSmith).
Set OTEL_EXPORTER_OTLP_ENDPOINT to this address, without a path.
`

// notFound says what to do about a path that stands for nothing.
func notFound(r *http.Request) *failure {
	msg := "there is nothing at " + clip(r.URL.Path, 120) + ": send to /v1/traces, /v1/logs or /v1/metrics"
	switch d, _ := route(r.URL.Path); d {
	case doorRoot:
		msg = "the path is missing: send to /v1/traces, /v1/logs or /v1/metrics; OTEL_EXPORTER_OTLP_ENDPOINT adds it by itself, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT and its like do not"
	case doorProfiles:
		return fail(http.StatusNotImplemented, "profiles are not taken: send traces, logs and metrics only")
	case doorZipkinV1:
		return fail(http.StatusNotImplemented, "Zipkin v1 is not taken: let the sender use Zipkin v2 JSON, at /api/v2/spans")
	case doorJaeger:
		msg = "Jaeger Thrift is switched off here: set otlp.jaeger to true, or send OTLP to /v1/traces"
	case doorZipkin:
		msg = "Zipkin is switched off here: set otlp.zipkin to true, or send OTLP to /v1/traces"
	default:
	}
	return fail(http.StatusNotFound, msg)
}
