package events

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// keyPager pages through the different values of a field (the ids of traces, of
// sessions) that the rows which match have.
type keyPager struct {
	s      *Store
	op     string
	filter string
	user   []string
	field  string
	// rank is what is ordered by, as a function of stats, such as sum("cost.usd");
	// empty: the time of the newest row. where is a filter on its arguments, and
	// finish are pipes that make `v` of it. Where rank is the maximum of a field,
	// top is that field.
	rank, where, finish, top string
	r                        Range
	from                     cursor
	hash                     string
}

// keyed is one value of the field and its place in the order.
type keyed struct {
	id     string
	at     time.Time // of the newest row that matches; zero where ranked
	offset int       // place in the ranking
}

// compareKeyed is the order of pages: the newest first, then by id.
func compareKeyed(a, b keyed) int {
	return cmp.Or(b.at.Compare(a.at), strings.Compare(a.id, b.id))
}

// next returns up to limit values after from, and whether there are more.
func (p *keyPager) next(ctx context.Context, limit int) (keys []keyed, more bool, err error) {
	if p.rank == "" {
		keys, err = p.newest(ctx, limit+1)
	} else {
		keys, err = p.ranked(ctx, limit+1)
	}
	if len(keys) > limit {
		return keys[:limit], true, err
	}
	return keys, false, err
}

// after is the cursor behind a value.
func (p *keyPager) after(k keyed) cursor {
	c := cursor{Filter: p.hash, ID: k.id, Time: k.at.UnixNano()}
	if p.rank != "" {
		c = cursor{Filter: p.hash, Offset: k.offset + 1, End: p.end().UnixNano()}
	}
	return c
}

// end is the end of the range as the first page had it.
func (p *keyPager) end() time.Time {
	if p.from.End != 0 {
		return time.Unix(0, p.from.End).UTC()
	}
	return p.r.End
}

// ranked returns values in the descending order of the rank.
func (p *keyPager) ranked(ctx context.Context, limit int) ([]keyed, error) {
	if p.from.Offset >= maxOffset {
		return nil, nil
	}
	if p.top != "" {
		if keys, ok, err := p.topmost(ctx, limit); ok || err != nil {
			return keys, err
		}
	}
	rows, err := p.s.rows(ctx, request{
		op: p.op,
		query: p.filter + " " + p.field + ":* " + p.where + " | stats by (" + p.field + ") " + p.rank + " v " + p.finish +
			"| sort by (v desc, " + p.field + ") offset " + itoa(p.from.Offset) + " limit " + itoa(limit) + " | fields " + p.field,
		filters: p.user, r: Range{p.r.Start, p.end()},
	})
	keys := make([]keyed, len(rows))
	for i, m := range rows {
		keys[i] = keyed{id: m[p.field], offset: p.from.Offset + i}
	}
	return keys, err
}

// topmost finds the values among the rows that are first in the order of a
// field: that takes a fifth of the time of grouping all rows. It reports false
// where too many of these rows have one value.
func (p *keyPager) topmost(ctx context.Context, limit int) (keys []keyed, ok bool, err error) {
	want := p.from.Offset + limit
	for most := 4 * want; most <= 16*maxOffset; most *= 8 {
		var order []string
		seen := map[string]bool{}
		rows := 0
		err := p.s.each(ctx, request{
			op: p.op,
			query: p.filter + " " + p.field + ":* " + p.where + " | fields " + p.field + "," + p.top + " | sort by (" + p.top + " desc, " + p.field +
				") limit " + itoa(most),
			filters: p.user, r: Range{p.r.Start, p.end()},
		}, func(m row) error {
			rows++
			if id := m[p.field]; !seen[id] {
				seen[id] = true
				order = append(order, id)
			}
			return nil
		})
		if err != nil {
			return nil, false, err
		}
		if len(order) >= want || rows < most {
			for i := p.from.Offset; i < min(want, len(order)); i++ {
				keys = append(keys, keyed{id: order[i], offset: i})
			}
			return keys, true, nil
		}
	}
	return nil, false, nil
}

