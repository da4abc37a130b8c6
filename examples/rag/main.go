// Command rag answers a question from a few documents: embed, retrieve, answer.
// The trace shows the workflow with its retrieval (what was searched, what was
// found) and its model calls; the user's thumb is recorded with the answer.
//
//	export OPENAI_API_KEY=... ENABLE_TELEMETRY=true
//	go run ./rag "How long is the warranty?"
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"slices"
	"strings"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"github.com/pitot-dev/pitot"
)

var documents = []string{
	"The warranty lasts two years from the day of purchase.",
	"Goods can be returned within thirty days.",
	"Delivery takes three to five working days.",
}

func main() {
	if err := run(context.Background(), strings.Join(os.Args[1:], " ")); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, question string) (err error) {
	shutdown, err := pitot.Setup(ctx, pitot.WithService("rag", "1.0.0"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, shutdown(ctx)) }()
	models := openai.NewClient(option.WithHTTPClient(pitot.HTTPClient()))

	ctx = pitot.With(ctx, pitot.User("u1"), pitot.Feature("help"))
	_, err = pitot.Workflow(ctx, "answer", func(ctx context.Context) (string, error) {
		found, err := pitot.Retrieve(ctx, "documents", func(ctx context.Context) ([]string, error) {
			return nearest(ctx, models, question, 2)
		}, pitot.Input(question), pitot.DataSource("help-pages"), pitot.TopK(2))
		if err != nil {
			return "", err
		}
		// The prompt's name and version tell its versions apart, in quality and in cost.
		ctx = pitot.With(ctx, pitot.Prompt("answer-from-documents", "3"))
		r, err := models.Chat.Completions.New(ctx, openai.ChatCompletionNewParams{
			Model: "gpt-4o-mini",
			Messages: []openai.ChatCompletionMessageParamUnion{
				openai.SystemMessage("Answer from these documents alone:\n" + strings.Join(found, "\n")),
				openai.UserMessage(question),
			},
		})
		if err != nil {
			return "", err
		}
		fmt.Println(r.Choices[0].Message.Content)
		return r.Choices[0].Message.Content, pitot.Feedback(ctx, pitot.Rating{ResponseID: r.ID, Thumb: pitot.ThumbUp})
	}, pitot.Input(question))
	return err
}

// nearest are the n documents that are nearest to the question.
func nearest(ctx context.Context, models openai.Client, question string, n int) ([]string, error) {
	r, err := models.Embeddings.New(ctx, openai.EmbeddingNewParams{
		Model: "text-embedding-3-small",
		Input: openai.EmbeddingNewParamsInputUnion{OfArrayOfStrings: append([]string{question}, documents...)},
	})
	if err != nil {
		return nil, err
	}
	if len(r.Data) != len(documents)+1 {
		return nil, fmt.Errorf("%d embeddings for %d texts", len(r.Data), len(documents)+1)
	}
	order := make([]int, len(documents))
	for i := range order {
		order[i] = i
	}
	near := func(i int) float64 { return dot(r.Data[0].Embedding, r.Data[i+1].Embedding) }
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(near(b), near(a)) })
	var out []string
	for _, i := range order[:min(n, len(order))] {
		out = append(out, documents[i])
	}
	return out, nil
}

func dot(a, b []float64) (sum float64) {
	for i := range min(len(a), len(b)) {
		sum += a[i] * b[i]
	}
	return sum
}
