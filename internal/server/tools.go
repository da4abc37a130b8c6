package server

import (
	"net/http"

	"github.com/pitot-dev/pitot/internal/mcp"
)

// buildTools makes the tools for coding agents. They ask the API port's own
// handler, as the client that asked them: what that client may not see there, it
// may not see by a tool.
func (s *Server) buildTools() error {
	var err error
	s.tools, err = mcp.New(mcp.Options{
		Backend: mcp.InProcess(func() http.Handler { return s.apiHandler }), Version: s.opts.Version, Logger: s.component("mcp"),
	})
	return err
}
