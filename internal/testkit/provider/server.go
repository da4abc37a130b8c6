package provider

import (
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

// Server answers like every provider at once. It is safe for concurrent use.
type Server struct {
	cfg      Config
	models   map[string]*Model
	fallback *Model
	buckets  map[string]*bucket // by model, those with a limit
	seq      atomic.Uint64
	truth    truthLog
	cache    prefixCache
	files    fileStore
	pool     sync.Pool
}

// New returns a Server. It holds no resources that must be released.
func New(cfg Config) *Server {
	if cfg.Pace == nil {
		cfg.Pace = RealPace
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.TruthSize <= 0 {
		cfg.TruthSize = 4096
	}
	if cfg.Models == nil {
		cfg.Models = DefaultModels()
	}
	if cfg.Fallback == nil {
		cfg.Fallback = defaultFallback()
	}
	s := &Server{cfg: cfg, models: map[string]*Model{}, fallback: cfg.Fallback, buckets: map[string]*bucket{}}
	for i := range cfg.Models {
		m := &cfg.Models[i]
		s.models[m.Name] = m
		if m.RateLimit.Requests > 0 {
			s.buckets[m.Name] = &bucket{}
		}
	}
	s.truth.ring = make([]Truth, cfg.TruthSize)
	s.pool.New = func() any {
		x := &exchange{s: s}
		x.rng = rand.New(&x.pcg)
		return x
	}
	return s
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if isUpgrade(r) {
		s.serveWebSocket(w, r)
		return
	}
	x := s.pool.Get().(*exchange)
	x.begin(w, r)
	// A cut connection leaves by a panic: the exchange is simply not pooled then.
	x.serve()
	x.release()
}

// route finds the format of a request from the end of its path, and the model
// where the path names it. A nil format is not a model call.
func route(method, path string) (f format, model string, stream bool) {
	if method != http.MethodPost {
		return nil, "", false
	}
	path = strings.TrimSuffix(path, "/")
	if f, model, stream, ok := routeModelInPath(path); ok {
		return f, model, stream
	}
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return nil, "", false
	}
	parent, last := path[:i], path[i+1:]
	parent = parent[strings.LastIndexByte(parent, '/')+1:]
	switch last {
	case "completions":
		if parent == "chat" {
			return chatFormat{}, deployment(path), false
		}
		return completionsFormat{}, deployment(path), false
	case "responses":
		return responsesFormat{}, "", false
	case "embeddings":
		return embeddingsFormat{}, deployment(path), false
	case "moderations":
		return moderationsFormat{}, "", false
	case "messages":
		return messagesFormat{}, "", false
	case "rerank":
		return rerankFormat{}, "", false
	}
	switch parent + "/" + last {
	case "images/generations":
		return imagesFormat{}, "", false
	case "audio/speech":
		return speechFormat{}, "", false
	case "audio/transcriptions", "audio/translations":
		return transcriptionFormat{}, "", false
	case "api/chat":
		return ollamaChatFormat{}, "", false
	case "api/generate":
		return ollamaGenerateFormat{}, "", false
	case "api/embed":
		return ollamaEmbedFormat{}, "", false
	case "v2/chat":
		return cohereChatFormat{}, "", false
	case "v2/embed", "v1/embed":
		return cohereEmbedFormat{}, "", false
	}
	return nil, "", false
}

// routeModelInPath handles Gemini's models/M:verb and Bedrock's model/M/verb.
func routeModelInPath(path string) (f format, model string, stream, ok bool) {
	if i := strings.LastIndex(path, "/models/"); i >= 0 {
		model, verb, found := strings.Cut(path[i+len("/models/"):], ":")
		if !found {
			return nil, "", false, false
		}
		switch verb {
		case "generateContent":
			return geminiFormat{}, model, false, true
		case "streamGenerateContent":
			return geminiFormat{}, model, true, true
		case "embedContent", "batchEmbedContents":
			return geminiEmbedFormat{batch: verb == "batchEmbedContents"}, model, false, true
		}
		return nil, "", false, false
	}
	if i := strings.LastIndex(path, "/model/"); i >= 0 {
		rest := path[i+len("/model/"):]
		j := strings.LastIndexByte(rest, '/')
		if j < 0 {
			return nil, "", false, false
		}
		model := rest[:j]
		switch rest[j+1:] {
		case "converse":
			return converseFormat{}, model, false, true
		case "converse-stream":
			return converseFormat{}, model, true, true
		case "invoke":
			return invokeFormat{}, model, false, true
		case "invoke-with-response-stream":
			return invokeFormat{}, model, true, true
		}
	}
	return nil, "", false, false
}

// deployment is the name in Azure's openai/deployments/NAME/...
func deployment(path string) string {
	_, rest, ok := strings.Cut(path, "/deployments/")
	if !ok {
		return ""
	}
	name, _, _ := strings.Cut(rest, "/")
	return name
}

// model finds the behaviour of a name.
func (s *Server) model(name string) (*Model, bool) {
	if m, ok := s.models[name]; ok {
		return m, true
	}
	if m, ok := s.models[strings.TrimSuffix(name, ":latest")]; ok {
		return m, true
	}
	return s.fallback, false
}

// errors are the ways in which the model of x fails now.
func (x *exchange) errors() []ErrorRate {
	if x.s.cfg.Trouble == nil {
		return x.model.Errors
	}
	_, errors := x.s.cfg.Trouble(x.model.Name)
	return append(errors, x.model.Errors...)
}

// credentials finds what the request authenticates with.
func credentials(r *http.Request) string {
	for _, k := range [...]string{"Authorization", "X-Api-Key", "Api-Key", "X-Goog-Api-Key"} {
		if v := r.Header.Get(k); v != "" {
			return v
		}
	}
	return r.URL.Query().Get("key")
}

// refuse decides whether x is answered by an error, and by which.
func (s *Server) refuse(x *exchange, known bool) *failure {
	f := x.format.family()
	if s.cfg.RequireKey {
		if k := credentials(x.r); k == "" || strings.Contains(k, "invalid") {
			return newFailure(401, "", f)
		}
	}
	if !x.req.valid {
		return newFailure(400, "", f)
	}
	if status, ok := x.ctl.Status.Get(); ok && !x.ctl.ErrorAfter.Known() {
		if status < 400 {
			return nil
		}
		return newFailure(status, x.ctl.ErrorType, f)
	}
	if x.req.model == "" || s.cfg.Strict && !known {
		return newFailure(404, "", f)
	}
	if b := s.buckets[x.model.Name]; b != nil {
		if wait, ok := b.take(x.model.RateLimit, s.cfg.Now()); !ok {
			x.ctl.RetryAfter = llm.Some(wait)
			return newFailure(429, "", f)
		}
	}
	if x.ctl.Status.Known() {
		return nil
	}
	for _, e := range x.errors() {
		if x.rng.Float64() >= e.Rate {
			continue
		}
		at := x.rng.IntN(20) + 1
		switch {
		case e.Cut:
			x.ctl.CutAfter = llm.Some(at)
		case e.After:
			x.ctl.ErrorAfter, x.ctl.ErrorType = llm.Some(at), e.Type
			x.ctl.Status = llm.Some(e.Status)
		default:
			return newFailure(e.Status, e.Type, f)
		}
		return nil
	}
	return nil
}
