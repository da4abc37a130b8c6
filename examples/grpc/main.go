// Command grpc is a gRPC server whose model is not called over HTTP: it reports
// its calls by hand. A client of its own asks it once, so that the program shows
// both sides; whose request it is travels in the metadata.
//
//	export ENABLE_TELEMETRY=true
//	go run ./grpc
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/pitot-dev/pitot"
)

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) (err error) {
	shutdown, err := pitot.Setup(ctx, pitot.WithService("grpc", "1.0.0"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, shutdown(ctx)) }()

	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	srv := grpc.NewServer(grpc.UnaryInterceptor(serve))
	srv.RegisterService(&service, nil)
	go func() { _ = srv.Serve(l) }()
	defer srv.GracefulStop()

	conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithUnaryInterceptor(call))
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = pitot.Workflow(pitot.With(ctx, pitot.User("u1")), "ask", func(ctx context.Context) (string, error) {
		var answer wrapperspb.StringValue
		if err := conn.Invoke(ctx, "/example.Chat/Ask", wrapperspb.String("hello"), &answer); err != nil {
			return "", err
		}
		fmt.Println(answer.Value)
		return answer.Value, nil
	})
	return err
}

// carrier is gRPC metadata as OpenTelemetry's propagators see it.
type carrier metadata.MD

func (c carrier) Get(key string) string {
	if v := metadata.MD(c).Get(key); len(v) > 0 {
		return v[0]
	}
	return ""
}

func (c carrier) Set(key, value string) { metadata.MD(c).Set(key, value) }

func (c carrier) Keys() (keys []string) {
	for k := range c {
		keys = append(keys, k)
	}
	return keys
}

// call puts the trace and the properties into the metadata of a request.
func call(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	md, _ := metadata.FromOutgoingContext(ctx)
	md = md.Copy()
	pitot.Inject(ctx, carrier(md))
	return invoke(metadata.NewOutgoingContext(ctx, md), method, req, reply, conn, opts...)
}

// serve takes them out again and records the request as a task.
func serve(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	ctx = pitot.Extract(ctx, carrier(md))
	return pitot.Task(ctx, strings.TrimPrefix(info.FullMethod, "/"), func(ctx context.Context) (any, error) { return handle(ctx, req) })
}

// service is what generated code would define.
var service = grpc.ServiceDesc{
	ServiceName: "example.Chat", HandlerType: (*any)(nil),
	Methods: []grpc.MethodDesc{{MethodName: "Ask", Handler: func(_ any, ctx context.Context, decode func(any) error, intercept grpc.UnaryServerInterceptor) (any, error) {
		var in wrapperspb.StringValue
		if err := decode(&in); err != nil {
			return nil, err
		}
		return intercept(ctx, &in, &grpc.UnaryServerInfo{FullMethod: "/example.Chat/Ask"}, func(ctx context.Context, _ any) (any, error) {
			return wrapperspb.String(generate(ctx, in.Value)), nil
		})
	}}},
}

// generate is a model in the process. It says itself what a call took.
func generate(ctx context.Context, prompt string) string {
	_, c := pitot.StartCall(ctx, pitot.OpChat, "in-process", "parrot-1")
	defer c.End()
	c.Input(pitot.Message{Role: "user", Content: prompt})
	var answer strings.Builder
	for word := range strings.FieldsSeq("you said " + prompt) {
		c.Token(word + " ") // the first one is the first token
		answer.WriteString(word + " ")
	}
	c.Usage(pitot.Usage{InputTokens: int64(len(strings.Fields(prompt))), OutputTokens: int64(len(strings.Fields(answer.String())))})
	c.Finish("stop")
	return strings.TrimSpace(answer.String())
}
