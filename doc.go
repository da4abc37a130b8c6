// Package pitot shows how Go programs call large language models: how fast, how
// well and at what cost their tokens flow.
//
// # One line
//
// Setup, and an HTTP client that measures:
//
//	shutdown, err := pitot.Setup(ctx)
//	if err != nil {
//		log.Print(err) // the program runs, without telemetry
//	}
//	defer shutdown(context.Background())
//
//	client := openai.NewClient(option.WithHTTPClient(pitot.HTTPClient()))
//
// With ENABLE_TELEMETRY=true (or PITOT_ENABLED, or WithEnabled) each model call
// becomes an OpenTelemetry span with its models, tokens, time to first token,
// the arrival of every chunk, finish reasons and errors, and the metrics that go
// with it. They go to Pitot at 127.0.0.1:4318, or to any backend that takes
// OTLP: OTEL_EXPORTER_OTLP_ENDPOINT and its relatives mean what OpenTelemetry
// defines. Without it every function of this package is a no-op that allocates
// nothing.
//
// # Calls over HTTP
//
// Transport is an http.RoundTripper around another one; HTTPClient has it
// already. It recognises calls of models by host, path and shape (OpenAI and
// what is compatible with it, Azure, Anthropic, Gemini and Vertex, Bedrock,
// Cohere, Ollama) and reads the answer, streamed or not, while the program reads
// it. The program's bytes, errors and timing stay as they are; a request that is
// no call of a model costs one lookup. It fits every client that takes an
// http.Client: openai-go, anthropic-sdk-go, genai, the AWS SDK, Ollama's API,
// langchaingo, Genkit, Eino. A server that nobody knows is named by WithHost.
//
// Attempts that OpenAI's, Anthropic's and Amazon's clients repeat by themselves
// are one span, with an event for each attempt that failed.
//
// # Structure
//
// Workflow, Agent, Task, Tool and Retrieve run a function as a span of their
// kind, and return what it returns:
//
//	docs, err := pitot.Retrieve(ctx, "documents", func(ctx context.Context) ([]Doc, error) {
//		return index.Search(ctx, question)
//	}, pitot.Input(question))
//
// ToolFunc, AgentFunc and the others make a function that records its input by
// itself; Stream is for functions that yield. Errors are recorded and returned,
// panics recorded and repeated.
//
// With attaches to a context whose work it is; everything beneath carries it,
// across HTTP too:
//
//	ctx = pitot.With(ctx, pitot.User(id), pitot.Session(conversation), pitot.Feature("search"), pitot.Prompt("answer", "3"))
//
// Handler is the server's side: a span a request, which ends with its stream, and
// the properties of the caller. Inject and Extract do the same for what is not
// HTTP. StartCall measures models that are not called over HTTP.
//
// # Judgements
//
// Feedback is what a person thinks of an answer, Score what an evaluator does; by
// the provider's response id, the trace or the session.
//
// # In the process
//
// MetricsHandler serves the metrics to Prometheus, as PROMETHEUS_PORT does.
// LogHandler puts trace and request ids into the records of log/slog and sends
// them along. Summary tells what the calls of the last minutes were like, and
// OnCall and OnThreshold act on them, without any backend.
//
// # Content
//
// What is kept of prompts and answers is decided before anything leaves the
// program: MONITORING_TRACE_CONTENT_MODE or WithContent is summary (first and
// last messages, shortened), full or metrics (none). Keys and tokens are masked
// in any mode, more by WithRedact and WithMask.
//
// # Settings
//
// Options of Setup win over the environment. Beside OpenTelemetry's variables:
//
//	ENABLE_TELEMETRY, PITOT_ENABLED        false; true turns the SDK on
//	SERVICE_NAME, OTEL_SERVICE_NAME        the executable's name
//	TELEMETRY_SAMPLE_RATE                  1.0, the share of traces exported; errors and slow calls always are
//	LLM_SLOW_REQUEST_THRESHOLD_SECONDS     5.0, slower calls are marked, logged and always exported
//	LLM_SLOW_TOKEN_RATE_THRESHOLD          10.0 tokens/s, likewise for slower generation
//	MONITORING_TRACE_CONTENT_MODE          summary, full or metrics
//	MONITORING_TRACE_MAX_CHARS             4000, of one part of a message
//	MONITORING_TRACE_MAX_ITEMS             20 messages
//	PROMETHEUS_PORT                        serves /metrics there
//
// Attributes follow OpenTelemetry's GenAI conventions 1.41;
// OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental chooses the newer
// names.
//
// # Tests
//
// Package pitottest records what a program does during a test, compares trees of
// spans, and runs simulated providers.
package pitot
