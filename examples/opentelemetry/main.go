// Command opentelemetry adds Pitot to a program that has OpenTelemetry already:
// its own providers, exporters and sampling stay in charge, and its spans and
// the model calls are one trace.
//
//	export OPENAI_API_KEY=... ENABLE_TELEMETRY=true OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318
//	go run ./opentelemetry
package main

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/pitot-dev/pitot"
)

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) (err error) {
	// What the program had before.
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return err
	}
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(exporter),
		sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", "opentelemetry"))),
	)
	defer func() { err = errors.Join(err, provider.Shutdown(ctx)) }()
	otel.SetTracerProvider(provider)

	// The one line: Setup finds the provider and uses it.
	shutdown, err := pitot.Setup(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, shutdown(ctx)) }()

	ctx, span := otel.Tracer("example").Start(ctx, "handle order")
	defer span.End()
	models := openai.NewClient(option.WithHTTPClient(pitot.HTTPClient()))
	r, err := models.Chat.Completions.New(ctx, openai.ChatCompletionNewParams{
		Model: "gpt-4o-mini", Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("Thank the customer in one sentence.")},
	})
	if err != nil {
		return err
	}
	fmt.Println(r.Choices[0].Message.Content)
	return nil
}
