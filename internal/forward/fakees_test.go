package forward

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// fakeES is the _bulk API of Elasticsearch, as far as it is used.
type fakeES struct {
	tb testing.TB

	mu       sync.Mutex
	docs     map[string]map[string]any // by index/id
	created  map[string]int            // how often each id was written
	requests []*http.Request
	zipped   int

	// before answers a request in the place of the API; false lets it go on.
	before func(n int, w http.ResponseWriter, r *http.Request) bool
	// lose says that the answer to a request that was carried out is lost.
	lose func(n int) bool
	// item gives the status of one document; 0 lets it be written.
	item func(n int, id string, doc map[string]any) (status int, errType string)
}

func newFakeES(tb testing.TB) *fakeES {
	return &fakeES{tb: tb, docs: map[string]map[string]any{}, created: map[string]int{}}
}

func (f *fakeES) start() *httptest.Server {
	f.tb.Helper()
	s := httptest.NewServer(f)
	f.tb.Cleanup(s.Close)
	return s
}

func (f *fakeES) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.created)
}

func (f *fakeES) seen() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.requests)
}

func (f *fakeES) doc(key string) map[string]any {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.docs[key]
}

// ServeHTTP implements http.Handler.
func (f *fakeES) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.requests = append(f.requests, r)
	n := len(f.requests)
	before := f.before
	f.mu.Unlock()
	body, err := f.body(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if before != nil && before(n, w, r) {
		return
	}
	if r.Method != http.MethodPost || r.URL.Path != "/_bulk" || r.Header.Get("Content-Type") != "application/x-ndjson" {
		http.Error(w, "no such endpoint", http.StatusNotFound)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	items, failed, err := f.bulk(n, body)
	if err != nil {
		f.tb.Errorf("bad bulk body: %v", err)
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if f.lose != nil && f.lose(n) {
		http.Error(w, "the proxy has timed out", http.StatusGatewayTimeout)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(map[string]any{"errors": failed, "items": items}); err != nil {
		f.tb.Log(err) // the client has gone
	}
}

func (f *fakeES) body(r *http.Request) ([]byte, error) {
	var body io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			return nil, err
		}
		body = z
		f.mu.Lock()
		f.zipped++
		f.mu.Unlock()
	}
	return io.ReadAll(body)
}

func (f *fakeES) bulk(n int, body []byte) (items []map[string]any, failed bool, err error) {
	sc := bufio.NewScanner(bytes.NewReader(body))
	sc.Buffer(nil, 64<<20)
	for sc.Scan() {
		var action struct {
			Create struct {
				Index string `json:"_index"`
				ID    string `json:"_id"`
			}
		}
		if err := json.Unmarshal(sc.Bytes(), &action); err != nil || action.Create.ID == "" || action.Create.Index == "" {
			return nil, false, fmt.Errorf("action %q: %w", sc.Text(), err)
		}
		if !sc.Scan() {
			return nil, false, io.ErrUnexpectedEOF
		}
		var doc map[string]any
		if err := json.Unmarshal(sc.Bytes(), &doc); err != nil {
			return nil, false, fmt.Errorf("document %q: %w", sc.Text(), err)
		}
		key := action.Create.Index + "/" + action.Create.ID
		status, errType := http.StatusCreated, ""
		if f.docs[key] != nil {
			status, errType = http.StatusConflict, "version_conflict_engine_exception"
		} else if f.item != nil {
			if s, e := f.item(n, action.Create.ID, doc); s != 0 {
				status, errType = s, e
			}
		}
		item := map[string]any{"status": status}
		if status != http.StatusCreated {
			failed = true
			item["error"] = map[string]any{"type": errType, "reason": "not " + action.Create.ID, "caused_by": map[string]any{"reason": "because"}}
		} else {
			f.docs[key] = doc
			f.created[action.Create.ID]++
		}
		items = append(items, map[string]any{"create": item})
	}
	if !strings.HasSuffix(string(body), "\n") {
		return nil, false, io.ErrUnexpectedEOF
	}
	return items, failed, sc.Err()
}
