package pitot_test

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/pitot-dev/pitot"
	"github.com/pitot-dev/pitot/internal/gateway"
	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/semconv"
	"github.com/pitot-dev/pitot/internal/testkit"
	"github.com/pitot-dev/pitot/internal/testkit/replay"
	"github.com/pitot-dev/pitot/internal/wire"
)

// The same exchange goes through the gateway, and through Transport, the
// exporter's form of a span and the receiver. The two Calls must be one and the
// same but for what truly differs.

// parityExchange is a request and its answer.
type parityExchange struct {
	id       string
	host     string
	provider string
	method   string
	path     string // with its query
	header   http.Header
	body     []byte

	status   int
	answer   http.Header
	chunks   [][]byte
	streamed bool
	cut      bool // the connection breaks after the chunks
}

// parityIgnored are the fields that are not compared as they are, with the
// reason.
var parityIgnored = map[string]string{
	"id":                       "each record has its own",
	"time":                     "two runs",
	"source":                   "that is the difference",
	"upstream":                 "the gateway's name for a server",
	"service":                  "of the process, by its resource",
	"environment":              "likewise",
	"resource":                 "likewise",
	"trace_id":                 "two traces",
	"span_id":                  "likewise",
	"parent_span_id":           "likewise",
	"span_name":                "a gateway's record is no span",
	"scope":                    "likewise",
	"scope_version":            "likewise",
	"dialect":                  "of the attributes, which the gateway has none of",
	"gateway_overhead_seconds": "the gateway's own time",
	"duration_seconds":         "two runs",
	"tpot_seconds":             "follows from the duration; whether it is there is compared",
	"tokens_per_second":        "likewise",
	"ttft_seconds":             "two runs; whether it is there is compared",
	"timeline":                 "two runs; the lengths of the ticks are compared",
	"attributes":               "a span's are all kept; those of the gateway's must be among them",
	"phases.connect_seconds":   "the SDK does not see connections",
	"phases.headers_seconds":   "two runs; whether it is there is compared",
}

// gatewaySide records what the gateway makes of exchanges.
type gatewaySide struct {
	g       *gateway.Gateway
	calls   chan *llm.Call
	mu      sync.Mutex
	current *parityExchange
}

func (s *gatewaySide) CallStarted(_, _, _, _ string) {}
func (s *gatewaySide) CallEnded(_, _, _, _ string)   {}
func (s *gatewaySide) Record(c *llm.Call)            { s.calls <- c }

// ServeHTTP is the upstream: it plays the current exchange.
func (s *gatewaySide) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	x := s.current
	s.mu.Unlock()
	_, _ = io.Copy(io.Discard, r.Body)
	maps.Copy(w.Header(), x.answer)
	if _, ok := x.answer["Content-Type"]; !ok {
		w.Header()["Content-Type"] = nil
	}
	if !x.streamed {
		n := 0
		for _, c := range x.chunks {
			n += len(c)
		}
		if x.cut {
			n += 100
		}
		w.Header().Set("Content-Length", strconv.Itoa(n))
	}
	w.WriteHeader(x.status)
	for _, c := range x.chunks {
		_, _ = w.Write(c)
		if x.streamed {
			w.(http.Flusher).Flush()
		}
	}
	if x.cut {
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
}

// upstreamName is the name of the upstream for a host.
func upstreamName(host string, provider string) string {
	clean := func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.' || r == '-' || r == '_' {
			return r
		}
		return '-'
	}
	name := "x" + strings.Map(clean, strings.ToLower(provider+"-"+host))
	return name[:min(len(name), 62)]
}

// operatorsView is what an operator would configure for a host: the well-known
// upstream where there is one.
func operatorsView(x *parityExchange) gateway.Upstream {
	u := gateway.Upstream{Name: upstreamName(x.host, x.provider), Provider: llm.CanonicalProvider(x.provider), Dialect: wire.OpenAI}
	for _, w := range gateway.WellKnown() {
		if base, err := url.Parse(w.BaseURL); err == nil && base.Host == x.host {
			u.Provider, u.Dialect, u.Region = w.Provider, w.Dialect, w.Region
		}
	}
	switch u.Provider {
	case llm.ProviderAzureOpenAI:
		u.Dialect = wire.Azure
	case llm.ProviderAnthropic:
		u.Dialect = wire.Anthropic
	case llm.ProviderGemini:
		u.Dialect = wire.Gemini
	case llm.ProviderVertex:
		u.Dialect = wire.Gemini
		if region, ok := strings.CutSuffix(x.host, "-aiplatform.googleapis.com"); ok {
			u.Region = region
		}
	case llm.ProviderBedrock:
		u.Dialect = wire.Bedrock
		if parts := strings.Split(x.host, "."); len(parts) > 2 {
			u.Region = parts[1]
		}
	case llm.ProviderCohere:
		u.Dialect = wire.Cohere
	case llm.ProviderOllama:
		u.Dialect = wire.Ollama
	}
	return u
}

