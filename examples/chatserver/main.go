// Command chatserver is a chat server that streams: GET /chat?q=... answers with
// server-sent events as the model writes them.
//
// Every request is a trace: the server's span, the model call with its time to
// first token, and whose request it was.
//
//	export OPENAI_API_KEY=... ENABLE_TELEMETRY=true
//	go run ./chatserver
//	curl -N 'http://127.0.0.1:8080/chat?q=hello' -H 'X-User: u1'
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"github.com/pitot-dev/pitot"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		slog.Error("chatserver", "error", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	shutdown, err := pitot.Setup(ctx, pitot.WithService("chatserver", "1.0.0"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, shutdown(context.WithoutCancel(ctx))) }()
	// Log lines carry the trace and the span that they belong to.
	slog.SetDefault(slog.New(pitot.LogHandler(slog.NewJSONHandler(os.Stdout, nil))))

	// OPENAI_API_KEY and OPENAI_BASE_URL are the client's own variables.
	s := &server{models: openai.NewClient(option.WithHTTPClient(pitot.HTTPClient()))}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /chat", s.chat)

	addr := os.Getenv("ADDR")
	if addr == "" {
		addr = "127.0.0.1:8080"
	}
	srv := &http.Server{Addr: addr, Handler: pitot.Handler(mux), ReadHeaderTimeout: 10 * time.Second}
	ended := context.AfterFunc(ctx, func() { _ = srv.Shutdown(context.WithoutCancel(ctx)) })
	defer ended()
	slog.Info("listening", "address", addr)
	if err := srv.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

type server struct{ models openai.Client }

func (s *server) chat(w http.ResponseWriter, r *http.Request) {
	// Who asks, and for what, goes to every call beneath.
	ctx := pitot.With(r.Context(), pitot.User(r.Header.Get("X-User")), pitot.Session(r.Header.Get("X-Session")), pitot.Feature("chat"))
	stream := s.models.Chat.Completions.NewStreaming(ctx, openai.ChatCompletionNewParams{
		Model:         "gpt-4o-mini",
		Messages:      []openai.ChatCompletionMessageParamUnion{openai.UserMessage(r.FormValue("q"))},
		StreamOptions: openai.ChatCompletionStreamOptionsParam{IncludeUsage: openai.Bool(true)},
	})
	defer stream.Close()
	w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(w)
	for stream.Next() {
		for _, choice := range stream.Current().Choices {
			fmt.Fprintf(w, "data: %q\n\n", choice.Delta.Content)
		}
		if err := out.Flush(); err != nil {
			return // the reader has gone; closing the stream ends the call with the truth
		}
	}
	if err := stream.Err(); err != nil {
		slog.ErrorContext(ctx, "the model failed", "error", err)
		fmt.Fprint(w, "event: error\ndata: {}\n\n")
	}
}
