package server

import (
	"context"
	"net/http"

	"github.com/pitot-dev/pitot/internal/auth"
	"github.com/pitot-dev/pitot/internal/mcp"
)

// toolAccess says what the clients of tools may do, so that a tool can say what
// it would need.
type toolAccess struct{ s *Server }

// Allowed implements mcp.Access.
func (a toolAccess) Allowed(ctx context.Context, p mcp.Permission) bool {
	if !a.s.auth.Enabled() {
		return true
	}
	need := auth.Read
	if p == mcp.PermissionContent {
		need |= auth.Content
	}
	return auth.From(ctx).Can(need)
}

// buildTools makes the tools for coding agents. They ask the API port's own
// handler, as the client that asked them: what that client may not see there, it
// may not see by a tool.
func (s *Server) buildTools() error {
	var err error
	s.tools, err = mcp.New(mcp.Options{
		Backend: mcp.InProcess(func() http.Handler { return s.apiHandler }), Access: toolAccess{s}, Version: s.opts.Version, Logger: s.component("mcp"),
	})
	return err
}
