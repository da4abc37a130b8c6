package api

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

type fakeUI struct{}

func (fakeUI) Page(w http.ResponseWriter, r *http.Request) {
	_, _ = io.WriteString(w, "page of "+r.URL.Path)
}

func (fakeUI) File(w http.ResponseWriter, r *http.Request) {
	_, _ = io.WriteString(w, "file "+r.URL.Path)
}
func (fakeUI) Has(path string) bool { return path == "/assets/a.js" }

// TestUI: browsers get pages at every path that is none of a program; programs
// get errors that they understand.
func TestUI(t *testing.T) {
	a := newAPI(t, func(o *Options) { o.UI = fakeUI{} })
	const browser = "text/html,application/xhtml+xml,*/*;q=0.8"
	for _, c := range []struct {
		method, path, accept string
		status               int
		body                 string
	}{
		{"GET", "/", "", 200, "page of /"},
		{"GET", "/", browser, 200, "page of /"},
		{"GET", "/calls?status=error", browser, 200, "page of /calls"},
		{"GET", "/traces/abc", browser, 200, "page of /traces/abc"},
		{"GET", "/assets/a.js", "*/*", 200, "file /assets/a.js"},
		{"GET", "/assets/old.js", browser, 404, ""},
		{"GET", "/calls", "*/*", 404, ""},
		{"GET", "/api/pitot/v1/nothing", browser, 404, ""},
		{"POST", "/calls", browser, 404, ""},
		{"DELETE", "/", browser, 404, ""},
	} {
		r := httptest.NewRequest(c.method, c.path, http.NoBody)
		r.Header.Set("Accept", c.accept)
		w := a.do(r)
		if w.Code != c.status || c.body != "" && w.Body.String() != c.body {
			t.Errorf("%s %s: %d %q", c.method, c.path, w.Code, w.Body.String())
		}
	}
	// Without a UI there is none.
	if w := newAPI(t).do(httptest.NewRequest(http.MethodGet, "/", http.NoBody)); w.Code != http.StatusNotFound {
		t.Errorf("without a UI: %d", w.Code)
	}
}
