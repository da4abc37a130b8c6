// Package examples runs each example as its user would, against simulated
// providers, and looks at what Pitot's receiver gets of it.
package examples

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/otlp"
	"github.com/pitot-dev/pitot/internal/semconv"
	"github.com/pitot-dev/pitot/pitottest"
)

// receiver is Pitot's receiver with a sink that keeps what comes.
type receiver struct {
	url string

	mu      sync.Mutex
	records []llm.Record
	metrics map[string]bool
	evals   []semconv.Evaluation
}

func (r *receiver) Submit(_ context.Context, recs []llm.Record) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.records = append(r.records, recs...)
	return nil
}

func (r *receiver) Metrics(_ context.Context, md pmetric.Metrics) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, rm := range md.ResourceMetrics().All() {
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				r.metrics[m.Name()] = true
			}
		}
	}
	return nil
}

func (r *receiver) evaluated(_ context.Context, evals []semconv.Evaluation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.evals = append(r.evals, evals...)
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{metrics: map[string]bool{}}
	o, err := otlp.New(otlp.Options{Config: otlp.DefaultConfig(), Sink: r, Normalizer: semconv.New(semconv.Options{}), Evaluations: r.evaluated, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(o.HTTPHandler())
	t.Cleanup(func() {
		srv.Close()
		if err := o.Drain(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	r.url = srv.URL
	return r
}

// lines are what came, a word or two each: "agent assistant", "chat gpt-4o-mini".
func (r *receiver) lines() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []string
	for _, rec := range r.records {
		switch {
		case rec.Call != nil:
			out = append(out, string(rec.Call.Operation)+" "+rec.Call.RequestModel)
		case rec.Span != nil:
			out = append(out, string(rec.Span.Kind)+" "+rec.Span.Name)
		}
	}
	return out
}

// calls are the calls that the SDK tells of. Anthropic's client has spans of its
// own, which Pitot's pipeline takes for the same calls by their response id.
func (r *receiver) calls() (out []*llm.Call) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, rec := range r.records {
		if rec.Call != nil && rec.Call.Source == llm.SourceSDK {
			out = append(out, rec.Call)
		}
	}
	return out
}

// build builds an example.
func build(t *testing.T, name string) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), name)
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", bin, "./"+name).CombinedOutput() //nolint:gosec // names of ours
	if err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return bin
}

// environment is what a user sets, with the providers and Pitot at other places.
func environment(models *pitottest.Providers, r *receiver) []string {
	return append(os.Environ(),
		"ENABLE_TELEMETRY=true", "OTEL_EXPORTER_OTLP_ENDPOINT="+r.url, "MONITORING_TRACE_CONTENT_MODE=full",
		"OPENAI_API_KEY=not-a-key", "OPENAI_BASE_URL="+models.URL("openai"),
		"ANTHROPIC_API_KEY=not-a-key", "ANTHROPIC_BASE_URL="+models.URL("anthropic"),
		"AWS_ACCESS_KEY_ID=not", "AWS_SECRET_ACCESS_KEY=a-key", "AWS_REGION=us-east-1", "AWS_ENDPOINT_URL_BEDROCK_RUNTIME="+models.URL("bedrock"),
		"AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null", "AWS_EC2_METADATA_DISABLED=true", "AWS_CA_BUNDLE=",
		"OLLAMA_HOST="+models.URL("ollama"),
	)
}