// The newest values are looked for in windows of time, from the end backwards:
// to group all rows of a long range for the sake of its last minutes costs a
// second where there are a million of them.
const (
	firstWindow  = time.Minute
	windowGrowth = 4  // where something was found
	windowLeap   = 16 // where nothing was
)

// newest returns the first values in the order of their newest rows.
func (p *keyPager) newest(ctx context.Context, limit int) ([]keyed, error) {
	hi := p.r.End
	cut := keyed{}
	if p.from.ID != "" {
		cut = keyed{id: p.from.ID, at: time.Unix(0, p.from.Time).UTC()}
		hi = cut.at.Add(1)
	}
	var keys []keyed
	seen := map[string]bool{}
	width, most := firstWindow, limit*2
	for hi.After(p.r.Start) && len(keys) < limit {
		lo := later(p.r.Start, hi.Add(-width))
		found, err := p.window(ctx, Range{lo, hi}, most)
		if err != nil {
			return nil, err
		}
		full := len(found) == most
		oldest := lo
		if full {
			// Of the rest of the window only what is older than these is missing.
			oldest = found[len(found)-1].at.Add(1)
			if !oldest.Before(hi) {
				if most >= maxTied {
					return nil, &QueryError{Param: "start", Message: fmt.Sprintf("more than %d %ss begin at one moment; narrow the filter", maxTied, p.field)}
				}
				most *= 4 // all of one moment
				continue
			}
			found = slices.DeleteFunc(found, func(k keyed) bool { return k.at.Before(oldest) })
		}
		found = slices.DeleteFunc(found, func(k keyed) bool {
			before := cut.id != "" && compareKeyed(k, cut) <= 0
			if before {
				seen[k.id] = true // older rows of it follow
			}
			return before || seen[k.id]
		})
		if cut.id != "" {
			if found, err = p.unseen(ctx, found, cut); err != nil {
				return nil, err
			}
		}
		for _, k := range found {
			seen[k.id] = true
		}
		keys = append(keys, found...)
		hi = oldest
		switch {
		case full:
		case len(keys) == 0:
			width *= windowLeap
		default:
			width *= windowGrowth
		}
	}
	return keys[:min(limit, len(keys))], nil
}

// window returns the values that have rows in r, in order, at most so many.
func (p *keyPager) window(ctx context.Context, r Range, most int) ([]keyed, error) {
	rows, err := p.s.rows(ctx, request{
		op: p.op,
		query: p.filter + " " + p.field + ":* | stats by (" + p.field + ") max(_time) newest | sort by (newest desc) limit " +
			strconv.Itoa(most),
		filters: p.user, r: r,
	})
	if err != nil {
		return nil, err
	}
	return p.keyed(rows)
}

func (p *keyPager) keyed(rows []row) ([]keyed, error) {
	keys := make([]keyed, len(rows))
	for i, m := range rows {
		at, err := time.Parse(time.RFC3339Nano, m["newest"])
		if err != nil {
			return nil, fmt.Errorf("%s: time of %q: %w", p.op, m[p.field], err)
		}
		keys[i] = keyed{id: m[p.field], at: at}
	}
	slices.SortFunc(keys, compareKeyed)
	return keys, nil
}

// unseen leaves out what has newer rows than the cursor, and was on a page
// before for their sake.
func (p *keyPager) unseen(ctx context.Context, keys []keyed, cut keyed) ([]keyed, error) {
	from := cut.at.Add(1)
	if len(keys) == 0 || !from.Before(p.r.End) {
		return keys, nil
	}
	ids := make([]string, len(keys))
	for i, k := range keys {
		ids[i] = k.id
	}
	before := map[string]bool{}
	for chunk := range slices.Chunk(ids, presentBatch) {
		err := p.s.each(ctx, request{
			op: p.op, query: p.filter + " " + p.field + ":" + in(chunk) + " | uniq by (" + p.field + ")",
			filters: p.user, r: Range{from, p.r.End},
		}, func(m row) error {
			before[m[p.field]] = true
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return slices.DeleteFunc(keys, func(k keyed) bool { return before[k.id] }), nil
}
