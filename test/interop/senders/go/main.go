// Command go is an application in Go whose author instruments it by hand with
// OpenTelemetry, by its conventions for generative AI, and sends over gRPC. It
// runs one scenario of ../README.md.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

const (
	small     = "gpt-4o-mini"
	reasoning = "gpt-5-mini"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	// The exporter reads the standard variable; the port of gRPC is another one.
	if err := os.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", os.Getenv("OTLP_GRPC_ENDPOINT")); err != nil {
		return err
	}
	exporter, err := otlptracegrpc.New(ctx)
	if err != nil {
		return err
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter))
	otel.SetTracerProvider(provider)
	a := app{tracer: provider.Tracer("trip"), base: os.Getenv("OPENAI_BASE_URL")}
	return errors.Join(a.scenario(ctx, os.Getenv("SCENARIO")), provider.Shutdown(ctx))
}

type app struct {
	tracer trace.Tracer
	base   string
	shared []attribute.KeyValue // of every span: user, session, agent
}

func (a *app) scenario(ctx context.Context, name string) error {
	question := []message{{Role: "user", Content: "What is the weather in Lisbon?"}}
	switch name {
	case "plain":
		_, err := a.chat(ctx, request{Model: small, Messages: question})
		return err
	case "stream_usage":
		_, err := a.chat(ctx, request{Model: reasoning, Messages: question, Stream: true, Options: &streamOptions{Usage: true}})
		return err
	case "stream":
		_, err := a.chat(ctx, request{Model: small, Messages: question, Stream: true})
		return err
	case "tool":
		_, err := a.turn(ctx, question, func(context.Context) (string, error) { return `{"celsius":21}`, nil })
		return err
	case "error_4xx", "error_5xx":
		if _, err := a.chat(ctx, request{Model: small, Messages: question}); err == nil {
			return errors.New("the call should have failed")
		}
		return nil
	case "agent":
		return a.agent(ctx, question)
	}
	return fmt.Errorf("this sender has no scenario %q", name)
}

func (a *app) agent(ctx context.Context, question []message) error {
	a.shared = []attribute.KeyValue{
		attribute.String("gen_ai.conversation.id", os.Getenv("INTEROP_SESSION")), attribute.String("user.id", os.Getenv("INTEROP_USER")),
	}
	_, err := a.within(ctx, "invoke_workflow", "gen_ai.workflow.name", "trip_planner", func(ctx context.Context) (string, error) {
		a.shared = append(a.shared, attribute.String("gen_ai.workflow.name", "trip_planner"), attribute.String("gen_ai.agent.name", "planner"))
		return a.within(ctx, "invoke_agent", "gen_ai.agent.name", "planner", func(ctx context.Context) (string, error) {
			return a.turn(ctx, question, func(ctx context.Context) (string, error) {
				r, err := a.chat(ctx, request{Model: small, Messages: question})
				return r.content, err
			})
		})
	})
	return err
}

// turn asks, runs the tool that the answer asks for, and asks again.
func (a *app) turn(ctx context.Context, question []message, work func(context.Context) (string, error)) (string, error) {
	tools := json.RawMessage(`[{"type":"function","function":{"name":"weather","parameters":{"type":"object","properties":{"query":{"type":"string"}}}}}]`)
	first, err := a.chat(ctx, request{Model: small, Messages: question, Tools: tools})
	if err != nil {
		return "", err
	}
	if first.toolID == "" {
		return "", errors.New("the answer asks for no tool")
	}
	result, err := a.within(ctx, "execute_tool", "gen_ai.tool.name", first.tool, work)
	if err != nil {
		return "", err
	}
	messages := append(question[:len(question):len(question)],
		message{Role: "assistant", ToolCalls: first.toolCalls}, message{Role: "tool", ToolCallID: first.toolID, Content: result})
	last, err := a.chat(ctx, request{Model: small, Messages: messages, Tools: tools})
	return last.content, err
}

// within runs work in a span of the application.
func (a *app) within(ctx context.Context, operation, key, name string, work func(context.Context) (string, error)) (string, error) {
	ctx, span := a.tracer.Start(ctx, operation+" "+name, trace.WithAttributes(
		append(a.shared[:len(a.shared):len(a.shared)], attribute.String("gen_ai.operation.name", operation), attribute.String(key, name))...))
	defer span.End()
	return work(ctx)
}

type message struct {
	Role       string          `json:"role"`
	Content    string          `json:"content"`
	ToolCalls  json.RawMessage `json:"tool_calls,omitempty"`
	ToolCallID string          `json:"tool_call_id,omitempty"`
}

type streamOptions struct {
	Usage bool `json:"include_usage"`
}

type request struct {
	Model    string          `json:"model"`
	Messages []message       `json:"messages"`
	Stream   bool            `json:"stream,omitempty"`
	Options  *streamOptions  `json:"stream_options,omitempty"`
	Tools    json.RawMessage `json:"tools,omitempty"`
}

type answer struct {
	content, tool, toolID string
	toolCalls             json.RawMessage
}

// body is an answer or a chunk of it.
type body struct {
	ID      string `json:"id"`
	Model   string `json:"model"`
	Choices []struct {
		Message, Delta part
		FinishReason   string `json:"finish_reason"`
	} `json:"choices"`
	Usage *struct {
		Prompt        int64 `json:"prompt_tokens"`
		Completion    int64 `json:"completion_tokens"`
		PromptDetails struct {
			Cached int64 `json:"cached_tokens"`
		} `json:"prompt_tokens_details"`
		CompletionDetails struct {
			Reasoning int64 `json:"reasoning_tokens"`
		} `json:"completion_tokens_details"`
	} `json:"usage"`
	Error *struct {
		Message string `json:"message"`
		Type    string `json:"type"`
		Code    string `json:"code"`
	} `json:"error"`
}

