package main

import (
	"context"
	"io"
	"log/slog"
	"net/url"

	"github.com/pitot-dev/pitot/internal/mcp"
)

type mcpCmd struct {
	remote
}

// Run serves the tools for coding agents over standard input and output.
func (c *mcpCmd) Run(ctx context.Context, s *streams) error {
	// Standard output belongs to the protocol.
	log := slog.New(slog.NewTextHandler(s.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	tools, err := mcp.New(mcp.Options{Backend: remoteBackend{&c.remote}, Version: resolveVersion(), Logger: log})
	if err != nil {
		return err
	}
	return tools.Serve(ctx, s.in, s.out)
}

// remoteBackend asks a server for the tools.
type remoteBackend struct{ *remote }

// Get implements mcp.Backend.
func (b remoteBackend) Get(ctx context.Context, path string, q url.Values) (io.ReadCloser, error) {
	resp, err := b.get(ctx, path, q)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}
