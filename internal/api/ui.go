package api

import (
	"embed"
	"net/http"
	"strings"
)

//go:embed openapi.yaml
var files embed.FS

// UI serves the pages of the web UI and their files.
type UI interface {
	// Page answers with the page for any path: its script decides what it shows.
	Page(w http.ResponseWriter, r *http.Request)
	// File answers with one of the UI's files, if Has says that there is one.
	File(w http.ResponseWriter, r *http.Request)
	Has(path string) bool
}

// programs are the first parts of paths that are never pages: a browser that
// comes there by a mistyped address is told so as a program is.
var programs = map[string]bool{"api": true, "select": true, "insert": true, "jaeger": true, "alertmanager": true, "monitoring": true, "federate": true, "metrics": true, "-": true, "assets": true}

// ui answers with a file or a page of the UI; false where the request wants
// neither.
func (s *server) ui(w http.ResponseWriter, r *http.Request) bool {
	if s.UI == nil || r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	if s.UI.Has(r.URL.Path) {
		s.UI.File(w, r)
		return true
	}
	first, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if programs[first] || first != "" && !strings.Contains(r.Header.Get("Accept"), "text/html") {
		return false
	}
	s.UI.Page(w, r)
	return true
}

func serveOpenAPI(w http.ResponseWriter, _ *http.Request) {
	b, _ := files.ReadFile("openapi.yaml") // embedded: it is there
	w.Header().Set("Content-Type", "application/yaml")
	_, _ = w.Write(b)
}
