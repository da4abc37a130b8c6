package api

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

const (
	followBuffer    = 256
	followKeepAlive = 15 * time.Second
)

// follow streams finished Calls, without content, as server-sent events.
func (s *server) follow(w http.ResponseWriter, r *http.Request) {
	p := newParams(r, s.Now())
	match := followFilter(p)
	if err := p.check(); err != nil {
		writeError(w, err)
		return
	}
	calls, cancel := s.Live(followBuffer)
	defer cancel()
	w.Header().Set("Content-Type", "text/event-stream")
	rc := http.NewResponseController(w)
	_, _ = w.Write([]byte(": live calls\n\n"))
	_ = rc.Flush()
	alive := time.NewTicker(followKeepAlive)
	defer alive.Stop()
	for {
		select {
		case <-r.Context().Done():
			return
		case <-alive.C:
			if _, err := w.Write([]byte(": keep-alive\n\n")); err != nil {
				return
			}
			_ = rc.Flush()
		case c, ok := <-calls:
			if !ok {
				return
			}
			if !match(c) {
				continue
			}
			light := *c // the pipeline owns c: only a copy may change
			light.Input, light.Output, light.Tools = nil, nil, nil
			b, err := json.Marshal(&light)
			if err != nil {
				continue
			}
			if _, err := w.Write(append(append([]byte("data: "), b...), '\n', '\n')); err != nil {
				return
			}
			_ = rc.Flush()
		}
	}
}

// followFilter reads the filters that can be decided on a Call alone.
func followFilter(p *params) func(*llm.Call) bool {
	service, provider, model, user := p.get("service"), p.get("provider"), p.get("model"), p.get("user")
	session, feature := p.get("session"), p.get("feature")
	status := p.oneOf("status", "", "ok", "error")
	least := p.duration("min_duration", 0, 0, maxRange)
	is := func(want string, got ...string) bool {
		if want == "" {
			return true
		}
		for _, g := range got {
			if g == want {
				return true
			}
		}
		return false
	}
	return func(c *llm.Call) bool {
		return is(service, c.Service) && is(provider, c.Provider) && is(model, c.RequestModel, c.ResponseModel) && is(user, c.User) &&
			is(session, c.Session) && is(feature, c.Feature) && is(status, string(c.Status)) && c.Duration >= least
	}
}
