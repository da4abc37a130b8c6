package clients

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/gin-gonic/gin"
	"github.com/go-chi/chi/v5"
	"github.com/labstack/echo/v4"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/pitot-dev/pitot"
	"github.com/pitot-dev/pitot/pitottest"
)

// work is what a handler does before it streams: a task that belongs to the
// request, for the user that the request names.
func work(ctx context.Context) {
	_, _ = pitot.Task(ctx, "work", func(context.Context) (int, error) { return 1, nil })
}

// stream writes server-sent events, each flushed.
func stream(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/event-stream")
	for i := range 3 {
		fmt.Fprintf(w, "data: %d\n\n", i)
		_ = http.NewResponseController(w).Flush()
	}
}

// frameworks are the ways to serve GET /chat/42.
func frameworks() map[string]http.Handler {
	gin.SetMode(gin.ReleaseMode)
	g := gin.New()
	g.GET("/chat/:id", func(c *gin.Context) {
		work(c.Request.Context())
		stream(c.Writer)
	})
	e := echo.New()
	e.GET("/chat/:id", func(c echo.Context) error {
		work(c.Request().Context())
		stream(c.Response())
		return nil
	})
	r := chi.NewRouter()
	r.Use(func(next http.Handler) http.Handler { return pitot.Handler(next) })
	r.Get("/chat/{id}", func(w http.ResponseWriter, r *http.Request) {
		work(r.Context())
		stream(w)
	})
	m := http.NewServeMux()
	m.HandleFunc("GET /chat/{id}", func(w http.ResponseWriter, r *http.Request) {
		work(r.Context())
		stream(w)
	})
	return map[string]http.Handler{"gin": pitot.Handler(g), "echo": pitot.Handler(e), "chi": r, "net/http": pitot.Handler(m)}
}

func TestHandlerInFrameworks(t *testing.T) {
	for name, h := range frameworks() {
		t.Run(name, func(t *testing.T) {
			rec := pitottest.Start(t)
			srv := httptest.NewServer(h)
			defer srv.Close()
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+"/chat/42", http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
			req.Header.Set("Baggage", "user.id=u1")
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if err != nil || string(body) != "data: 0\n\ndata: 1\n\ndata: 2\n\n" {
				t.Fatalf("%q %v", body, err)
			}
			waitSpans(t, rec, 2)
			task := rec.Span("work")
			if task.TraceID != "0af7651916cd43dd8448eb211c80319c" || task.User != "u1" {
				t.Errorf("task: %+v", task)
			}
			for _, s := range rec.Spans() {
				if s.SpanID == task.ParentSpanID && s.ParentSpanID != "b7ad6b7169203331" {
					t.Errorf("the handler's span is not beneath the caller's: %+v", s)
				}
			}
		})
	}
}

// waitSpans waits for spans that end after the client has its answer.
func waitSpans(t *testing.T, rec *pitottest.Recorder, n int) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(10 * time.Second); len(rec.Spans()) < n; <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("%d spans, want %d:\n%s", len(rec.Spans()), n, rec.Tree())
		}
	}
}

func TestHandlerWithConnect(t *testing.T) {
	rec := pitottest.Start(t)
	mux := http.NewServeMux()
	mux.Handle("/echo.v1.Echo/Say", connect.NewServerStreamHandler("/echo.v1.Echo/Say",
		func(ctx context.Context, req *connect.Request[wrapperspb.StringValue], out *connect.ServerStream[wrapperspb.StringValue]) error {
			work(ctx)
			for range 2 {
				if err := out.Send(req.Msg); err != nil {
					return err
				}
			}
			return nil
		}))
	srv := httptest.NewServer(pitot.Handler(mux))
	defer srv.Close()
	client := connect.NewClient[wrapperspb.StringValue, wrapperspb.StringValue](srv.Client(), srv.URL+"/echo.v1.Echo/Say")
	out, err := client.CallServerStream(t.Context(), connect.NewRequest(wrapperspb.String("hi")))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for out.Receive() {
		n++
	}
	if err := out.Err(); err != nil || n != 2 {
		t.Fatalf("%d messages, %v", n, err)
	}
	_ = out.Close()
	waitSpans(t, rec, 2)
	if task := rec.Span("work"); task.ParentSpanID == "" {
		t.Errorf("the task is not beneath the handler's span:\n%s", rec.Tree())
	}
}
