package server

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/oklog/run"
)

const (
	// DefaultDrainTimeout is how long calls under way may take when the server
	// stops: the longest answers of reasoning models stream for minutes.
	DefaultDrainTimeout = 10 * time.Minute
	// othersDrain is how long all other requests may take.
	othersDrain = 30 * time.Second
	// apiDrain is how long requests of the API port may take, which ends last: a
	// page that follows the calls would go on for ever.
	apiDrain = 5 * time.Second
)

// gatewayReady says whether new calls should come here. It does not ask about
// the stores: calls flow without them, and elsewhere they would flow without
// them, too.
func (s *Server) gatewayReady() error {
	if s.draining.Load() {
		return errDraining
	}
	if !s.running.Load() {
		return errors.New("the server is starting")
	}
	return nil
}

// addDoors adds the listeners to the group of what runs. When it stops they take
// nothing new and let what is under way end; the API port goes on meanwhile, so
// that probes and people see it, and ends last.
func (s *Server) addDoors(ctx context.Context, g *run.Group) {
	var busy sync.WaitGroup // all doors but that of the API
	for _, d := range s.doors {
		ended := make(chan struct{})
		if d.name != listenAPI {
			busy.Add(1)
		}
		g.Add(func() error {
			err := d.serve(d.listener)
			<-ended // until what is under way is through
			return err
		}, func(error) {
			// The group stops its members one after the other: none may wait here.
			go func() {
				defer close(ended)
				if d.name == listenAPI {
					busy.Wait()
				} else {
					defer busy.Done()
				}
				s.drainDoor(ctx, d)
			}()
		})
	}
}

func (s *Server) drainDoor(ctx context.Context, d *door) {
	timeout := min(s.opts.DrainTimeout, othersDrain)
	switch d.name {
	case listenGateway:
		timeout = s.opts.DrainTimeout
	case listenAPI:
		timeout = min(s.opts.DrainTimeout, apiDrain)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	defer cancel()
	if err := d.drain(ctx); err != nil {
		s.log.Warn("requests were cut when the server stopped", "component", d.name, "after", timeout, "err", err)
	}
}
