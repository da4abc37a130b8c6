package pitot_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log"
	"log/slog"
	"net/http"
	"os"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"

	"github.com/pitot-dev/pitot"
)

func Example() {
	ctx := context.Background()
	shutdown, err := pitot.Setup(ctx)
	if err != nil {
		log.Print(err) // the program runs, without telemetry
	}
	defer func() { _ = shutdown(ctx) }()

	// Any client that takes an http.Client: openai.NewClient(option.WithHTTPClient(client)).
	client := pitot.HTTPClient()
	_ = client
}

func ExampleSetup() {
	shutdown, err := pitot.Setup(
		context.Background(),
		pitot.WithEnabled(os.Getenv("APP_ENV") == "production"),
		pitot.WithService("checkout", "1.4.2"),
		pitot.WithEndpoint("http://pitot.example.org:4318"),
		pitot.WithContent(pitot.ContentSummary, 2000, 10),
		pitot.WithSampleRate(0.1), // errors and slow calls are exported all the same
	)
	fmt.Println(err, shutdown(context.Background()))
	// Output: <nil> <nil>
}

func ExampleTransport() {
	base := &http.Transport{MaxIdleConnsPerHost: 100}
	client := &http.Client{Transport: pitot.Transport(base), Timeout: time.Minute}
	_ = client // for anything: requests that call no model pass
}

func ExampleHTTPClient() {
	_ = pitot.HTTPClient() // http.DefaultTransport, measured
}

func ExampleWorkflow() {
	answer, err := pitot.Workflow(context.Background(), "answer", func(ctx context.Context) (string, error) {
		docs, err := pitot.Retrieve(ctx, "documents", func(context.Context) ([]string, error) {
			return []string{"two years"}, nil
		}, pitot.Input("warranty"), pitot.TopK(1))
		if err != nil {
			return "", err
		}
		return "The warranty lasts " + docs[0] + ".", nil
	})
	fmt.Println(answer, err)
	// Output: The warranty lasts two years. <nil>
}

func ExampleAgent() {
	answer, err := pitot.Agent(context.Background(), "assistant", func(ctx context.Context) (int, error) {
		// Model calls, tools and retrievals beneath carry the agent's name.
		return pitot.Tool(ctx, "add", func(context.Context) (int, error) { return 17 + 25, nil })
	}, pitot.Version("2"))
	fmt.Println(answer, err)
	// Output: 42 <nil>
}

func ExampleTask() {
	_, err := pitot.Task(context.Background(), "parse", func(context.Context) (int, error) {
		return 0, errors.New("no number")
	})
	fmt.Println(err)
	// Output: no number
}

func ExampleTool() {
	n, err := pitot.Tool(context.Background(), "count", func(context.Context) (int, error) { return 3, nil }, pitot.Input("a b c"))
	fmt.Println(n, err)
	// Output: 3 <nil>
}

func ExampleRetrieve() {
	docs, err := pitot.Retrieve(context.Background(), "documents", func(context.Context) ([]string, error) {
		return []string{"a", "b"}, nil
	}, pitot.DataSource("help-pages"), pitot.TopK(2))
	fmt.Println(docs, err)
	// Output: [a b] <nil>
}

func ExampleToolFunc() {
	type place struct{ City string }
	weather := pitot.ToolFunc("get_weather", func(_ context.Context, p place) (string, error) {
		return "sunny in " + p.City, nil
	})
	report, err := weather(context.Background(), place{"Paris"})
	fmt.Println(report, err)
	// Output: sunny in Paris <nil>
}

func ExampleStream() {
	words := pitot.Stream(context.Background(), pitot.KindTask, "words", func(context.Context) iter.Seq2[string, error] {
		return func(yield func(string, error) bool) {
			for _, w := range []string{"one", "two"} {
				if !yield(w, nil) {
					return
				}
			}
		}
	})
	for w, err := range words { // the span ends with the iteration
		fmt.Println(w, err)
	}
	// Output:
	// one <nil>
	// two <nil>
}

func ExampleWith() {
	ctx := pitot.With(
		context.Background(),
		pitot.User("u1"), pitot.Session("s1"), pitot.Tenant("t1"), pitot.Feature("search"), pitot.Prompt("answer", "3"), pitot.Tag("team", "a"),
	)
	_ = ctx // every call and span beneath carries them, in other services too
}

func ExampleHandler() {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /chat/{id}", func(http.ResponseWriter, *http.Request) {})
	handler := pitot.Handler(mux, pitot.HandlerExclude("/healthz"))
	_ = handler // a span a request, which ends with its stream
}

func ExampleStartCall() {
	ctx, call := pitot.StartCall(context.Background(), pitot.OpChat, "in-process", "parrot-1")
	defer call.End()
	call.Input("hello")
	for _, token := range []string{"hel", "lo"} {
		call.Token(token) // the first one is the first token
	}
	call.Usage(pitot.Usage{InputTokens: 1, OutputTokens: 2})
	call.Finish("stop")
	_ = ctx // holds the call's span
}

func ExampleFeedback() {
	err := pitot.Feedback(context.Background(), pitot.Rating{
		ResponseID: "chatcmpl-123", // or TraceID, or Session
		Thumb:      pitot.ThumbUp,
		Comment:    "exactly what I needed",
		Key:        "chatcmpl-123/u1", // pressing the button twice counts once
	})
	fmt.Println(err)
	// Output: <nil>
}

