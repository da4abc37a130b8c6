package gateway

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/pitot-dev/pitot/internal/llm"
)

type discard struct{}

func (discard) CallStarted(_, _, _, _ string) {}
func (discard) CallEnded(_, _, _, _ string)   {}
func (discard) Record(*llm.Call)              {}

// BenchmarkProxy compares the gateway with a bare httputil.ReverseProxy and
// with no proxy, in one process: read the ratios, not the times.
func BenchmarkProxy(b *testing.B) {
	stream := strings.Repeat(chunkOf("word "), 50) + lastChunk + doneChunk
	pieces := strings.SplitAfter(stream, "\n\n")
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if !strings.Contains(string(body), `"stream":true`) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, chatAnswer)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		f := w.(http.Flusher)
		for _, p := range pieces {
			_, _ = io.WriteString(w, p)
			f.Flush()
		}
	}))
	defer up.Close()
	target, _ := url.Parse(up.URL)
	bare := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.URL.Path = strings.TrimPrefix(r.In.URL.Path, "/up")
		},
		FlushInterval: -1,
		Transport:     &http.Transport{MaxIdleConnsPerHost: 1024, DisableCompression: true},
	}
	g, err := New(Options{Config: Config{Upstreams: []Upstream{{Name: "up", BaseURL: up.URL}}}, Sink: discard{}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	defer g.Close(context.Background())
	direct := http.StripPrefix("/up", up.Config.Handler)
	// The client asks for usage itself, so that both sides carry the same bytes.
	asking := strings.Replace(streamBody, `"stream":true`, `"stream":true,"stream_options":{"include_usage":true}`, 1)
	for _, shape := range []struct{ name, body string }{{"unary", chatBody}, {"stream50", asking}} {
		for _, side := range []struct {
			name string
			h    http.Handler
		}{{"direct", direct}, {"reverseproxy", bare}, {"gateway", g}} {
			b.Run(shape.name+"/"+side.name, func(b *testing.B) {
				srv := httptest.NewServer(side.h)
				defer srv.Close()
				addr := srv.Listener.Addr().String()
				head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", chatPath, len(shape.body), shape.body)
				b.SetParallelism(4)
				b.ReportAllocs()
				b.RunParallel(func(pb *testing.PB) {
					conn, err := net.Dial("tcp", addr)
					if err != nil {
						b.Error(err)
						return
					}
					defer conn.Close()
					br := bufio.NewReaderSize(conn, 16<<10)
					for pb.Next() {
						if _, err := io.WriteString(conn, head); err != nil {
							b.Error(err)
							return
						}
						resp, err := http.ReadResponse(br, nil)
						if err != nil {
							b.Error(err)
							return
						}
						_, _ = io.Copy(io.Discard, resp.Body)
						resp.Body.Close()
					}
				})
			})
		}
	}
}
