package events

import (
	"context"
	"slices"
	"time"
)

// plan says from where a range is answered.
type plan struct {
	live  []Range // from Calls
	parts []part  // from rollups
}

// part is the rows of one kind that have one of the labels.
type part struct {
	kind   string
	labels []string
	r      Range
}

// planRange splits r into days and hours that are rolled up, where r and the
// steps hold them whole, and the rest.
func (s *Store) planRange(ctx context.Context, r Range, step time.Duration, f *family) (*plan, error) {
	p := &plan{}
	useHours := f != nil && r.End.Sub(r.Start) > liveRange && step%time.Hour == 0
	if !useHours {
		p.live = []Range{r}
		return p, nil
	}
	useDays := step%(24*time.Hour) == 0
	marks, err := s.marks(ctx, Range{r.Start.Truncate(24 * time.Hour), r.End})
	if err != nil {
		return nil, err
	}
	hours, days := part{kind: f.hourKind(), r: r}, part{kind: f.dayKind(), r: r}
	live := func(from, to time.Time) {
		if n := len(p.live); n > 0 && p.live[n-1].End.Equal(from) {
			p.live[n-1].End = to
		} else {
			p.live = append(p.live, Range{from, to})
		}
	}
	for t := r.Start; t.Before(r.End); {
		day, hour := t.Truncate(24*time.Hour), t.Truncate(time.Hour)
		nextDay, nextHour := day.Add(24*time.Hour), hour.Add(time.Hour)
		if useDays && t.Equal(day) && !nextDay.After(r.End) {
			if m, ok := marks.days[day.Unix()]; ok && !marks.dayIsStale(day) {
				days.labels = append(days.labels, m.label)
				t = nextDay
				continue
			}
		}
		if t.Equal(hour) && !nextHour.After(r.End) {
			if m, ok := marks.hours[hour.Unix()]; ok {
				hours.labels = append(hours.labels, m.label)
				t = nextHour
				continue
			}
		}
		next := nextHour
		if next.After(r.End) {
			next = r.End
		}
		live(t, next)
		t = next
	}
	for _, part := range []part{hours, days} {
		if len(part.labels) > 0 {
			slices.Sort(part.labels)
			p.parts = append(p.parts, part)
		}
	}
	return p, nil
}

// liveRange is the longest range that is always answered from the Calls.
const liveRange = 6 * time.Hour