func ExampleScore() {
	err := pitot.Score(context.Background(), pitot.Evaluation{Name: "faithfulness", Value: 0.9, ResponseID: "chatcmpl-123", Evaluator: "rules"})
	fmt.Println(err)
	// Output: <nil>
}

func ExampleAddEvent() {
	_, _ = pitot.Task(context.Background(), "index", func(ctx context.Context) (int, error) {
		pitot.AddEvent(ctx, "cache miss")
		pitot.SetOutput(ctx, map[string]int{"documents": 3})
		return 3, nil
	})
}

func ExampleMetricsHandler() {
	mux := http.NewServeMux()
	mux.Handle("/metrics", pitot.MetricsHandler())
}

func ExampleLogHandler() {
	logger := slog.New(pitot.LogHandler(slog.NewJSONHandler(os.Stderr, nil)))
	logger.InfoContext(context.Background(), "answered") // with trace_id and span_id inside a span
}

func ExampleSummary() {
	report := pitot.Summary(15*time.Minute, pitot.ByModel("gpt-4o-mini"))
	fmt.Println(report.Requests)
	// Output: 0
}

func ExampleOnThreshold() {
	remove, err := pitot.OnThreshold(
		pitot.Rule{Name: "slow answers", Measure: pitot.LatencyP95, Threshold: 5, For: time.Minute, MinRequests: 20},
		func(_ context.Context, b pitot.Breach) { log.Println(b) },
	)
	if err != nil {
		log.Print(err)
	}
	defer remove()
}

func ExampleOnCall() {
	remove := pitot.OnCall(func(_ context.Context, c pitot.CallInfo) {
		log.Println(c.RequestModel, c.Duration, c.Usage.OutputTokens)
	})
	defer remove()
}

func ExampleAskUsage() {
	// OpenAI's chat streams have no token counts unless the request asks for them.
	client := &http.Client{Transport: pitot.Transport(nil, pitot.AskUsage())}
	_ = client
}

func ExampleAgentFunc() {
	planner := pitot.AgentFunc("planner", func(_ context.Context, goal string) ([]string, error) {
		return []string{"search", "answer: " + goal}, nil
	})
	steps, err := planner(context.Background(), "warranty")
	fmt.Println(steps, err)
	// Output: [search answer: warranty] <nil>
}

func ExampleWorkflowFunc() {
	answer := pitot.WorkflowFunc("answer", func(_ context.Context, question string) (int, error) { return len(question), nil })
	n, err := answer(context.Background(), "why?")
	fmt.Println(n, err)
	// Output: 4 <nil>
}

func ExampleTaskFunc() {
	split := pitot.TaskFunc("split", func(_ context.Context, text string) (int, error) { return len(text) / 2, nil })
	n, err := split(context.Background(), "abcd")
	fmt.Println(n, err)
	// Output: 2 <nil>
}

func ExampleRetrieveFunc() {
	search := pitot.RetrieveFunc("documents", func(_ context.Context, query string) ([]string, error) { return []string{query + "!"}, nil }, pitot.TopK(1))
	docs, err := search(context.Background(), "warranty")
	fmt.Println(docs, err)
	// Output: [warranty!] <nil>
}

func ExampleStart() {
	// For work that is not one function.
	_, work := pitot.Start(context.Background(), pitot.KindAgent, "planner")
	var err error
	defer func() { work.End(err) }()
	err = errors.New("no plan")
}

func ExampleAgentStep() {
	_, _ = pitot.Agent(context.Background(), "assistant", func(ctx context.Context) (string, error) {
		pitot.AgentStep(ctx, pitot.StepMetrics{Type: "agent_loop", InputTokens: 1200, OutputTokens: 80})
		pitot.AgentVerification(ctx, pitot.Verification{Status: "passed", Passed: true, Score: 0.9})
		return "", nil
	})
}

func ExampleSetAttributes() {
	_, _ = pitot.Task(context.Background(), "index", func(ctx context.Context) (int, error) {
		pitot.SetAttributes(ctx, attribute.String("index.name", "help-pages"))
		pitot.RecordError(ctx, errors.New("one page left out")) // without failing the task
		return 0, nil
	})
}

func ExampleTraceID() {
	ctx := context.Background()
	fmt.Printf("%q %q\n", pitot.TraceID(ctx), pitot.SpanID(ctx)) // for a support ticket, or for Feedback later
	// Output: "" ""
}

func ExamplePropertiesOf() {
	ctx := pitot.With(context.Background(), pitot.User("u1"))
	fmt.Println(pitot.PropertiesOf(ctx).User) // empty while the SDK is off
	// Output:
}

func ExampleInject() {
	message := propagation.MapCarrier{} // the headers of a queue's message
	pitot.Inject(context.Background(), message)
	ctx := pitot.Extract(context.Background(), message) // at the other end
	_ = ctx
}

func ExampleSetRoute() {
	// For routers that do not set http.Request.Pattern.
	_ = pitot.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		pitot.SetRoute(r.Context(), "/items/:id")
	}))
}

func ExampleCallLogHandler() {
	// A line a call: llm_request_start, llm_request_success, llm_request_error.
	shutdown, err := pitot.Setup(context.Background(), pitot.WithCallLogs(slog.New(pitot.CallLogHandler(os.Stdout, slog.LevelInfo))))
	if err != nil {
		log.Print(err)
	}
	defer func() { _ = shutdown(context.Background()) }()
}
