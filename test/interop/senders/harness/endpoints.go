package harness

import (
	"os"
	"strings"
)

// Endpoints are the addresses that a sender is pointed at.
type Endpoints struct {
	OpenAI, Anthropic string // base URLs of the clients
	OTLPHTTP          string // http://host:port
	OTLPGRPC          string // host:port
}

// fakeKey is visibly no key.
const fakeKey = "not-a-key"

// Env is the environment of a sender: the surroundings, and the variables by
// which its libraries are told where to send. Nothing else tells it about Pitot.
func (e Endpoints) Env(service, scenario string) []string {
	var env []string
	for _, kv := range os.Environ() {
		// What is set around us about telemetry is not the sender's business.
		if k, _, _ := strings.Cut(kv, "="); strings.HasPrefix(k, "OTEL_") || strings.HasSuffix(strings.ToLower(k), "_proxy") {
			continue
		}
		env = append(env, kv)
	}
	return append(
		env,
		"SCENARIO="+scenario, "INTEROP_USER="+User, "INTEROP_SESSION="+Session,
		"OPENAI_BASE_URL="+e.OpenAI, "OPENAI_API_KEY="+fakeKey,
		"ANTHROPIC_BASE_URL="+e.Anthropic, "ANTHROPIC_API_KEY="+fakeKey,
		"OTEL_SERVICE_NAME="+service,
		"OTEL_EXPORTER_OTLP_ENDPOINT="+e.OTLPHTTP, "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf",
		"OTLP_GRPC_ENDPOINT=http://"+e.OTLPGRPC, // for senders that speak gRPC: they put it into OTEL_EXPORTER_OTLP_ENDPOINT
		"TRACELOOP_BASE_URL="+e.OTLPHTTP, "TRACELOOP_API_KEY="+fakeKey, "TRACELOOP_TELEMETRY=false",
		"OPENLIT_URL="+e.OTLPHTTP,
		"LANGFUSE_BASE_URL="+e.OTLPHTTP, "LANGFUSE_BASEURL="+e.OTLPHTTP, "LANGFUSE_HOST="+e.OTLPHTTP,
		"LANGFUSE_PUBLIC_KEY=pk-"+fakeKey, "LANGFUSE_SECRET_KEY=sk-"+fakeKey,
		"PHOENIX_COLLECTOR_ENDPOINT="+e.OTLPHTTP, "PHOENIX_API_KEY="+fakeKey,
		"LITELLM_TELEMETRY=False", "DO_NOT_TRACK=1", "NO_PROXY=127.0.0.1,localhost",
	)
}
