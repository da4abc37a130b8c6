package replay

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"os"
	"path/filepath"
	"slices"

	"github.com/klauspost/compress/zstd"
)

// Recording is one recorded exchange: a line of a cassette.
type Recording struct {
	ID           string  `json:"id"`
	Source       string  `json:"source"`
	Format       string  `json:"format"`
	Provider     string  `json:"provider"`
	Operation    string  `json:"operation"`
	ProviderHost string  `json:"provider_host"`
	Method       string  `json:"method"`
	Path         string  `json:"path"`
	Model        string  `json:"model"`
	Status       int     `json:"status"`
	Streaming    bool    `json:"streaming"`
	StreamFormat string  `json:"stream_format"` // sse, aws-eventstream, ndjson, json-array, ws, grpc-json, sse-data-lines
	ModelCall    bool    `json:"model_call"`
	DuplicateOf  string  `json:"duplicate_of"`
	DurationMS   float64 `json:"duration_ms"`
	Usage        []Usage `json:"usage"`

	RequestHeaders  map[string]string `json:"request_headers"`
	ResponseHeaders map[string]string `json:"response_headers"`

	RawRequest       string          `json:"request_body"`
	RequestEncoding  string          `json:"request_body_encoding"` // utf-8 or base64
	RawResponse      string          `json:"response_body"`
	ResponseEncoding string          `json:"response_body_encoding"`
	StreamEvents     json.RawMessage `json:"stream_events"`
	Elided           json.RawMessage `json:"elided"`

	File string `json:"-"` // name of the cassette without its extensions
}

// Usage is a usage object that stands in the body.
type Usage struct {
	At    string          `json:"at"`
	Path  string          `json:"path"`
	Value json.RawMessage `json:"value"`
}

// RequestBody decodes the request's body.
func (r *Recording) RequestBody() ([]byte, error) {
	return decode(r.RawRequest, r.RequestEncoding)
}

// ResponseBody decodes the response's body. It is not compressed, whatever
// the recorded Content-Encoding says.
func (r *Recording) ResponseBody() ([]byte, error) {
	return decode(r.RawResponse, r.ResponseEncoding)
}

func decode(body, encoding string) ([]byte, error) {
	if encoding != "base64" {
		return []byte(body), nil
	}
	b, err := base64.StdEncoding.DecodeString(body)
	if err != nil {
		return nil, fmt.Errorf("recorded body: %w", err)
	}
	return b, nil
}

// RequestHeader returns the recorded headers of the request.
func (r *Recording) RequestHeader() http.Header { return header(r.RequestHeaders) }

// ResponseHeader returns the recorded headers of the response without
// Content-Encoding and Content-Length, which do not fit the recorded body.
func (r *Recording) ResponseHeader() http.Header {
	h := header(r.ResponseHeaders)
	h.Del("Content-Encoding")
	h.Del("Content-Length")
	h.Del("Transfer-Encoding")
	return h
}

func header(m map[string]string) http.Header {
	h := make(http.Header, len(m))
	for k, v := range m {
		h.Set(k, v)
	}
	return h
}

// maxLine bounds a line of a cassette: some hold images.
const maxLine = 64 << 20

// Cassettes yields every recording of the *.jsonl.zst files in dir and its
// subdirectories, in order of their names. It ends after the first error.
func Cassettes(dir string) iter.Seq2[Recording, error] {
	return func(yield func(Recording, error) bool) {
		var files []string
		err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err == nil && !d.IsDir() && matches(path) {
				files = append(files, path)
			}
			return err
		})
		if err != nil {
			yield(Recording{}, fmt.Errorf("cassettes: %w", err))
			return
		}
		slices.Sort(files)
		for _, f := range files {
			for r, err := range Cassette(f) {
				if !yield(r, err) || err != nil {
					return
				}
			}
		}
	}
}

func matches(path string) bool {
	ok, err := filepath.Match("*.jsonl.zst", filepath.Base(path))
	return ok && err == nil
}

// Cassette yields the recordings of one file. It ends after the first error.
func Cassette(path string) iter.Seq2[Recording, error] {
	return func(yield func(Recording, error) bool) {
		f, err := os.Open(path)
		if err != nil {
			yield(Recording{}, fmt.Errorf("cassette: %w", err))
			return
		}
		defer f.Close()
		z, err := zstd.NewReader(f, zstd.WithDecoderConcurrency(1))
		if err != nil {
			yield(Recording{}, fmt.Errorf("cassette %s: %w", path, err))
			return
		}
		defer z.Close()
		name := filepath.Base(path)
		name = name[:len(name)-len(".jsonl.zst")]
		if err := Lines(z, func(r Recording) bool {
			r.File = name
			return yield(r, nil)
		}); err != nil {
			yield(Recording{}, fmt.Errorf("cassette %s: %w", path, err))
		}
	}
}

// Lines reads uncompressed lines of a cassette until fn returns false.
func Lines(r io.Reader, fn func(Recording) bool) error {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 0, 1<<20), maxLine)
	for n := 1; s.Scan(); n++ {
		if len(s.Bytes()) == 0 {
			continue
		}
		var rec Recording
		if err := json.Unmarshal(s.Bytes(), &rec); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		if !fn(rec) {
			return nil
		}
	}
	return s.Err()
}
