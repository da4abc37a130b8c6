package api

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"time"

	"github.com/pitot-dev/pitot/internal/doctor"
	"github.com/pitot-dev/pitot/internal/events"
)

// DoctorReport says why data may be missing.
type DoctorReport struct {
	Time    time.Time `json:"time"`
	Healthy bool      `json:"healthy"` // nothing is wrong
	// Matching is how many Calls the range and filter select, StoredCalls how many
	// there are at all, as far as it is known: the store may be down.
	Matching    int64          `json:"matching"`
	StoredCalls int64          `json:"stored_calls"`
	FirstCall   time.Time      `json:"first_call,omitzero"`
	LastCall    time.Time      `json:"last_call,omitzero"`
	Causes      []doctor.Cause `json:"causes"`
}

// aheadRange is how far into the future calls are looked for.
const aheadRange = 2 * day

func (s *server) noData(r *http.Request) (any, error) {
	now := s.Now()
	p := newParams(r, now)
	f := p.filter(hour)
	if err := p.check(); err != nil {
		return nil, err
	}
	facts := s.Facts(r.Context())
	facts.Now, facts.Start, facts.End = now, f.Start, f.End
	facts.Filtered = !emptyFilter(f)
	if facts.Engine == "" {
		err := s.askStore(r, f, &facts)
		if down, ok := errors.AsType[*events.UnavailableError](err); ok {
			facts.Engine, facts.EngineDetail = "unavailable", down.Error()
		} else if err != nil {
			return nil, err
		}
	}
	out := DoctorReport{
		Time: now.UTC(), Matching: facts.Matching, StoredCalls: facts.Stored, FirstCall: facts.First, LastCall: facts.Last, Causes: doctor.Causes(&facts),
	}
	out.Healthy = true
	for _, c := range out.Causes {
		out.Healthy = out.Healthy && c.Severity == doctor.CauseInfo
	}
	return out, nil
}

// emptyFilter reports whether a filter without its range selects everything.
func emptyFilter(f events.CallFilter) bool {
	if len(f.Tags) == 0 {
		f.Tags = nil
	}
	f.Range = events.Range{}
	return reflect.DeepEqual(f, events.CallFilter{})
}

// askStore fills in what the store knows.
func (s *server) askStore(r *http.Request, f events.CallFilter, facts *doctor.Facts) error {
	ctx := r.Context()
	count := func(f events.CallFilter) (n int64, first, last time.Time, err error) {
		// By the hour: the first and the last one that have Calls tell from when to
		// when there are some.
		groups, err := s.Events.Costs(ctx, events.CostQuery{CallFilter: f, Step: hour, Limit: events.MaxLimit})
		for i := range groups {
			g := &groups[i]
			n += g.Totals.Calls
			if first.IsZero() || g.Time.Before(first) {
				first = g.Time
			}
			if end := g.Time.Add(hour - time.Second); end.After(last) {
				last = end
			}
		}
		return n, first, last, err
	}
	var err error
	var plain events.CallFilter
	whole := plain
	whole.Range = events.Range{Start: facts.Now.Add(-maxRange), End: facts.Now}
	if facts.Stored, facts.First, facts.Last, err = count(whole); err != nil {
		return err
	}
	if facts.Last.After(facts.Now) {
		facts.Last = facts.Now
	}
	if facts.Stored > 0 {
		if err := s.exactEnds(ctx, facts); err != nil {
			return err
		}
	}
	if facts.Matching, _, _, err = count(f); err != nil {
		return err
	}
	facts.InRange = facts.Matching
	if facts.Filtered {
		plain.Range = f.Range
		if facts.InRange, _, _, err = count(plain); err != nil {
			return err
		}
		if facts.Matching == 0 && facts.Stored > 0 {
			f.Range = whole.Range
			if _, facts.MatchingFirst, facts.MatchingLast, err = count(f); err != nil {
				return err
			}
		}
	}
	ahead := events.CallFilter{Range: events.Range{Start: facts.Now.Add(time.Minute), End: facts.Now.Add(aheadRange)}}
	page, err := s.Events.Calls(ctx, events.CallQuery{CallFilter: ahead, Limit: events.DefaultLimit})
	if err != nil {
		return err
	}
	for _, c := range page.Calls {
		if c.Time.After(facts.Now) {
			facts.Ahead++
			if c.Time.After(facts.AheadLast) {
				facts.AheadLast = c.Time
			}
		}
	}
	return nil
}

// exactEnds makes the times of the first and the last Call, known by the hour,
// those of the Calls themselves. A Call that is not visible yet leaves the hour.
func (s *server) exactEnds(ctx context.Context, facts *doctor.Facts) error {
	at := func(order string, start, end time.Time) (time.Time, error) {
		page, err := s.Events.Calls(ctx, events.CallQuery{CallFilter: events.CallFilter{Range: events.Range{Start: start, End: end}}, Order: order, Limit: 1})
		if err != nil || len(page.Calls) == 0 {
			return time.Time{}, err
		}
		return page.Calls[0].Time.UTC(), nil
	}
	first, err := at(events.OrderOldest, facts.First, facts.First.Add(hour))
	if err != nil {
		return err
	}
	last, err := at(events.OrderNewest, facts.Last.Truncate(hour), facts.Now)
	if err != nil {
		return err
	}
	if !first.IsZero() {
		facts.First = first
	}
	if !last.IsZero() {
		facts.Last = last
	}
	return nil
}
