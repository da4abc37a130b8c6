package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/pitot-dev/pitot/internal/events"
	"github.com/pitot-dev/pitot/internal/llm"
)

const (
	followBuffer    = 256
	followKeepAlive = 15 * time.Second
	// followWrite is how long a client may take none of what it is sent. Without
	// a limit one that has stalled would hold its place for ever.
	followWrite = 30 * time.Second
)

// maxTails bounds the followers that the store filters for: each asks it once a
// second.
const maxTails = 16

// follow streams finished Calls, without content, as server-sent events. What a
// Call alone decides is decided here, as Calls pass. A LogsQL filter and a search
// of texts are the engine's to decide: those followers are served from the store,
// as Calls get there.
func (s *server) follow(w http.ResponseWriter, r *http.Request) {
	p := newParams(r, s.Now())
	f := p.fields()
	f.Query, f.Search = p.get("query"), p.get("search")
	if err := p.check(); err != nil {
		s.fail(w, r, err)
		return
	}
	source := s.passing
	if f.Query != "" || f.Search != "" {
		source = s.stored
	}
	from, err := source(r, &f)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	defer from.cancel()
	w.Header().Set("Content-Type", "text/event-stream")
	out := sse{w, http.NewResponseController(w), s.withheld(r)}
	defer func() { _ = out.rc.SetWriteDeadline(time.Time{}) }() // the connection may serve other requests
	if out.send(": live calls\n\n") != nil || from.first != nil && out.call(from.first) != nil {
		return
	}
	alive := time.NewTicker(followKeepAlive)
	defer alive.Stop()
	for {
		select {
		case <-r.Context().Done():
			return
		case <-alive.C:
			if out.send(": keep-alive\n\n") != nil {
				return
			}
		case c, ok := <-from.calls:
			if !ok || from.selects(c) && out.call(c) != nil {
				return
			}
		}
	}
}

// following is what a follower is sent.
type following struct {
	first   *llm.Call // was there at once; nil: none
	calls   <-chan *llm.Call
	selects func(*llm.Call) bool
	cancel  func()
}

func tooManyFollowers() *Error {
	return &Error{http.StatusServiceUnavailable, CodeOverloaded, "no more followers are taken now", "end others, or ask GET " + base + "/calls again and again"}
}

// passing are Calls as they pass through the pipeline.
func (s *server) passing(r *http.Request, f *events.CallFilter) (following, error) {
	tenant := llm.TenantOf(r.Context())
	calls, cancel := s.Live(followBuffer)
	out := following{calls: calls, cancel: cancel, selects: func(c *llm.Call) bool { return c.Tenant == tenant && matches(f, c) }}
	select {
	case c, ok := <-calls:
		if !ok {
			cancel()
			return following{}, tooManyFollowers()
		}
		if out.selects(c) {
			out.first = c
		}
	default:
	}
	return out, nil
}

// stored are Calls as the store gets them. While it cannot answer none come.
func (s *server) stored(r *http.Request, f *events.CallFilter) (following, error) {
	if s.tailing.Add(1) > maxTails {
		s.tailing.Add(-1)
		return following{}, tooManyFollowers()
	}
	// A filter that is wrong gets an answer, not a stream of nothing.
	try := *f
	try.End = s.Now()
	try.Start = try.End.Add(-time.Second)
	ctx, cancel := context.WithTimeout(r.Context(), queryTimeout)
	_, err := s.Events.Calls(ctx, events.CallQuery{CallFilter: try, Limit: 1})
	cancel()
	if err != nil {
		s.tailing.Add(-1)
		return following{}, err
	}
	ctx, cancel = context.WithCancel(r.Context())
	calls := make(chan *llm.Call)
	go func() {
		defer s.tailing.Add(-1)
		defer close(calls)
		for c, err := range s.Events.TailCalls(ctx, *f) {
			if err != nil {
				continue // it asks again
			}
			select {
			case calls <- c:
			case <-ctx.Done():
				return
			}
		}
	}()
	return following{calls: calls, cancel: cancel, selects: func(*llm.Call) bool { return true }}, nil
}

// sse writes server-sent events.
type sse struct {
	w        http.ResponseWriter
	rc       *http.ResponseController
	withheld bool
}

func (o sse) send(text string) error {
	_ = o.rc.SetWriteDeadline(time.Now().Add(followWrite)) // not every writer has deadlines
	if _, err := o.w.Write([]byte(text)); err != nil {
		return err
	}
	return o.rc.Flush()
}

// call sends a Call.
func (o sse) call(c *llm.Call) error {
	light := withoutContent(c)
	if o.withheld {
		light.ErrorMessage = ""
	}
	b, err := json.Marshal(light)
	if err != nil {
		return nil // the list of calls will show it
	}
	return o.send("data: " + string(b) + "\n\n")
}

// withoutContent is a copy of a Call as lists show it. The pipeline owns c.
func withoutContent(c *llm.Call) *llm.Call {
	light := *c
	light.Params, light.Input, light.Output, light.Tools, light.Attributes = nil, nil, nil, nil, nil
	light.Resource, light.Events, light.Links = nil, nil, nil
	light.Timeline = llm.Timeline{}
	light.Timeline.SetChunks(c.Timeline.Chunks())
	return &light
}

// matches decides the part of a filter that a Call alone decides, in the same
// way as the store.
func matches(f *events.CallFilter, c *llm.Call) bool {
	for _, d := range [...]struct{ want, got string }{
		{f.Service, c.Service},
		{f.Environment, c.Environment},
		{f.Provider, c.Provider},
		{f.Operation, string(c.Operation)},
		{f.Status, string(c.Status)},
		{f.User, c.User},
		{f.Session, c.Session},
		{f.Feature, c.Feature},
		{f.Agent, c.Agent},
		{f.Dialect, c.Dialect},
		{f.PromptName, c.PromptName},
		{f.ErrorType, c.ErrorType},
		{f.Source, string(c.Source)},
		{f.TraceID, c.TraceID},
	} {
		if d.want != "" && d.want != d.got {
			return false
		}
	}
	if f.Model != "" && f.Model != c.RequestModel && f.Model != c.ResponseModel {
		return false
	}
	for name, want := range f.Tags {
		if want != "" && c.Tags[name] != want {
			return false
		}
	}
	return c.Duration >= f.MinDuration && (f.MaxDuration == 0 || c.Duration <= f.MaxDuration)
}
