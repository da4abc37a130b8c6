// Command bedrock streams an answer from Amazon Bedrock. The AWS SDK gets Pitot's
// HTTP client; attempts that it repeats are one call.
//
//	export ENABLE_TELEMETRY=true         # and the AWS SDK's own settings
//	go run ./bedrock "Tell me a joke."
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"

	"github.com/pitot-dev/pitot"
)

func main() {
	if err := run(context.Background(), strings.Join(os.Args[1:], " ")); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, question string) (err error) {
	shutdown, err := pitot.Setup(ctx, pitot.WithService("bedrock", "1.0.0"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, shutdown(ctx)) }()

	cfg, err := config.LoadDefaultConfig(ctx, config.WithHTTPClient(pitot.HTTPClient()))
	if err != nil {
		return err
	}
	out, err := bedrockruntime.NewFromConfig(cfg).ConverseStream(ctx, &bedrockruntime.ConverseStreamInput{
		ModelId:  aws.String("anthropic.claude-sonnet-4-20250514-v1:0"),
		Messages: []types.Message{{Role: types.ConversationRoleUser, Content: []types.ContentBlock{&types.ContentBlockMemberText{Value: question}}}},
	})
	if err != nil {
		return err
	}
	stream := out.GetStream()
	defer stream.Close()
	for event := range stream.Events() {
		if d, ok := event.(*types.ConverseStreamOutputMemberContentBlockDelta); ok {
			if text, ok := d.Value.Delta.(*types.ContentBlockDeltaMemberText); ok {
				fmt.Print(text.Value)
			}
		}
	}
	fmt.Println()
	return stream.Err()
}
