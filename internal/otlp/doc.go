// Package otlp receives telemetry from other programs: traces, logs and metrics
// by the OpenTelemetry protocol (gRPC, HTTP with protobuf, HTTP with JSON), and
// traces of older senders as Jaeger Thrift over HTTP and Zipkin v2 JSON.
//
// It owns transports, encodings, compression, limits and answers: what is read,
// how much memory that may take, what a sender is told. It does not know what
// the attributes of a span mean (internal/semconv does) nor where records go
// (the Sink knows); it keeps nothing once a request is answered.
//
// The entry type is Receiver. HTTPHandler takes every protocol of the package,
// gRPC included, so that one handler serves the listeners on 4317 and 4318 alike
// and a sender that has the wrong one of the two still gets through. It must be
// served by an http.Server with HTTP/2 without TLS switched on. JaegerHandler is
// for the listener that old Jaeger senders expect on 14268.
//
// gRPC is spoken over net/http and not by grpc-go, because the bytes of a
// message must be counted before they are in memory, and because a message with
// one broken span must be seen before a codec refuses it whole.
//
// # Paths
//
// Any path that ends in /v1/traces, /v1/logs or /v1/metrics is taken, whatever
// is before it, so that the base URLs of vendors work with only the host changed:
//
//	/v1/...                          OpenTelemetry, OpenLLMetry (Traceloop), OpenLIT, Phoenix, Arize, Laminar, Logfire
//	/api/public/otel/v1/...          Langfuse; also without /v1/traces
//	/otel/v1/...                     LangSmith, Braintrust, W&B Weave
//	/api/v1/otel/v1/...              LangSmith, self-hosted
//	/api/v1/private/otel/v1/...      Comet Opik; also below /opik
//	/api/otel/v1/...                 Langtrace, Helicone and others
//	/api/traces                      Jaeger Thrift, binary or compact
//	/api/v2/spans                    Zipkin v2 JSON
//
// Credentials that vendors' senders attach (Basic or Bearer) are accepted, not
// checked, and neither kept nor logged.
//
// # Invariants
//
//   - A request is answered with success only after Sink took its records:
//     acknowledged means journaled.
//   - One broken span, log record or metric never rejects its neighbours. What is
//     rejected is counted and named in the answer.
//   - The memory for requests under way is bounded by Config.MaxInFlight, whatever
//     the number of senders and however well a body is compressed; past it senders
//     are told when to come again.
//   - Nothing that a sender sends ends the process: nesting is limited before
//     anything recursive sees it.
package otlp