func newGatewaySide(t *testing.T, exchanges []parityExchange) *gatewaySide {
	t.Helper()
	s := &gatewaySide{calls: make(chan *llm.Call, 16)}
	srv := httptest.NewUnstartedServer(s)
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	srv.Start()
	seen := map[string]gateway.Upstream{}
	for i := range exchanges {
		u := operatorsView(&exchanges[i])
		u.BaseURL = srv.URL
		seen[u.Name] = u
	}
	g, err := gateway.New(gateway.Options{
		Config: gateway.Config{Upstreams: slices.Collect(maps.Values(seen))}, Sink: s,
		Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(),
	})
	if err != nil {
		t.Fatal(err)
	}
	s.g = g
	t.Cleanup(func() {
		if err := g.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
		srv.Close()
	})
	return s
}

// call is the gateway's Call of an exchange, nil where it is none to it.
func (s *gatewaySide) call(t *testing.T, x *parityExchange) *llm.Call {
	t.Helper()
	s.mu.Lock()
	s.current = x
	s.mu.Unlock()
	u := operatorsView(x)
	if _, ok := wire.Match(u.Dialect, x.method, x.path); !ok {
		return nil
	}
	req := httptest.NewRequestWithContext(t.Context(), x.method, "/"+u.Name+x.path, bytes.NewReader(x.body))
	req.Header = x.header.Clone()
	w := httptest.NewRecorder()
	func() {
		defer func() {
			if p := recover(); p != nil && !x.cut {
				t.Errorf("%s: the gateway panicked: %v", x.id, p)
			}
		}()
		s.g.ServeHTTP(w, req)
	}()
	select {
	case c := <-s.calls:
		return c
	case <-time.After(20 * time.Second):
		t.Fatalf("%s: the gateway recorded nothing", x.id)
		return nil
	}
}

// piecewise is a body that comes as it is sent.
type piecewise struct {
	chunks [][]byte
	end    error
}

func (p *piecewise) Read(b []byte) (int, error) {
	for len(p.chunks) > 0 && len(p.chunks[0]) == 0 {
		p.chunks = p.chunks[1:]
	}
	if len(p.chunks) == 0 {
		return 0, p.end
	}
	n := copy(b, p.chunks[0])
	p.chunks[0] = p.chunks[0][n:]
	return n, nil
}

func (p *piecewise) Close() error { return nil }

