package replay

import (
	"bytes"
	"context"
	"encoding/binary"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// HeaderID is the request header that names the recording to serve. Clients
// that cannot set headers put it into the query as ?recording=.
const HeaderID = "X-Fake-Recording"

// Pacing says how a recording is played. Recordings hold no times.
type Pacing struct {
	First    time.Duration // before the first byte
	Interval time.Duration // between two events of a stream
	// Split writes in pieces of so many bytes instead of events; 0 for events.
	Split int
	// Pace waits; nil means not at all.
	Pace func(ctx context.Context, d time.Duration) error
}

// Handler serves recordings by id. It is safe for concurrent use.
type Handler struct {
	mu     sync.RWMutex
	byID   map[string]Recording
	pacing Pacing
}

// NewHandler returns a Handler without recordings.
func NewHandler(p Pacing) *Handler { return &Handler{byID: map[string]Recording{}, pacing: p} }

// Add makes a recording available under its id.
func (h *Handler) Add(r Recording) {
	h.mu.Lock()
	h.byID[r.ID] = r
	h.mu.Unlock()
}

// ServeHTTP plays the recording that the request names.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := r.Header.Get(HeaderID)
	if id == "" {
		id = r.URL.Query().Get("recording")
	}
	h.mu.RLock()
	rec, ok := h.byID[id]
	h.mu.RUnlock()
	if !ok {
		http.Error(w, "no recording "+strconv.Quote(id)+": name one in the header "+HeaderID, http.StatusNotFound)
		return
	}
	body, err := rec.ResponseBody()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	maps.Copy(w.Header(), rec.ResponseHeader())
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", contentType(&rec))
	}
	status := rec.Status
	if status == 0 {
		status = http.StatusOK
	}
	if !rec.Streaming && h.pacing.Split == 0 {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	}
	if h.wait(r.Context(), h.pacing.First) != nil {
		return
	}
	w.WriteHeader(status)
	parts := [][]byte{body}
	switch {
	case h.pacing.Split > 0:
		parts = pieces(body, h.pacing.Split)
	case rec.Streaming:
		parts = Events(&rec, body)
	}
	rc := http.NewResponseController(w)
	for i, p := range parts {
		if i > 0 && h.wait(r.Context(), h.pacing.Interval) != nil {
			return
		}
		if _, err := w.Write(p); err != nil {
			return
		}
		if rc.Flush() != nil {
			return
		}
	}
}

func (h *Handler) wait(ctx context.Context, d time.Duration) error {
	if h.pacing.Pace == nil || d <= 0 {
		return ctx.Err()
	}
	return h.pacing.Pace(ctx, d)
}

func contentType(r *Recording) string {
	switch {
	case !r.Streaming:
		return "application/json"
	case r.StreamFormat == "aws-eventstream":
		return "application/vnd.amazon.eventstream"
	case r.StreamFormat == "ndjson":
		return "application/x-ndjson"
	case r.StreamFormat == "json-array":
		return "application/json"
	}
	return "text/event-stream"
}

// Events cuts the body of a stream into the writes by which a provider would
// send it; joined they are what goes over the wire. Payloads that were recorded
// without SSE framing (sse-data-lines) get it.
func Events(r *Recording, body []byte) [][]byte {
	switch r.StreamFormat {
	case "aws-eventstream":
		return frames(body)
	case "sse-data-lines":
		var out [][]byte
		for line := range bytes.Lines(body) {
			if line = bytes.TrimSpace(line); len(line) > 0 {
				out = append(out, []byte("data: "+string(line)+"\n\n"))
			}
		}
		return out
	case "ndjson", "json-array":
		return bytes.SplitAfter(body, []byte("\n"))
	}
	sep := "\n\n"
	if strings.Contains(string(body[:min(len(body), 4096)]), "\r\n\r\n") {
		sep = "\r\n\r\n"
	}
	out := bytes.SplitAfter(body, []byte(sep))
	if n := len(out); n > 0 && len(out[n-1]) == 0 {
		out = out[:n-1]
	}
	return out
}

// frames cuts an AWS event stream at its messages. What is not one stays whole.
func frames(body []byte) [][]byte {
	var out [][]byte
	for len(body) >= 16 {
		n := int(binary.BigEndian.Uint32(body))
		if n < 16 || n > len(body) {
			break
		}
		out, body = append(out, body[:n]), body[n:]
	}
	if len(body) > 0 {
		out = append(out, body)
	}
	return out
}

func pieces(b []byte, n int) [][]byte {
	var out [][]byte
	for len(b) > 0 {
		k := min(n, len(b))
		out, b = append(out, b[:k]), b[k:]
	}
	return out
}
