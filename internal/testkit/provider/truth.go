package provider

import (
	"net/http"
	"sync"
	"time"
)

// Truth is what was really sent in answer to one request.
type Truth struct {
	Seq       uint64 // 1 for the first request
	ID        string // the response's id; empty for formats and answers without one
	RequestID string // X-Request-Id of the response
	Format    string // chat_completions, messages, generate_content, ...; empty for what is not a model call
	Path      string
	Model     string // as requested
	Answered  string // the model named in the answer
	Stream    bool

	Status       int
	ErrorType    string // the provider's code or type; empty if the answer is whole
	ErrorMessage string

	Start    time.Time
	TTFT     time.Duration // when the first content was written; streams only
	Duration time.Duration
	Chunks   int   // writes with content
	Bytes    int64 // of the body, before any content encoding

	// Usage as the answer says it, in its inclusive form: input includes the
	// cache, output includes reasoning. Reported is false where the answer
	// carried no usage or ended before the final one; formats that count as
	// they go (Gemini, Llama on Bedrock) and Anthropic's first event have said
	// a part of it by then.
	Reported                                        bool
	Input, Output, CacheRead, CacheWrite, Reasoning int64

	Finish string // the finish reason as sent
	Text   string // the text that was sent, without reasoning
	Tool   string // the tool that was called

	MidStream  bool // the error was sent inside a stream
	Cut        bool // the connection was cut on purpose
	ClientGone bool // the client left before the end

	Header http.Header // of the request; Config.KeepRequests only
	Body   []byte      // of the request; Config.KeepRequests only
}

// truthLog is a ring of the latest Truths.
type truthLog struct {
	mu   sync.Mutex
	ring []Truth
	next uint64 // total added
}

func (l *truthLog) add(t *Truth) {
	l.mu.Lock()
	l.ring[l.next%uint64(len(l.ring))] = *t
	l.next++
	l.mu.Unlock()
}

// Truth returns the answers that are remembered, oldest first. An answer is
// there once its last byte was written.
func (s *Server) Truth() []Truth {
	l := &s.truth
	l.mu.Lock()
	defer l.mu.Unlock()
	n := uint64(len(l.ring))
	first := uint64(0)
	if l.next > n {
		first = l.next - n
	}
	out := make([]Truth, 0, l.next-first)
	for i := first; i < l.next; i++ {
		out = append(out, l.ring[i%n])
	}
	return out
}

// TruthOf returns the answer with the given response id.
func (s *Server) TruthOf(id string) (Truth, bool) {
	l := &s.truth
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.ring {
		if l.ring[i].ID == id && id != "" {
			return l.ring[i], true
		}
	}
	return Truth{}, false
}

// Answered is the number of answers since the start, also those that the log
// no longer holds.
func (s *Server) Answered() uint64 {
	s.truth.mu.Lock()
	defer s.truth.mu.Unlock()
	return s.truth.next
}
