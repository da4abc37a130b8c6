package wire

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/pitot-dev/pitot/internal/llm"
)

// recording is one line of the recorded calls.
type recording struct {
	ID               string         `json:"id"`
	Provider         string         `json:"provider"`
	Operation        string         `json:"operation"`
	Path             string         `json:"path"`
	RequestBody      string         `json:"request_body"`
	RequestEncoding  string         `json:"request_body_encoding"`
	Status           int            `json:"status"`
	RequestHeaders   map[string]any `json:"request_headers"`
	ResponseHeaders  map[string]any `json:"response_headers"`
	ResponseBody     string         `json:"response_body"`
	ResponseEncoding string         `json:"response_body_encoding"`
	Streaming        bool           `json:"streaming"`
	StreamFormat     string         `json:"stream_format"`
	ModelCall        bool           `json:"model_call"`

	Usage []json.RawMessage `json:"usage"`
}

func (r *recording) body() []byte { return decodeRecorded(r.ResponseBody, r.ResponseEncoding) }

func decodeRecorded(s, encoding string) []byte {
	if encoding == "base64" {
		b, _ := base64.StdEncoding.DecodeString(s)
		return b
	}
	return []byte(s)
}

func (r *recording) header() http.Header { return recordedHeader(r.ResponseHeaders) }

func recordedHeader(m map[string]any) http.Header {
	h := http.Header{}
	for k, v := range m {
		switch v := v.(type) {
		case string:
			h.Set(k, v)
		case []any:
			for _, x := range v {
				h.Add(k, fmt.Sprint(x))
			}
		}
	}
	return h
}

// recordings calls visit for every recorded call of a model, or skips the test
// where the data is absent.
func recordings(t *testing.T, visit func(*recording)) {
	t.Helper()
	root := sharedData(t)
	files, err := filepath.Glob(filepath.Join(root, "cassettes", "*", "*.jsonl.zst"))
	if err != nil || len(files) == 0 {
		t.Skipf("shared data not found: no recordings under %s", root)
	}
	slices.Sort(files)
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		z, err := zstd.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		s := bufio.NewScanner(z)
		s.Buffer(nil, 64<<20)
		for s.Scan() {
			var r recording
			if err := json.Unmarshal(s.Bytes(), &r); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if r.ModelCall {
				visit(&r)
			}
		}
		if err := s.Err(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		z.Close()
		f.Close()
	}
}

// sharedData finds the recorded data beside the repository.
func sharedData(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("PITOT_SHARED"); dir != "" {
		return filepath.Join(dir, "data")
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Skip("shared data not found: no go.mod above the package")
		}
		dir = up
	}
	data := filepath.Join(dir, "..", "shared", "data")
	if _, err := os.Stat(data); err != nil {
		t.Skipf("shared data not found: set PITOT_SHARED or put it at %s", data)
	}
	return data
}

var nativeDialects = map[string]Dialect{
	"anthropic": Anthropic, "gcp.gemini": Gemini, "gcp.vertex_ai": Gemini,
	"aws.bedrock": Bedrock, "cohere": Cohere, "ollama": Ollama,
}

// nativeRoute is the route of a recording. Fixtures have no true path: theirs
// follows from what the body is.
func nativeRoute(r *recording) (Route, bool) {
	path := r.Path
	if strings.Contains(r.ID, "__fixtures__") {
		switch r.Provider {
		case "cohere":
			switch {
			case strings.Contains(r.ResponseBody, `"embeddings_by_type"`):
				path = "/v2/embed"
			case strings.Contains(r.ResponseBody, `"relevance_score"`):
				path = "/v2/rerank"
			default:
				path = "/v2/chat"
			}
		case "gcp.vertex_ai":
			path = "/v1/projects/p/locations/l/publishers/google/models/m:predict"
		}
	}
	return Match(nativeDialects[r.Provider], "POST", path)
}