type part struct {
	Content   string          `json:"content"`
	ToolCalls json.RawMessage `json:"tool_calls"`
}

// chat makes a call in a span of its own.
func (a *app) chat(ctx context.Context, q request) (answer, error) {
	ctx, span := a.tracer.Start(ctx, "chat "+q.Model, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(append(a.shared[:len(a.shared):len(a.shared)],
		attribute.String("gen_ai.operation.name", "chat"), attribute.String("gen_ai.provider.name", "openai"), attribute.String("gen_ai.request.model", q.Model))...))
	defer span.End()
	if q.Stream {
		span.SetAttributes(attribute.Bool("gen_ai.request.stream", true))
	}
	got, err := a.send(ctx, span, q)
	if err != nil {
		span.SetStatus(codes.Error, err.Error())
	}
	return got, err
}

func (a *app) send(ctx context.Context, span trace.Span, q request) (answer, error) {
	var got answer
	text, err := json.Marshal(q)
	if err != nil {
		return got, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.base+"/chat/completions", bytes.NewReader(text))
	if err != nil {
		return got, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+os.Getenv("OPENAI_API_KEY"))
	propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(req.Header))
	if input, err := json.Marshal(q.Messages); err == nil {
		span.SetAttributes(attribute.String("gen_ai.input.messages", inputOf(input)))
	}
	start := time.Now()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return got, err
	}
	defer resp.Body.Close()
	if q.Stream {
		return got, readStream(resp.Body, span, start, &got)
	}
	var b body
	if err := json.NewDecoder(resp.Body).Decode(&b); err != nil {
		return got, err
	}
	if b.Error != nil || resp.StatusCode >= 400 {
		kind := strconv.Itoa(resp.StatusCode)
		if b.Error != nil && b.Error.Code != "" {
			kind = b.Error.Code
		}
		span.SetAttributes(attribute.String("error.type", kind), attribute.Int("http.response.status_code", resp.StatusCode))
		return got, fmt.Errorf("status %d: %s", resp.StatusCode, kind)
	}
	record(span, b, &got)
	return got, nil
}

func readStream(r io.Reader, span trace.Span, start time.Time, got *answer) error {
	first := true
	for s := bufio.NewScanner(r); s.Scan(); {
		data, ok := strings.CutPrefix(s.Text(), "data: ")
		if !ok || data == "[DONE]" {
			continue
		}
		var b body
		if err := json.Unmarshal([]byte(data), &b); err != nil {
			return err
		}
		if first && len(b.Choices) > 0 && b.Choices[0].Delta.Content != "" {
			first = false
			span.SetAttributes(attribute.Float64("gen_ai.response.time_to_first_chunk", time.Since(start).Seconds()))
		}
		record(span, b, got)
	}
	return nil
}

// record puts what an answer says on the span.
func record(span trace.Span, b body, got *answer) {
	span.SetAttributes(attribute.String("gen_ai.response.id", b.ID), attribute.String("gen_ai.response.model", b.Model))
	for _, c := range b.Choices {
		got.content += c.Message.Content + c.Delta.Content
		if c.FinishReason != "" {
			span.SetAttributes(attribute.StringSlice("gen_ai.response.finish_reasons", []string{c.FinishReason}))
		}
		var calls []struct {
			ID       string `json:"id"`
			Function struct {
				Name string `json:"name"`
			} `json:"function"`
		}
		if json.Unmarshal(c.Message.ToolCalls, &calls) == nil && len(calls) > 0 {
			got.toolCalls, got.toolID, got.tool = c.Message.ToolCalls, calls[0].ID, calls[0].Function.Name
		}
	}
	if u := b.Usage; u != nil {
		span.SetAttributes(
			attribute.Int64("gen_ai.usage.input_tokens", u.Prompt), attribute.Int64("gen_ai.usage.output_tokens", u.Completion),
			attribute.Int64("gen_ai.usage.cache_read.input_tokens", u.PromptDetails.Cached),
			attribute.Int64("gen_ai.usage.reasoning.output_tokens", u.CompletionDetails.Reasoning))
	}
	parts := []map[string]any{}
	if got.content != "" {
		parts = append(parts, map[string]any{"type": "text", "content": got.content})
	}
	if got.tool != "" {
		parts = append(parts, map[string]any{"type": "tool_call", "id": got.toolID, "name": got.tool})
	}
	if len(parts) > 0 {
		if out, err := json.Marshal([]map[string]any{{"role": "assistant", "parts": parts}}); err == nil {
			span.SetAttributes(attribute.String("gen_ai.output.messages", string(out)))
		}
	}
}

// inputOf writes OpenAI's messages as the convention has them.
func inputOf(openai []byte) string {
	var in []message
	if json.Unmarshal(openai, &in) != nil {
		return ""
	}
	out := make([]map[string]any, 0, len(in))
	for _, m := range in {
		p := map[string]any{"type": "text", "content": m.Content}
		if m.ToolCallID != "" {
			p = map[string]any{"type": "tool_call_response", "id": m.ToolCallID, "response": m.Content}
		}
		out = append(out, map[string]any{"role": m.Role, "parts": []any{p}})
	}
	text, err := json.Marshal(out)
	if err != nil {
		return ""
	}
	return string(text)
}
