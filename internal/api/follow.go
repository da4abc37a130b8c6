package api

import (
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

// follow streams finished Calls, without content, as server-sent events.
func (s *server) follow(w http.ResponseWriter, r *http.Request) {
	p := newParams(r, s.Now())
	f := p.fields()
	if err := p.check(); err != nil {
		s.fail(w, r, err)
		return
	}
	calls, cancel := s.Live(followBuffer)
	defer cancel()
	var first *llm.Call
	select {
	case c, ok := <-calls:
		if !ok {
			writeError(w, &Error{http.StatusServiceUnavailable, CodeOverloaded, "no more followers are taken now", "end others, or ask GET " + base + "/calls again and again"})
			return
		}
		first = c
	default:
	}
	w.Header().Set("Content-Type", "text/event-stream")
	out := sse{w, http.NewResponseController(w)}
	defer func() { _ = out.rc.SetWriteDeadline(time.Time{}) }() // the connection may serve other requests
	if out.send(": live calls\n\n") != nil || first != nil && out.call(first, &f) != nil {
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
		case c, ok := <-calls:
			if !ok || out.call(c, &f) != nil {
				return
			}
		}
	}
}

// sse writes server-sent events.
type sse struct {
	w  http.ResponseWriter
	rc *http.ResponseController
}

func (o sse) send(text string) error {
	_ = o.rc.SetWriteDeadline(time.Now().Add(followWrite)) // not every writer has deadlines
	if _, err := o.w.Write([]byte(text)); err != nil {
		return err
	}
	return o.rc.Flush()
}

// call sends a Call if f selects it.
func (o sse) call(c *llm.Call, f *events.CallFilter) error {
	if !matches(f, c) {
		return nil
	}
	b, err := json.Marshal(withoutContent(c))
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
