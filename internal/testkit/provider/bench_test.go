package provider

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// discard is a ResponseWriter that costs nothing.
type discard struct {
	h http.Header
	n int
}

func (d *discard) Header() http.Header         { return d.h }
func (d *discard) WriteHeader(int)             {}
func (d *discard) Write(p []byte) (int, error) { d.n += len(p); return len(p), nil }
func (d *discard) Flush()                      {}

func benchHandler(b *testing.B, path, body string, headers ...string) {
	s := New(Config{Pace: NoPace})
	w := &discard{h: http.Header{}}
	rd := strings.NewReader(body)
	r := httptest.NewRequest(http.MethodPost, path, rd)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	rc := r.Body
	b.ReportAllocs()
	for b.Loop() {
		rd.Reset(body)
		r.Body = rc
		s.ServeHTTP(w, r)
	}
}

const benchBody = `{"model":"gpt-4o-mini","messages":[{"role":"user","content":"What is the state of order 48213, and when will it arrive?"}]}`

func BenchmarkUnary(b *testing.B) {
	benchHandler(b, "/v1/chat/completions", benchBody, "X-Fake-Bytes", "100", "X-Fake-Tool", "none")
}

func BenchmarkUnaryMessages(b *testing.B) {
	benchHandler(b, "/v1/messages", benchBody, "X-Fake-Bytes", "100")
}

func BenchmarkStream50(b *testing.B) {
	benchHandler(b, "/v1/chat/completions", strings.Replace(benchBody, `{`, `{"stream":true,`, 1), "X-Fake-Chunks", "50")
}

func BenchmarkConverseStream50(b *testing.B) {
	benchHandler(b, "/model/amazon.nova-lite-v1:0/converse-stream", `{"messages":[]}`, "X-Fake-Chunks", "50")
}

// BenchmarkServer is the throughput over loopback, client included.
func BenchmarkServer(b *testing.B) {
	for _, x := range []struct{ name, body, header string }{
		{"unary", benchBody, "X-Fake-Bytes"},
		{"stream50", strings.Replace(benchBody, `{`, `{"stream":true,`, 1), "X-Fake-Chunks"},
	} {
		b.Run(x.name, func(b *testing.B) {
			srv := httptest.NewServer(New(Config{Pace: NoPace}))
			defer srv.Close()
			tr := &http.Transport{MaxIdleConnsPerHost: 64}
			defer tr.CloseIdleConnections()
			client := &http.Client{Transport: tr}
			b.SetParallelism(4)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				buf := make([]byte, 64<<10)
				for pb.Next() {
					req, err := http.NewRequest(http.MethodPost, srv.URL+"/v1/chat/completions", strings.NewReader(x.body))
					if err != nil {
						b.Error(err)
						return
					}
					req.Header[x.header] = []string{"50"}
					resp, err := client.Do(req)
					if err != nil {
						b.Error(err)
						return
					}
					for {
						if _, err := resp.Body.Read(buf); err != nil {
							break
						}
					}
					resp.Body.Close()
				}
			})
		})
	}
}
