// Command batch labels many texts with a bounded number of workers. It watches
// itself: a threshold says when calls become slow or fail, and the summary of
// the run is printed at the end.
//
//	export OPENAI_API_KEY=... ENABLE_TELEMETRY=true
//	seq 100 | go run ./batch
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"sync"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"github.com/pitot-dev/pitot"
)

const workers = 8

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) (err error) {
	shutdown, err := pitot.Setup(ctx, pitot.WithService("batch", "1.0.0"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, shutdown(ctx)) }()
	models := openai.NewClient(option.WithHTTPClient(pitot.HTTPClient()))

	remove, err := pitot.OnThreshold(
		pitot.Rule{Name: "too many errors", Measure: pitot.ErrorRate, Threshold: 0.1, Window: time.Minute},
		func(_ context.Context, b pitot.Breach) {
			log.Printf("%s: %.1f %% of the calls fail", b.Rule.Name, 100*b.Value)
		},
	)
	if err != nil {
		return err
	}
	defer remove()

	texts := make(chan string)
	_, err = pitot.Workflow(ctx, "label", func(ctx context.Context) (int, error) {
		var wg sync.WaitGroup
		for range workers {
			wg.Go(func() {
				for text := range texts {
					if err := label(ctx, models, text); err != nil {
						log.Print(err) // and on to the next one
					}
				}
			})
		}
		n, in := 0, bufio.NewScanner(os.Stdin)
		for in.Scan() {
			texts <- in.Text()
			n++
		}
		close(texts)
		wg.Wait()
		return n, in.Err()
	})
	fmt.Println(pitot.Summary(time.Hour))
	return err
}

// label asks for one label. Each text is a task of the workflow.
func label(ctx context.Context, models openai.Client, text string) error {
	answer, err := pitot.Task(ctx, "label one", func(ctx context.Context) (string, error) {
		r, err := models.Chat.Completions.New(ctx, openai.ChatCompletionNewParams{
			Model:    "gpt-4o-mini",
			Messages: []openai.ChatCompletionMessageParamUnion{openai.SystemMessage("One word: what is this about?"), openai.UserMessage(text)},
		})
		if err != nil {
			return "", err
		}
		return r.Choices[0].Message.Content, nil
	})
	if err == nil {
		fmt.Printf("%s\t%s\n", text, answer)
	}
	return err
}
