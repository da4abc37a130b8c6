// Package web owns the pages of the web UI as they are built, and how they are
// served: src is TypeScript, dist what `npm run build` makes of it.
//
// It does not own any data: pages ask the API that everybody else uses.
//
// Entry point: Handler. Invariants: files with a hash in their name never
// change; every page forbids scripts and styles that are not its own, and
// connections to anywhere else.
package web

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"
)

//go:embed all:dist
var dist embed.FS

// placeholder is what index.html has where each answer gets a nonce.
const placeholder = "__CSP_NONCE__"

// policy is the content security policy of a page but for the nonce. Scripts set
// styles of elements, which the policy is not about, and add style elements,
// which must carry the nonce. Images are the UI's own, or part of a page.
const policy = "default-src 'self'; script-src 'self'; style-src 'self' 'nonce-" + placeholder + "'; img-src 'self' data:; connect-src 'self'; " +
	"object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// file is one of dist, ready to be sent.
type file struct {
	name string
	raw  []byte
	etag string
	gz   func() []byte
}

// UI serves the pages. It is safe for concurrent use.
type UI struct {
	index []byte
	files map[string]*file // by path, such as /assets/main-1a2b3c.js
}

// New reads the pages that the program holds.
func New() (*UI, error) {
	sub, err := fs.Sub(dist, "dist")
	if err != nil {
		return nil, err
	}
	return read(sub)
}

func read(from fs.FS) (*UI, error) {
	u := &UI{files: map[string]*file{}}
	err := fs.WalkDir(from, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := fs.ReadFile(from, name)
		if err != nil {
			return err
		}
		if name == "index.html" {
			u.index = raw
			return nil
		}
		var sum [8]byte
		for i, h := 0, xxhash.Sum64(raw); i < len(sum); i++ {
			sum[i] = byte(h >> (8 * i))
		}
		u.files["/"+name] = &file{
			name: path.Base(name), raw: raw, etag: `"` + hex.EncodeToString(sum[:]) + `"`,
			gz: sync.OnceValue(func() []byte { return compress(raw) }),
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if u.index == nil {
		return nil, fs.ErrNotExist
	}
	return u, nil
}

// compress returns nil where it does not pay.
func compress(raw []byte) []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // the level is valid
	_, _ = w.Write(raw)                                   // a buffer takes all
	_ = w.Close()
	if b.Len() > len(raw)*9/10 {
		return nil
	}
	return b.Bytes()
}

// Has says whether a path is a file of the UI.
func (u *UI) Has(path string) bool { return u.files[path] != nil }

// File answers with a file of the UI; a path that is none is not found.
func (u *UI) File(w http.ResponseWriter, r *http.Request) {
	f := u.files[r.URL.Path]
	if f == nil {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("ETag", f.etag)
	if strings.HasPrefix(r.URL.Path, "/assets/") {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	} else {
		h.Set("Cache-Control", "no-cache")
	}
	body := f.raw
	h.Add("Vary", "Accept-Encoding")
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		if gz := f.gz(); gz != nil {
			// A validator is of one representation.
			h.Set("ETag", strings.TrimSuffix(f.etag, `"`)+`-gz"`)
			h.Set("Content-Encoding", "gzip")
			body = gz
		}
	}
	http.ServeContent(w, r, f.name, time.Time{}, bytes.NewReader(body))
}

// Page answers with the page that shows what the path names: the script decides
// which.
func (u *UI) Page(w http.ResponseWriter, r *http.Request) {
	nonce := rand.Text()
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store") // each answer has a nonce of its own
	h.Set("Content-Security-Policy", strings.Replace(policy, placeholder, nonce, 1))
	if r.Method == http.MethodHead {
		return
	}
	_, _ = w.Write(bytes.Replace(u.index, []byte(placeholder), []byte(nonce), 1))
}