// baseFor is a base transport that plays an exchange.
func baseFor(x *parityExchange) http.RoundTripper {
	return roundTrip(func(req *http.Request) (*http.Response, error) {
		if req.Body != nil {
			_, _ = io.Copy(io.Discard, req.Body)
			_ = req.Body.Close()
		}
		resp := &http.Response{StatusCode: x.status, ProtoMajor: 1, ProtoMinor: 1, Header: x.answer.Clone(), Request: req, ContentLength: -1}
		body := &piecewise{chunks: slices.Clone(x.chunks), end: io.EOF}
		if !x.streamed {
			resp.ContentLength = 0
			for _, c := range x.chunks {
				resp.ContentLength += int64(len(c))
			}
		}
		if x.cut {
			body.end = io.ErrUnexpectedEOF
			resp.ContentLength += 100
			if x.streamed {
				resp.ContentLength = -1
			}
		}
		if resp.ContentLength == 0 {
			resp.Body = http.NoBody
			return resp, nil
		}
		resp.Body = body
		return resp, nil
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// sdkCall is the receiver's Call of what the SDK emits of an exchange.
func sdkCall(t *testing.T, x *parityExchange, take func() []sdktrace.ReadOnlySpan, n *semconv.Normalizer, once bool) *llm.Call {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), x.method, "https://"+x.host+x.path, bytes.NewReader(x.body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = x.header.Clone()
	if once {
		req.GetBody = nil
	}
	resp, err := pitot.Transport(baseFor(x)).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(resp.Body)
	if want := bytes.Join(x.chunks, nil); !bytes.Equal(got, want) || (err != nil) != x.cut {
		t.Errorf("%s: the caller read %d bytes of %d, error %v", x.id, len(got), len(want), err)
	}
	_ = resp.Body.Close()
	spans := take()
	if len(spans) == 0 {
		return nil
	}
	if len(spans) > 1 {
		t.Errorf("%s: %d spans", x.id, len(spans))
	}
	res := n.Traces(tracesOf(spans[0]))
	if len(res.Records) != 1 || res.Records[0].Call == nil {
		t.Errorf("%s: the receiver made %+v of the span", x.id, res)
		return nil
	}
	return res.Records[0].Call
}

// tracesOf is a span as a receiver gets it.
func tracesOf(s sdktrace.ReadOnlySpan) ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	ss := rs.ScopeSpans().AppendEmpty()
	ss.Scope().SetName(s.InstrumentationScope().Name)
	sp := ss.Spans().AppendEmpty()
	sp.SetName(s.Name())
	sp.SetTraceID(pcommon.TraceID(s.SpanContext().TraceID()))
	sp.SetSpanID(pcommon.SpanID(s.SpanContext().SpanID()))
	sp.SetKind(ptrace.SpanKindClient)
	sp.SetStartTimestamp(pcommon.NewTimestampFromTime(s.StartTime()))
	sp.SetEndTimestamp(pcommon.NewTimestampFromTime(s.EndTime()))
	switch s.Status().Code {
	case codes.Error:
		sp.Status().SetCode(ptrace.StatusCodeError)
		sp.Status().SetMessage(s.Status().Description)
	case codes.Ok:
		sp.Status().SetCode(ptrace.StatusCodeOk)
	case codes.Unset:
	}
	for _, kv := range s.Attributes() {
		v := sp.Attributes().PutEmpty(string(kv.Key))
		switch kv.Value.Type() {
		case attribute.BOOL:
			v.SetBool(kv.Value.AsBool())
		case attribute.INT64:
			v.SetInt(kv.Value.AsInt64())
		case attribute.FLOAT64:
			v.SetDouble(kv.Value.AsFloat64())
		case attribute.STRINGSLICE:
			list := v.SetEmptySlice()
			for _, x := range kv.Value.AsStringSlice() {
				list.AppendEmpty().SetStr(x)
			}
		default:
			v.SetStr(kv.Value.String())
		}
	}
	return td
}

// flat is a Call as its JSON has it, nested objects flattened by one.
func flat(t *testing.T, c *llm.Call) map[string]any {
	t.Helper()
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	out := map[string]any{}
	for k, v := range m {
		if inner, ok := v.(map[string]any); ok && (k == "usage" || k == "cost" || k == "phases" || k == "params" || k == "tags") {
			for k2, v2 := range inner {
				out[k+"."+k2] = v2
			}
			continue
		}
		out[k] = v
	}
	return out
}

// difference is a field that differs.
type difference struct{ field, gateway, sdk string }

func diffCalls(t *testing.T, g, s *llm.Call) []difference {
	t.Helper()
	canonical(g)
	canonical(s)
	a, b := flat(t, g), flat(t, s)
	var out []difference
	add := func(field string, x, y any) {
		out = append(out, difference{field, fmt.Sprintf("%.300v", x), fmt.Sprintf("%.300v", y)})
	}
	for _, k := range slices.Sorted(maps.Keys(union(a, b))) {
		if _, ok := parityIgnored[k]; ok {
			continue
		}
		if !gocmp.Equal(a[k], b[k]) {
			x, _ := json.Marshal(a[k])
			y, _ := json.Marshal(b[k])
			add(k, string(x), string(y))
		}
	}
	for _, k := range [...]string{"ttft_seconds", "tpot_seconds", "tokens_per_second", "phases.headers_seconds"} {
		_, there := a[k]
		if _, too := b[k]; there != too {
			add(k+" is there", there, too)
		}
	}
	ticks := func(c *llm.Call) (sizes []int) {
		for x := range c.Timeline.Ticks() {
			sizes = append(sizes, x.Bytes)
		}
		return sizes
	}
	if x, y := ticks(g), ticks(s); !slices.Equal(x, y) {
		add("timeline", x, y)
	}
	for k, v := range g.Attributes {
		if x, _ := json.Marshal(v); string(x) != fmt.Sprint(s.Attributes[k]) && fmt.Sprint(v) != fmt.Sprint(s.Attributes[k]) {
			add("attributes."+k, v, s.Attributes[k])
		}
	}
	return out
}

func union(a, b map[string]any) map[string]any {
	out := maps.Clone(a)
	maps.Copy(out, b)
	return out
}

// canonical takes out what OpenTelemetry's form of a message cannot hold.
func canonical(c *llm.Call) {
	for _, msgs := range [][]llm.Message{c.Input, c.Output} {
		for i := range msgs {
			// A text without characters says nothing: the receiver drops it.
			msgs[i].Parts = slices.DeleteFunc(msgs[i].Parts, func(p llm.Part) bool { return p.Type == llm.PartText && p.Content == "" && p.TruncatedChars == 0 })
			if len(msgs[i].Parts) == 0 {
				msgs[i].Parts = nil // no parts are no parts, in JSON null or []
			}
			for j := range msgs[i].Parts {
				p := &msgs[i].Parts[j]
				// The convention has arguments as JSON, not as text: white space and
				// escapes are not kept.
				p.Arguments = compactJSON(p.Arguments)
				if p.Response != nil {
					p.Response = json.RawMessage(compactJSON(string(p.Response)))
				}
			}
		}
	}
	c.Input = slices.DeleteFunc(c.Input, func(m llm.Message) bool { return len(m.Parts) == 0 })
	c.Tools = json.RawMessage(compactJSON(string(c.Tools)))
	if len(c.Tools) == 0 {
		c.Tools = nil
	}
	// One stop sequence is a list of one.
	if s, ok := c.Params["stop"].(string); ok {
		c.Params["stop"] = []any{s}
	}
}

func compactJSON(s string) string {
	var v any
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	if d.Decode(&v) != nil {
		return s
	}
	b, err := json.Marshal(v)
	if err != nil {
		return s
	}
	return string(b)
}

// recordedExchanges are those of the cassettes.
func recordedExchanges(t *testing.T) []parityExchange {
	t.Helper()
	var out []parityExchange
	for r, err := range replay.Cassettes(testkit.SharedDir(t, "cassettes")) {
		if err != nil {
			t.Fatal(err)
		}
		if x, ok := exchangeOf(t, &r); ok {
			out = append(out, x)
		}
	}
	return out
}

func exchangeOf(t *testing.T, r *replay.Recording) (parityExchange, bool) {
	t.Helper()
	if !r.ModelCall || r.StreamFormat == "ws" || r.StreamFormat == "grpc-json" || r.Path == "" {
		return parityExchange{}, false
	}
	body, err := r.RequestBody()
	if err != nil {
		t.Fatal(err)
	}
	answer, err := r.ResponseBody()
	if err != nil {
		t.Fatal(err)
	}
	x := parityExchange{
		id: r.ID, host: cmp.Or(r.ProviderHost, "models.example.internal"), provider: r.Provider, method: "POST", path: r.Path,
		header: r.RequestHeader(), body: body, status: cmp.Or(r.Status, 200), answer: r.ResponseHeader(), streamed: r.Streaming,
	}
	if !strings.HasPrefix(x.path, "/") {
		x.path = "/" + x.path
	}
	for _, h := range [...]string{"Content-Length", "Content-Encoding", "Transfer-Encoding", "Connection", "Accept-Encoding", "Host", "Expect", "Traceparent", "Upgrade"} {
		x.header.Del(h)
	}
	for k := range x.header { // what clients said about their own attempts
		if strings.HasPrefix(k, "X-Pitot-") {
			x.header.Del(k)
		}
	}
	for _, h := range [...]string{"Connection", "Trailer", "Date"} {
		x.answer.Del(h)
	}
	x.chunks = replay.Events(r, answer)
	return x, true
}

// variant makes another exchange of one.
type parityVariant struct {
	name string
	once bool // the request's body can be read only once
	of   func(x parityExchange) (parityExchange, bool)
}

func parityVariants() []parityVariant {
	return []parityVariant{
		{"as recorded", false, func(x parityExchange) (parityExchange, bool) { return x, true }},
		{"compressed, request read once", true, func(x parityExchange) (parityExchange, bool) {
			var b bytes.Buffer
			z := gzip.NewWriter(&b)
			chunks := make([][]byte, 0, len(x.chunks))
			for _, c := range x.chunks {
				_, _ = z.Write(c)
				_ = z.Flush()
				chunks = append(chunks, bytes.Clone(b.Bytes()))
				b.Reset()
			}
			_ = z.Close()
			x.chunks = append(chunks, bytes.Clone(b.Bytes()))
			x.answer = x.answer.Clone()
			x.answer.Set("Content-Encoding", "gzip")
			return x, len(chunks) > 0
		}},
		{"in odd pieces", false, func(x parityExchange) (parityExchange, bool) {
			all := bytes.Join(x.chunks, nil)
			if len(all) > 64<<10 {
				return x, false
			}
			x.chunks = nil
			for i, size := 0, 1; i < len(all); size = size*7%61 + 1 {
				n := min(size, len(all)-i)
				x.chunks = append(x.chunks, all[i:i+n])
				i += n
			}
			return x, true
		}},
		{"cut in the middle", false, func(x parityExchange) (parityExchange, bool) {
			all := bytes.Join(x.chunks, nil)
			if len(all) < 2 {
				return x, false
			}
			half := all[:len(all)/2]
			x.chunks, x.cut = [][]byte{half}, true
			return x, true
		}},
		{"an error of the provider", false, func(x parityExchange) (parityExchange, bool) {
			x.status, x.streamed = 529, false
			x.answer = http.Header{"Content-Type": {"application/json"}}
			x.chunks = [][]byte{[]byte(`{"type":"error","error":{"type":"overloaded_error","code":"overloaded","message":"try again"},"message":"try again"}`)}
			return x, true
		}},
	}
}

func TestParityWithTheGateway(t *testing.T) {
	if testing.Short() {
		t.Skip("thousands of exchanges")
	}
	exchanges := recordedExchanges(t)
	t.Run("published names", func(t *testing.T) { runParity(t, exchanges, parityVariants(), 5000) })
	t.Run("newer names", func(t *testing.T) { runParity(t, exchanges, parityVariants()[:1], 1000, pitot.NewNamesForTest()) })
}

func runParity(t *testing.T, exchanges []parityExchange, variants []parityVariant, least int, more ...pitot.Option) {
	t.Helper()
	opts := []pitot.Option{pitot.WithContent(pitot.ContentFull, 1<<20, 4096), pitot.WithSlowRequest(0), pitot.WithSlowTokenRate(0)}
	for host, dialect := range unknownHosts(exchanges) {
		opts = append(opts, pitot.WithHost(host, dialect))
	}
	take := pitot.RecordForTest(t, append(opts, more...)...)
	n := semconv.New(semconv.Options{})
	gw := newGatewaySide(t, exchanges)
	total, equal := 0, 0
	fields, examples := map[string]int{}, map[string]string{}
	for _, v := range variants {
		ran, same := 0, 0
		for i := range exchanges {
			x, ok := v.of(exchanges[i])
			if !ok {
				continue
			}
			g := gw.call(t, &x)
			s := sdkCall(t, &x, take, n, v.once)
			if g == nil && s == nil {
				continue
			}
			ran++
			if g == nil || s == nil {
				t.Errorf("%s (%s): the gateway counts it: %v, the SDK: %v", x.id, x.path, g != nil, s != nil)
				continue
			}
			pitot.ApplyContentForTest(g)
			diffs := diffCalls(t, g, s)
			if len(diffs) == 0 {
				same++
			}
			for _, d := range diffs {
				fields[d.field]++
				if _, ok := examples[d.field]; !ok {
					examples[d.field] = fmt.Sprintf("%s, %s (%s):\n  gateway %s\n  sdk     %s", v.name, x.id, x.provider, d.gateway, d.sdk)
				}
			}
		}
		t.Logf("%-30s %5d exchanges, %5d equal", v.name, ran, same)
		total, equal = total+ran, equal+same
	}
	t.Logf("%d exchanges, %d equal", total, equal)
	for _, f := range slices.Sorted(maps.Keys(fields)) {
		t.Errorf("%s differs %d times, first: %s", f, fields[f], examples[f])
	}
	if total < least {
		t.Errorf("%d exchanges: fewer than there are", total)
	}
}

// unknownHosts are those that a program would name by WithHost.
func unknownHosts(exchanges []parityExchange) map[string]string {
	out := map[string]string{}
	for i := range exchanges {
		x := &exchanges[i]
		u := operatorsView(x)
		if !pitot.KnownHostForTest(x.host) {
			out[x.host] = string(u.Dialect) + "/" + u.Provider
		}
	}
	return out
}

// TestTheGatewaysUpstreamsAreKnown keeps the SDK's table of hosts equal to the
// gateway's upstreams.
func TestTheGatewaysUpstreamsAreKnown(t *testing.T) {
	for _, u := range gateway.WellKnown() {
		base, err := url.Parse(u.BaseURL)
		if err != nil {
			t.Fatal(err)
		}
		want := [3]string{string(u.Dialect), u.Provider, u.Region}
		byName, byHost := pitot.EndpointForTest(u.Name, base.Host)
		if byName != want {
			t.Errorf("%s: by name %v, want %v", u.Name, byName, want)
		}
		if base.Hostname() == "127.0.0.1" {
			continue // told by port
		}
		if u.Name == "bedrock" {
			want[2] = "us-east-1" // of the host, which an operator names himself
		}
		if byHost != want {
			t.Errorf("%s: by host %s %v, want %v", u.Name, base.Host, byHost, want)
		}
	}
}
