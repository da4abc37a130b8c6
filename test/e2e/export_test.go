//go:build unix

package e2e

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/pitot-dev/pitot/internal/testkit"
	"github.com/pitot-dev/pitot/internal/testkit/provider"
)

// TestExport writes files by the command, reads them back, and sends the traces
// to another server.
func TestExport(t *testing.T) {
	t.Parallel()
	up := simulate(t, provider.Config{Seed: 9, Pace: provider.NoPace})
	s := serve(t, setup{config: upstreamConfig(up.url)}).ready()
	const calls = 40
	for i := range calls {
		s.post("/openai/v1/chat/completions", `{"model":"gpt-4o-mini","messages":[{"role":"user","content":"question `+strconv.Itoa(i)+`"}]}`,
			"X-Fake-Status", "200", "X-Fake-Tool", "none", "X-Pitot-Service", "shop")
	}
	all := s.waitCalls(calls, nil)
	good := all[3]
	status, body, err := s.try(http.MethodPost, s.api+"/api/pitot/v1/feedback", strings.NewReader(`{"call_id":"`+good.ID+`","name":"helpful","thumb":"up"}`))
	if err != nil || status != http.StatusOK {
		t.Fatalf("feedback: %d %v %s", status, err, body)
	}
	testkit.Eventually(t, "the feedback shows", func() bool {
		_, text := s.get("/api/pitot/v1/feedback", url.Values{"call_id": {good.ID}})
		return strings.Contains(text, "helpful")
	})

	dir := t.TempDir()
	export := func(want string, args ...string) []byte {
		t.Helper()
		file := filepath.Join(dir, "out")
		cmd := exec.CommandContext(t.Context(), binary, append(append([]string{"export"}, args...), "--server", s.api, "--output", file)...)
		cmd.Env = environment()
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), want) {
			t.Fatalf("export %v: %v: %q, want %q", args, err, out, want)
		}
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	n := strconv.Itoa(calls)
	rows, err := csv.NewReader(bytes.NewReader(export(n+" calls", "calls", "--format", "csv"))).ReadAll()
	if err != nil || len(rows) != calls+1 {
		t.Errorf("csv: %d rows, %v", len(rows), err)
	}
	file := export("7 calls; there are more", "calls", "--format", "parquet", "--content", "--limit", "7")
	table, err := parquet.Read[any](bytes.NewReader(file), int64(len(file)))
	if err != nil || len(table) != 7 || !bytes.Contains(file, []byte("PAR1")) {
		t.Errorf("parquet: %d rows, %v", len(table), err)
	}
	if b := export(n+" calls", "calls"); bytes.Contains(b, []byte("question ")) {
		t.Error("calls have content that nobody asked for")
	}
	var line struct {
		Messages []struct{ Role, Content string }
	}
	if err := json.Unmarshal(export("1 examples", "dataset", "--min-score", "0.9", "--feedback-name", "helpful"), &line); err != nil || len(line.Messages) != 2 || line.Messages[1].Role != "assistant" {
		t.Errorf("dataset: %+v, %v", line, err)
	}
	if got := bytes.Count(export(n+" examples", "dataset", "--shape", "pairs"), []byte("\n")); got != calls {
		t.Errorf("%d pairs, want %d", got, calls)
	}

	// The traces go into another server as they are.
	other := serve(t, setup{}).ready()
	traces := export(n+" spans", "traces", "--format", "otlp", "--content")
	td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(traces[:bytes.IndexByte(traces, '\n')])
	if err != nil || td.SpanCount() != 1 {
		t.Errorf("otlp: %d spans, %v", td.SpanCount(), err)
	}
	for l := range bytes.Lines(traces) {
		if status, body, err := other.try(http.MethodPost, other.otlp+"/v1/traces", bytes.NewReader(l)); err != nil || status != http.StatusOK {
			t.Fatalf("send a trace: %d %v %s", status, err, body)
		}
	}
	if got := other.waitCalls(calls, nil); got[0].ResponseID == "" || got[0].Service != "shop" {
		t.Errorf("arrived as %+v", got[0])
	}

	// A wrong filter and a directory that is not there leave no file.
	for _, args := range [][]string{{"calls", "--query", "|"}, {"calls", "--output", filepath.Join(dir, "none", "x")}} {
		cmd := exec.CommandContext(t.Context(), binary, append(append([]string{"export"}, args...), "--server", s.api)...)
		cmd.Env = environment()
		cmd.Stdout = io.Discard
		var exit *exec.ExitError
		if err := cmd.Run(); !errors.As(err, &exit) {
			t.Errorf("export %v: %v, want a failure", args, err)
		}
	}
	if left, err := filepath.Glob(filepath.Join(dir, ".*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