// wireForm is the body as it came over the wire, with its headers: fixtures
// without framing get that of server-sent events.
func wireForm(r *recording) ([]byte, http.Header) {
	body, h := r.body(), r.header()
	if r.StreamFormat == "sse-data-lines" {
		var b strings.Builder
		for line := range strings.Lines(string(body)) {
			if line = strings.TrimSpace(line); line != "" {
				b.WriteString("data: " + line + "\n\n")
			}
		}
		body = []byte(b.String())
		h.Set("Content-Type", "text/event-stream")
	}
	return body, h
}

// decodeRecording runs a recording through the package, in pieces of the given
// sizes in turn; no size means one piece.
func decodeRecording(rt Route, r *recording, sizes ...int) *llm.Call {
	c := &llm.Call{}
	DecodeRequest(rt, http.Header{"Content-Type": recordedHeader(r.RequestHeaders).Values("Content-Type")}, decodeRecorded(r.RequestBody, r.RequestEncoding), c)
	body, h := wireForm(r)
	d := NewDecoder(rt, r.Status, h, c, Options{})
	for i := 0; len(body) > 0; i++ {
		n := len(body)
		if len(sizes) > 0 {
			n = min(n, sizes[i%len(sizes)])
		}
		d.Write(body[:n], time.Second)
		body = body[n:]
	}
	d.Close(time.Second, nil)
	return c
}

// nativeUnmatched are recordings that are, in truth, no calls of a model.
func nativeUnmatched(r *recording) string {
	switch {
	case r.Provider == "aws.bedrock" && strings.HasPrefix(r.Path, "/agents/"):
		return "an agent: its calls of models are inside the service"
	case r.Provider == "aws.bedrock" && strings.HasPrefix(r.Path, "/guardrail/"):
		return "a guardrail applied by itself"
	}
	return ""
}

// nativeExceptions are the recordings that differ from the oracle, by a part
// of their id, with the reason. One that no longer differs fails the test.
var nativeExceptions = map[string]string{
	"amazon-bedrock-json-tool.1.chunks.txt":       "made by hand without the metadata frame: a stream that was cut",
	"amazon-bedrock-json-tool.2.chunks.txt":       "likewise",
	"amazon-bedrock-json-tool.3.chunks.txt":       "likewise",
	"amazon-bedrock-json-with-tool.1.chunks.txt":  "likewise",
	"amazon-bedrock-json-with-tools.1.chunks.txt": "likewise",
	"amazon-bedrock-reranking.1.json":             "a rerank answer without its path",
	"anthropic-skill-create.json":                 "no answer of a model",
	"anthropic-skill-version-create.json":         "no answer of a model",
	"google-429-retry-info.json":                  "an error body recorded with status 200",
	"google-live-speech-translation.chunks.txt":   "a session of the live API, which has no end of its own",
}

// expectedNotes are remarks that say something true of a recording.
var expectedNotes = []string{"advisor_usage_excluded", "model_fallback"}

func TestConformanceNativeDialects(t *testing.T) {
	checked, withUsage, unmatched := map[string]int{}, map[string]int{}, map[string]int{}
	differed := map[string]bool{}
	recordings(t, func(r *recording) {
		if _, ok := nativeDialects[r.Provider]; !ok {
			return
		}
		rt, ok := nativeRoute(r)
		if reason := nativeUnmatched(r); reason != "" {
			unmatched[reason]++
			if ok {
				t.Errorf("%s: matched, but is %s", r.ID, reason)
			}
			return
		}
		if !ok {
			t.Errorf("%s: path %s is not matched", r.ID, r.Path)
			return
		}
		c := decodeRecording(rt, r)
		if d := cmp.Diff(c, decodeRecording(rt, r, 1, 7, 3, 31, 2, 113), callOptions); d != "" {
			t.Errorf("%s: split differs (-whole +split):\n%s", r.ID, d)
		}
		checked[r.Provider]++
		if c.Usage.Source == llm.UsageReported {
			withUsage[r.Provider]++
		}
		d := compareOracle(r, rt, c)
		for part := range nativeExceptions {
			if strings.Contains(r.ID, part) {
				differed[part] = differed[part] || d != ""
				d = ""
			}
		}
		if d != "" {
			t.Errorf("%s (%s %d):\n%s", r.ID, rt.API, r.Status, d)
		}
	})
	total, usage := 0, 0
	for p, n := range checked {
		t.Logf("%-14s %4d calls, %4d with usage", p, n, withUsage[p])
		total, usage = total+n, usage+withUsage[p]
	}
	for reason, n := range unmatched {
		t.Logf("not calls: %4d × %s", n, reason)
	}
	for part, reason := range nativeExceptions {
		if !differed[part] {
			t.Errorf("exception %q (%s) does not occur any more", part, reason)
		}
	}
	if total < 740 || usage < 680 {
		t.Errorf("%d calls, %d with usage: fewer than there are", total, usage)
	}
}