func TestExamples(t *testing.T) {
	for name, tc := range map[string]struct {
		args  []string
		stdin string
		want  []string // of lines, each once at least
		out   string   // in what it prints
		check func(t *testing.T, r *receiver)
	}{
		"agent": {
			args: []string{"What is the weather in Paris?"}, want: []string{"agent invoke_agent assistant", "chat claude-sonnet-4-20250514"},
			check: func(t *testing.T, r *receiver) {
				for _, c := range r.calls() {
					if c.Agent != "assistant" || c.Session != "example" || c.Service != "agent" {
						t.Errorf("call of agent %q, session %q, service %q", c.Agent, c.Session, c.Service)
					}
				}
			},
		},
		"rag": {
			args: []string{"How long is the warranty?"},
			want: []string{"workflow invoke_workflow answer", "retrieval retrieval documents", "embeddings text-embedding-3-small", "chat gpt-4o-mini"},
			check: func(t *testing.T, r *receiver) {
				for _, c := range r.calls() {
					if c.User != "u1" || c.Feature != "help" {
						t.Errorf("%s of user %q, feature %q", c.Operation, c.User, c.Feature)
					}
					if c.Operation == llm.OpChat && (c.PromptName != "answer-from-documents" || c.PromptVersion != "3") {
						t.Errorf("prompt %q version %q", c.PromptName, c.PromptVersion)
					}
				}
				if len(r.evals) != 1 || r.evals[0].ResponseID == "" {
					t.Errorf("feedback: %+v", r.evals)
				}
			},
		},
		"bedrock": {args: []string{"Tell me a joke."}, want: []string{"chat anthropic.claude-sonnet-4-20250514-v1:0"}},
		"ollama":  {args: []string{"Why is the sky blue?"}, want: []string{"chat llama3.2"}, out: "1"},
		"batch": {
			stdin: "one\ntwo\nthree\n", want: []string{"workflow invoke_workflow label", "task label one", "chat gpt-4o-mini"}, out: "two\t",
			check: func(t *testing.T, r *receiver) {
				if n := len(r.calls()); n != 3 {
					t.Errorf("%d calls for 3 texts", n)
				}
			},
		},
		"opentelemetry": {want: []string{"chat gpt-4o-mini"}},
		"grpc": {
			want: []string{"workflow invoke_workflow ask", "task example.Chat/Ask", "chat parrot-1"}, out: "you said hello",
			check: func(t *testing.T, r *receiver) {
				for _, c := range r.calls() {
					if c.User != "u1" || !c.TTFT.Known() || c.Usage.OutputTokens.Or(0) != 3 || c.Provider != "in-process" {
						t.Errorf("call: %+v", c)
					}
				}
				r.mu.Lock()
				defer r.mu.Unlock()
				for _, rec := range r.records { // one trace over the two sides
					if rec.Call == nil && rec.Span == nil || r.records[0].Call == nil && r.records[0].Span == nil {
						continue
					}
					if traceOf(rec) != traceOf(r.records[0]) {
						t.Errorf("two traces: %s and %s", traceOf(rec), traceOf(r.records[0]))
					}
				}
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			models, r := pitottest.NewProviders(t), newReceiver(t)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, build(t, name), tc.args...) //nolint:gosec // built above
			cmd.Env, cmd.Stdin = environment(models, r), strings.NewReader(tc.stdin)
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("%v\n%s%s", err, out, &stderr)
			}
			if !strings.Contains(string(out), tc.out) {
				t.Errorf("it prints\n%s", out)
			}
			// shutdown has flushed: what is to come has come.
			got := r.lines()
			for _, want := range tc.want {
				if !strings.Contains("\n"+strings.Join(got, "\n")+"\n", "\n"+want+"\n") {
					t.Errorf("nothing of %q in %q\n%s", want, got, &stderr)
				}
			}
			for _, c := range r.calls() {
				if c.Status != llm.StatusOK {
					t.Errorf("failed: %+v", c)
				}
				if c.Usage.InputTokens.Or(0) == 0 && !c.Stream {
					t.Errorf("%s %s has no usage", c.Operation, c.RequestModel)
				}
			}
			if name != "opentelemetry" && !r.metrics["llm_requests_total"] && !r.metrics["llm_requests"] && !r.metrics["llm.requests"] {
				t.Errorf("no metrics: %v", r.metrics)
			}
			if tc.check != nil {
				tc.check(t, r)
			}
		})
	}
}

func traceOf(r llm.Record) string {
	if r.Call != nil {
		return r.Call.TraceID
	}
	return r.Span.TraceID
}

// The server runs until it is told to stop.
func TestChatServer(t *testing.T) {
	models, r := pitottest.NewProviders(t), newReceiver(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	cmd := exec.CommandContext(t.Context(), build(t, "chatserver")) //nolint:gosec // built above
	cmd.Env = append(environment(models, r), "ADDR="+addr)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	answer := ask(t, "http://"+addr+"/chat?q=hello")
	if !strings.Contains(answer, "data: ") {
		t.Errorf("the answer is %q", answer)
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, &out)
	}
	calls := r.calls()
	if len(calls) != 1 || !calls[0].Stream || calls[0].User != "u1" || calls[0].Feature != "chat" || !calls[0].TTFT.Known() || !calls[0].Usage.OutputTokens.Known() {
		t.Fatalf("calls: %+v\n%s", calls, &out)
	}
	if got := strings.Join(r.lines(), "\n"); !strings.Contains(got, "GET /chat") {
		t.Errorf("no span of the server in %q", got)
	}
}

// ask waits for the server and asks it.
func ask(t *testing.T, url string) string {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); <-tick.C {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-User", "u1")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			continue // not up yet
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	t.Fatal("the server does not answer")
	return ""
}
