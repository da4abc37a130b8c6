package semconv

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/testkit"
)

// export is one request that a real instrumentation sent.
type export struct {
	Signal string          `json:"signal"`
	Body   json.RawMessage `json:"body"`
}

// senderResult is what golden files hold of what a sender's telemetry became.
type senderResult struct {
	Calls       []*llm.Call   `json:"calls"`
	Spans       []*senderSpan `json:"spans"`
	Logs        []*llm.Log    `json:"logs,omitempty"`
	Evaluations []Evaluation  `json:"evaluations,omitempty"`
	Reasons     []string      `json:"reasons,omitempty"`
}

// senderSpan is a span with what else JSON leaves out.
type senderSpan struct {
	*llm.Span
	Aggregate *llm.Call `json:"aggregate,omitempty"`
}

// MarshalJSON keeps Span's own method from hiding the Aggregate.
func (s *senderSpan) MarshalJSON() ([]byte, error) {
	span, err := json.Marshal(s.Span)
	if err != nil || s.Aggregate == nil {
		return span, err
	}
	agg, err := json.Marshal(s.Aggregate)
	return append(append(append(span[:len(span)-1], `,"aggregate":`...), agg...), '}'), err
}

// readSender normalises all requests of a file, each as a batch of its own.
func readSender(tb testing.TB, name string) senderResult {
	tb.Helper()
	f, err := os.Open(name)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	var now time.Time // the end of the batch: when it was sent
	n := New(Options{Now: func() time.Time { return now }})
	var out senderResult
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		var e export
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			tb.Fatalf("%s: %v", name, err)
		}
		var res Result
		switch e.Signal {
		case "traces":
			td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(e.Body)
			if err != nil {
				tb.Fatalf("%s: %v", name, err)
			}
			now = lastEnd(td)
			res = n.Traces(td)
		case "logs":
			ld, err := (&plog.JSONUnmarshaler{}).UnmarshalLogs(e.Body)
			if err != nil {
				tb.Fatalf("%s: %v", name, err)
			}
			now = ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).ObservedTimestamp().AsTime()
			res = n.Logs(ld)
		default: // metrics are another package's
			continue
		}
		for _, r := range res.Records {
			switch {
			case r.Call != nil:
				out.Calls = append(out.Calls, r.Call)
			case r.Span != nil:
				out.Spans = append(out.Spans, &senderSpan{r.Span, r.Span.Aggregate})
			case r.Log != nil:
				out.Logs = append(out.Logs, r.Log)
			}
		}
		out.Evaluations = append(out.Evaluations, res.Evaluations...)
		out.Reasons = append(out.Reasons, res.Reasons...)
	}
	if err := lines.Err(); err != nil {
		tb.Fatal(err)
	}
	return out
}

func lastEnd(td ptrace.Traces) time.Time {
	var last time.Time
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, sp := range ss.Spans().All() {
				if end := sp.EndTimestamp().AsTime(); end.After(last) {
					last = end
				}
			}
		}
	}
	return last
}

// senderFiles are recordings, such as testdata/senders/<sender>/<scenario>.json.
func senderFiles(tb testing.TB, pattern string) []string {
	tb.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil {
		tb.Fatal(err)
	}
	var out []string
	for _, f := range files {
		if !strings.HasSuffix(f, ".want.json") && !strings.HasSuffix(f, ".golden.json") {
			out = append(out, f)
		}
	}
	if len(out) == 0 {
		tb.Skipf("no recordings at %s", pattern)
	}
	return out
}

// TestSenders compares what the telemetry of real instrumentations becomes with
// the golden file beside each recording.
func TestSenders(t *testing.T) { goldens(t, senderFiles(t, "testdata/senders/*/*.json")) }

// TestDialects does the same with small telemetry of our own making, of senders
// that are not recorded.
func TestDialects(t *testing.T) { goldens(t, senderFiles(t, "testdata/dialects/*.json")) }

func goldens(t *testing.T, files []string) {
	for _, f := range files {
		name := strings.TrimSuffix(f, ".json")
		t.Run(strings.TrimPrefix(name, "testdata/"), func(t *testing.T) {
			res := readSender(t, f)
			for _, c := range res.Calls { // what was sent is in the recording
				c.Attributes, c.Resource = nil, nil
			}
			for _, s := range res.Spans {
				s.Attributes, s.Resource = nil, nil
				if s.Aggregate != nil {
					s.Aggregate.Attributes, s.Aggregate.Resource = nil, nil
				}
			}
			got, err := json.MarshalIndent(res, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			testkit.Golden(t, *update, strings.TrimPrefix(name, "testdata/")+".golden.json", append(got, '\n'))
		})
	}
}
