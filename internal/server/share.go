package server

import (
	"context"
	"time"

	"github.com/pitot-dev/pitot/internal/events"
)

// Budgets of several replicas: each counts its own calls at once, and reads those
// of the others from the event store. A hard budget is passed at most by what the
// others admit between two readings, and the time that their calls take to the
// store.

const (
	// shareRange is how far back every reading goes, and shareLongRange how far one
	// goes in shareLongEvery: calls are stored when they end, under the time when
	// they began.
	shareRange     = 2 * time.Minute
	shareLongRange = 30 * time.Minute
	shareLongEvery = time.Minute
	// shareRemember is how many calls are remembered as counted: all of
	// shareLongRange, up to about 550 a second.
	shareRemember = 1_000_000
)

// rememberedCalls is how many calls budgets remember.
func (s *Server) rememberedCalls() int {
	if s.outside.insert == nil {
		return 0 // the default
	}
	return shareRemember
}

// shareBudgets reads what other replicas spend until ctx ends.
func (s *Server) shareBudgets(ctx context.Context) {
	if s.outside.insert == nil {
		return
	}
	tick := time.NewTicker(s.config.Storage.Events.Cluster.Share())
	defer tick.Stop()
	var long time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if _, missing := s.budgets.ReplayFrom(); missing || !s.budgets.Budgets() {
			continue // it is filled first, from the same calls
		}
		now := time.Now()
		r := events.Range{Start: now.Add(-shareRange), End: now.Add(time.Minute)}
		if now.Sub(long) > shareLongEvery {
			r.Start, long = now.Add(-shareLongRange), now
		}
		for c, err := range s.events.EachCounted(ctx, r) {
			if err != nil {
				if ctx.Err() == nil {
					s.component("budgets").Debug("what other replicas spend is not known now", "err", err)
				}
				long = time.Time{}
				break
			}
			s.budgets.Share(c)
		}
	}
}
