// Command ollama asks a local model, then prints what the program itself knows of
// its calls: no backend is needed for that.
//
//	export ENABLE_TELEMETRY=true OTEL_TRACES_EXPORTER=none OTEL_METRICS_EXPORTER=none OTEL_LOGS_EXPORTER=none
//	go run ./ollama "Why is the sky blue?"
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/ollama/ollama/api"

	"github.com/pitot-dev/pitot"
)

func main() {
	if err := run(context.Background(), strings.Join(os.Args[1:], " ")); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, question string) (err error) {
	shutdown, err := pitot.Setup(ctx, pitot.WithService("ollama", "1.0.0"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, shutdown(ctx)) }()

	host := os.Getenv("OLLAMA_HOST")
	if host == "" {
		host = "http://127.0.0.1:11434"
	}
	base, err := url.Parse(host)
	if err != nil {
		return err
	}
	err = api.NewClient(base, pitot.HTTPClient()).Chat(ctx, &api.ChatRequest{
		Model: "llama3.2", Messages: []api.Message{{Role: "user", Content: question}},
	}, func(r api.ChatResponse) error {
		fmt.Print(r.Message.Content)
		return nil
	})
	fmt.Println()
	if err != nil {
		return err
	}
	fmt.Println(pitot.Summary(time.Hour))
	return nil
}
