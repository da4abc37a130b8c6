package web

import (
	"compress/gzip"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

func get(t *testing.T, h http.HandlerFunc, path string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, http.NoBody)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h(w, r)
	return w
}

func TestFiles(t *testing.T) {
	script := strings.Repeat("console.log('pitot');\n", 500)
	u, err := read(fstest.MapFS{
		"index.html":          {Data: []byte(`<meta nonce="` + placeholder + `">`)},
		"assets/main-1a2b.js": {Data: []byte(script)},
		"favicon.svg":         {Data: []byte("<svg/>")},
	})
	if err != nil {
		t.Fatal(err)
	}
	if !u.Has("/assets/main-1a2b.js") || u.Has("/assets/other.js") || u.Has("/index.html") || u.Has("/") {
		t.Error("it has other files than it was given")
	}
	w := get(t, u.File, "/assets/main-1a2b.js")
	if w.Code != 200 || w.Body.String() != script || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/javascript") {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	plain := w.Header().Get("ETag")
	if again := get(t, u.File, "/assets/main-1a2b.js", "If-None-Match", plain); again.Code != http.StatusNotModified {
		t.Errorf("with its validator: %d", again.Code)
	}
	w = get(t, u.File, "/assets/main-1a2b.js", "Accept-Encoding", "br, gzip")
	if w.Header().Get("Content-Encoding") != "gzip" || w.Body.Len() > len(script)/5 || w.Header().Get("ETag") == plain {
		t.Errorf("compressed: %d bytes, %v", w.Body.Len(), w.Header())
	}
	z, err := gzip.NewReader(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(z); err != nil || string(b) != script {
		t.Errorf("compressed: %v, %d bytes of %d", err, len(b), len(script))
	}
	// What compression makes no smaller is sent as it is, and may change.
	w = get(t, u.File, "/favicon.svg", "Accept-Encoding", "gzip")
	if w.Header().Get("Content-Encoding") != "" || w.Body.String() != "<svg/>" || w.Header().Get("Cache-Control") != "no-cache" {
		t.Errorf("small: %q %v", w.Body.String(), w.Header())
	}
	if w = get(t, u.File, "/assets/other.js"); w.Code != http.StatusNotFound {
		t.Errorf("no file: %d", w.Code)
	}
	if _, err := read(fstest.MapFS{"a.js": {}}); err == nil {
		t.Error("a UI without a page is taken")
	}
}

// TestPage: each answer has a nonce of its own, in the page and in its policy.
func TestPage(t *testing.T) {
	u, err := New()
	if err != nil {
		t.Fatal(err)
	}
	nonces := map[string]bool{}
	for range 3 {
		w := get(t, u.Page, "/calls")
		m := regexp.MustCompile(`style-src 'self' 'nonce-([A-Z2-7]{26})'`).FindStringSubmatch(w.Header().Get("Content-Security-Policy"))
		if m == nil || !strings.Contains(w.Body.String(), `nonce="`+m[1]+`"`) || strings.Contains(w.Body.String(), placeholder) {
			t.Fatalf("policy %q, page %s", w.Header().Get("Content-Security-Policy"), w.Body)
		}
		nonces[m[1]] = true
		csp := w.Header().Get("Content-Security-Policy")
		if strings.Contains(csp, "unsafe") || !strings.Contains(csp, "script-src 'self';") || !strings.Contains(csp, "frame-ancestors 'none'") {
			t.Errorf("policy %q", csp)
		}
	}
	if len(nonces) != 3 {
		t.Errorf("%d nonces in 3 answers", len(nonces))
	}
	w := httptest.NewRecorder()
	u.Page(w, httptest.NewRequest(http.MethodHead, "/", http.NoBody))
	if w.Body.Len() != 0 || w.Code != 200 {
		t.Errorf("HEAD: %d, %d bytes", w.Code, w.Body.Len())
	}
}

// TestPageIsSelfContained: the page asks for files that are there, on this
// server, and has no script or style of its own in it.
func TestPageIsSelfContained(t *testing.T) {
	u, err := New()
	if err != nil {
		t.Fatal(err)
	}
	page := string(u.index)
	for _, m := range regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		if !strings.HasPrefix(m[1], "/") || strings.HasPrefix(m[1], "//") {
			t.Errorf("the page asks elsewhere: %s", m[1])
		} else if !u.Has(m[1]) && m[1] != "/api/pitot/v1/openapi.yaml" {
			t.Errorf("the page asks for %s, which is not there", m[1])
		}
	}
	if regexp.MustCompile(`<script(?:\s[^>]*)?>[^<]|<style|\son[a-z]+=|style="`).MatchString(page) {
		t.Errorf("the page has a script or a style in it:\n%s", page)
	}
	files := 0
	if err := fs.WalkDir(dist, ".", func(_ string, _ fs.DirEntry, err error) error { files++; return err }); err != nil || files < 10 {
		t.Errorf("%d files, %v", files, err)
	}
}
