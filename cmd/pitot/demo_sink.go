package main

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// sink takes the notifications of the demo's receivers and counts them. A GET
// shows what came.
type sink struct {
	mu     sync.Mutex
	counts map[string]int
	last   []notification // the newest first
}

// notification is one that came.
type notification struct {
	Time     time.Time       `json:"time"`
	Receiver string          `json:"receiver"`
	Body     json.RawMessage `json:"body"`
}

const (
	// maxNotification bounds the body of one, in bytes.
	maxNotification = 1 << 20
	// keptNotifications is how many are shown.
	keptNotifications = 50
)

func newSink() *sink { return &sink{counts: map[string]int{}} }

// ServeHTTP implements http.Handler: a POST to /NAME is a notification.
func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		s.show(w)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxNotification))
	if err != nil || !json.Valid(body) {
		http.Error(w, "a notification is a JSON document", http.StatusBadRequest)
		return
	}
	name := strings.Trim(r.URL.Path, "/")
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.counts[name]; known || len(s.counts) < keptNotifications {
		s.counts[name]++
	}
	s.last = slices.Insert(s.last, 0, notification{Time: time.Now().UTC(), Receiver: name, Body: body})
	s.last = s.last[:min(len(s.last), keptNotifications)]
}

func (s *sink) show(w http.ResponseWriter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"counts": s.counts, "last": s.last}) // the reader may leave
}
