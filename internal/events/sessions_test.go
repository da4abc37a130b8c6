package events

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pitot-dev/pitot/internal/llm"
)

// sessionOf adds up a session as SessionStat does.
func sessionOf(id string, calls []*llm.Call) SessionStat {
	st := SessionStat{Session: id}
	users, services, models, traces := map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, c := range calls {
		if st.First.IsZero() || c.Time.Before(st.First) {
			st.First = c.Time
		}
		st.Last = later(st.Last, c.Time)
		st.Calls++
		if c.Status == llm.StatusError {
			st.Errors++
		}
		st.InputTokens += c.Usage.InputTokens.Or(0)
		st.OutputTokens += c.Usage.OutputTokens.Or(0)
		usd, ok := c.Cost.USD.Get()
		st.CostUSD += usd
		if !ok {
			st.UnpricedCalls++
		}
		users[c.User], services[c.Service], models[c.Model()], traces[c.TraceID] = true, true, true, true
	}
	delete(users, "")
	delete(traces, "")
	st.DurationSeconds = st.Last.Sub(st.First).Seconds()
	st.Traces = int64(len(traces))
	st.Users, st.Services, st.Models = slices.Sorted(maps.Keys(users)), slices.Sorted(maps.Keys(services)), slices.Sorted(maps.Keys(models))
	return st
}

func TestSessions(t *testing.T) {
	s, _ := rollupStore(t)
	w := newWorld(newRand(3), time.Now().UTC().Add(-time.Minute), 500)
	insert(t, s, w.records...)
	for name, c := range map[string]struct {
		f     CallFilter
		match func(*llm.Call) bool
	}{
		"all":     {CallFilter{}, func(*llm.Call) bool { return true }},
		"model":   {CallFilter{Model: "model-2", Service: "app-1"}, func(c *llm.Call) bool { return c.RequestModel == "model-2" && c.Service == "app-1" }},
		"query":   {CallFilter{Query: `user:="user-3"`}, func(c *llm.Call) bool { return c.User == "user-3" }},
		"nothing": {CallFilter{User: "nobody"}, func(*llm.Call) bool { return false }},
	} {
		c.f.Range = w.rng()
		newest, cost, length, count := map[string]time.Time{}, map[string]float64{}, map[string]float64{}, map[string]float64{}
		for id, calls := range w.bySession {
			if matching := where(calls, c.match); len(matching) > 0 {
				st := sessionOf(id, matching)
				newest[id], length[id], count[id] = st.Last, st.DurationSeconds, float64(st.Calls)
				if st.UnpricedCalls < st.Calls {
					cost[id] = st.CostUSD
				}
			}
		}
		for _, limit := range []int{9, 1000} {
			t.Run(fmt.Sprint(name, " by ", limit), func(t *testing.T) {
				list := func(order string) []string {
					q := SessionQuery{CallFilter: c.f, Limit: limit, Order: order}
					return pages(t, func(cursor string) (ids []string, next string, err error) {
						q.Cursor = cursor
						page, err := s.Sessions(t.Context(), q)
						for _, st := range page.Sessions {
							ids = append(ids, st.Session)
							if d := cmp.Diff(sessionOf(st.Session, w.bySession[st.Session]), st, cmpopts.EquateApprox(1e-9, 0)); d != "" {
								t.Fatalf("%s (-want +got):\n%s", st.Session, d)
							}
						}
						return ids, page.NextCursor, err
					})
				}
				if d := cmp.Diff(newestOf(newest), list(OrderNewest)); d != "" {
					t.Errorf("newest (-want +got):\n%s", d)
				}
				sameOrder(t, list(OrderCostly), highest(cost), func(id string) float64 { return cost[id] })
				sameOrder(t, list(OrderCalls), highest(count), func(id string) float64 { return count[id] })
				sameOrder(t, list(OrderLongest), highest(length), func(id string) float64 { return math.Round(length[id]*1e4) / 1e4 })
			})
		}
	}
}

// TestSessionScores counts the last version of each judgement, once.
func TestSessionScores(t *testing.T) {
	s, _ := rollupStore(t)
	at := time.Now().UTC().Add(-time.Hour)
	c := &llm.Call{ID: newID(at, newRand(4)), Time: at, Service: "scored", Session: "scored-1", Status: llm.StatusOK}
	judge := func(id, row, supersedes string, score llm.Opt[float64]) llm.Record {
		return llm.Record{Feedback: &llm.Feedback{ID: id, RowID: row, Supersedes: supersedes, Time: at, CallID: c.ID, SessionID: c.Session, Name: "n", Label: "l", Score: score}}
	}
	insert(
		t, s, llm.Record{Call: c}, judge("scored-a", "scored-a", "", llm.Some(0.0)), judge("scored-a", "scored-a2", "scored-a", llm.Some(1.0)),
		judge("scored-b", "scored-b", "", llm.Some(0.5)), judge("scored-c", "scored-c", "", llm.Opt[float64]{}),
	)
	page, err := s.Sessions(t.Context(), SessionQuery{CallFilter: CallFilter{Range: Range{at.Add(-time.Second), at.Add(time.Second)}, Service: "scored"}})
	if err != nil || len(page.Sessions) != 1 {
		t.Fatal(page, err)
	}
	if d := cmp.Diff(&Score{Mean: 0.75, Count: 2}, page.Sessions[0].Score); d != "" {
		t.Error(d)
	}
	conv, err := s.Conversation(t.Context(), ConversationQuery{Session: c.Session})
	if err != nil || len(conv.Turns) != 1 || len(conv.Turns[0].Feedback) != 3 {
		t.Fatal(conv, err)
	}
}

func TestSessionsRejects(t *testing.T) {
	s := testStore(t)
	for param, q := range map[string]SessionQuery{
		"order":  {Order: "oldest"},
		"limit":  {Limit: -1},
		"cursor": {Cursor: "odd"},
		"status": {CallFilter: CallFilter{Status: "odd"}},
	} {
		_, err := s.Sessions(t.Context(), q)
		mustFail(t, err, param)
	}
}