var callOptions = cmp.AllowUnexported(llm.Opt[int64]{}, llm.Opt[float64]{}, llm.Opt[time.Duration]{}, llm.Timeline{})

func outputText(c *llm.Call) string {
	var b strings.Builder
	for _, m := range c.Output {
		for _, p := range m.Parts {
			if p.Type == llm.PartText {
				b.WriteString(p.Content)
			}
		}
	}
	return b.String()
}

// compareOracle says how a Call differs from what the body says.
func compareOracle(r *recording, rt Route, c *llm.Call) string {
	var out []string
	differ := func(what string, got, want any) {
		out = append(out, fmt.Sprintf("  %s = %v, want %v", what, got, want))
	}
	if r.Status >= 400 {
		if c.Status != llm.StatusError || c.ErrorType == "" || c.ErrorMessage == "" {
			differ("error", c.ErrorType+": "+c.ErrorMessage, "type and message")
		}
		if c.Usage.Source != llm.UsageUnknown {
			differ("usage source of an error", c.Usage.Source, "unknown")
		}
		return strings.Join(out, "\n")
	}
	if c.Status != llm.StatusOK {
		differ("status", c.Status, "ok")
	}
	body := r.body()
	want := oracleOf(rt.API, r.header(), documents(r.StreamFormat, body))
	for _, n := range []struct {
		what string
		got  llm.Opt[int64]
		want *int64
	}{
		{"input", c.Usage.InputTokens, want.input},
		{"output", c.Usage.OutputTokens, want.output},
		{"cache read", c.Usage.CacheReadTokens, want.cacheRead},
		{"cache write", c.Usage.CacheWriteTokens, want.cacheWrite},
		{"reasoning", c.Usage.ReasoningTokens, want.reasoning},
	} {
		got, ok := n.got.Get()
		if ok != (n.want != nil) || ok && got != *n.want {
			w := "unknown"
			if n.want != nil {
				w = fmt.Sprint(*n.want)
			}
			differ(n.what, fmt.Sprint(got, ok), w)
		}
	}
	if c.ResponseModel != want.model {
		differ("response model", c.ResponseModel, want.model)
	}
	if c.ResponseID != want.id {
		differ("response id", c.ResponseID, want.id)
	}
	if f := want.normalised(); !slices.Equal(c.FinishReasons, f) {
		differ("finish reasons", c.FinishReasons, f)
	}
	if got := outputText(c); got != want.text {
		differ("text", fmt.Sprintf("%q", got), fmt.Sprintf("%q", want.text))
	}
	if len(r.Usage) > 0 && c.Usage.Source != llm.UsageReported {
		differ("usage source", c.Usage.Source, "reported: the recording has "+string(r.Usage[0]))
	}
	if c.Stream != r.Streaming {
		differ("stream", c.Stream, r.Streaming)
	}
	for _, n := range c.Notes {
		if !slices.Contains(expectedNotes, n) {
			differ("note", n, "none")
		}
	}
	if len(c.Output) == 0 && c.Operation != llm.OpEmbeddings && c.Operation != llm.OpRerank {
		differ("output", "none", "a message")
	}
	if r.RequestBody != "" && len(c.Input) == 0 {
		differ("input messages", "none", "some")
	}
	return strings.Join(out, "\n")
}
