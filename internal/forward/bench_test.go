package forward

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"google.golang.org/grpc"

	"github.com/pitot-dev/pitot/internal/llm"
)

// benchRecords have about 2 KB of content.
func benchRecords(kind Kind, n int) []llm.Record {
	text := strings.Repeat("some words of a prompt that is like others ", 24)
	out := make([]llm.Record, n)
	for i := range out {
		switch kind {
		case KindLogs:
			out[i] = testLog(i)
		default:
			out[i] = testCall(i)
			out[i].Call.Input, out[i].Call.Output = []llm.Message{llm.Text("user", text)}, []llm.Message{llm.Text("assistant", text)}
		}
	}
	return out
}

// BenchmarkForward measures from the journal to the acknowledgement, with a
// receiver in the same process that reads everything and keeps nothing.
func BenchmarkForward(b *testing.B) {
	es := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, `{"errors":false}`)
	}))
	defer es.Close()
	web := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	defer web.Close()
	addr := newFakeOTLPThatForgets().serveGRPC(b, grpc.MaxRecvMsgSize(64<<20))
	for _, kind := range []Kind{KindLogs, KindCalls} {
		recs := benchRecords(kind, 500)
		for name, d := range map[string]Destination{
			"elasticsearch": esDestination(es.URL), "otlp_http": otlpDestination(web.URL, ProtocolHTTP), "otlp_grpc": otlpDestination("http://"+addr, ProtocolGRPC),
		} {
			b.Run(fmt.Sprintf("%s/%s", name, kind), func(b *testing.B) {
				b.ReportAllocs()
				r := newRigOn(b, openJournal(b, b.TempDir(), 512<<20), Config{d})
				n := 0
				for b.Loop() {
					for i := 0; i < len(recs); i += 25 {
						r.add(recs[i : i+25]...)
					}
					n += len(recs)
					for r.f.Status()[0].LagRecords > 4000 {
						runtime.Gosched()
					}
				}
				r.settled(d.Name)
				b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "records/s")
				if s := r.status(d.Name); s.Sent[kind] != uint64(n) {
					b.Fatalf("of %d: %+v", n, s)
				}
			})
		}
	}
}
