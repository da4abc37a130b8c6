package events

import (
	"cmp"
	"context"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

// DataStat is what is stored of one day, tenant, kind and service.
type DataStat struct {
	Day time.Time `json:"day"`
	// Tenant is empty for the default one. One that is not declared any more is
	// shown by the engine's numbers: its name is not stored.
	Tenant  string `json:"tenant,omitempty"`
	Kind    string `json:"kind"`
	Service string `json:"service"`
	Rows    int64  `json:"rows"`
	// Bytes are those of the columns of these rows, compressed, with their search
	// index; without the indexes that all rows of a day share.
	Bytes int64 `json:"bytes"`
}

// AllDataStats says what is stored of all tenants, by day, tenant, kind and
// service, oldest first. It asks the embedded engine who there is.
func (s *Store) AllDataStats(ctx context.Context, r Range) ([]DataStat, error) {
	ids, err := s.tenantIDs(ctx, s.everything())
	if err != nil {
		return nil, err
	}
	names := map[tenantID]string{}
	for _, t := range append([]string{llm.DefaultTenant}, s.tenants...) {
		names[idOf(t)] = t
	}
	var out []DataStat
	for _, id := range ids {
		name, ok := names[id]
		if !ok {
			name = id.String()
		}
		rows, err := s.DataStats(context.WithValue(ctx, tenantIDKey{}, id), r)
		if err != nil {
			return nil, err
		}
		for i := range rows {
			rows[i].Tenant = name
		}
		out = append(out, rows...)
	}
	sortStats(out)
	return out, nil
}

func sortStats(out []DataStat) {
	slices.SortFunc(out, func(a, b DataStat) int {
		return cmp.Or(a.Day.Compare(b.Day), cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Service, b.Service))
	})
}

// DataStats says what is stored of the tenant of the context, by day, kind and
// service, oldest first.
func (s *Store) DataStats(ctx context.Context, r Range) ([]DataStat, error) {
	all := s.everything()
	if r.Start.Before(all.Start) {
		r.Start = all.Start
	}
	if r.End.IsZero() || r.End.After(all.End) {
		r.End = all.End
	}
	if err := s.Flush(ctx); err != nil {
		return nil, err
	}
	type key struct {
		day           int64
		kind, service string
	}
	found := map[key]*DataStat{}
	days := map[int64]bool{}
	err := s.each(ctx, request{op: "count rows", query: "id:* | stats by (_time:1d, kind, service) count() n", r: r, fresh: true}, func(m row) error {
		rr := newRowReader(m)
		d := rr.time("_time")
		found[key{d.Unix(), m["kind"], m["service"]}] = &DataStat{Day: d, Kind: m["kind"], Service: m["service"], Rows: int64(rr.int("n"))}
		days[d.Unix()] = true
		return rr.err
	})
	if err != nil {
		return nil, err
	}
	for d := range days {
		day := time.Unix(d, 0).UTC()
		// Only a whole day: blocks are counted whole.
		err := s.each(ctx, request{
			op:    "measure rows",
			query: "* | block_stats | stats by (_stream) sum(values_bytes) v, sum(bloom_bytes) b, sum(dict_bytes) d",
			r:     Range{day, day.Add(24 * time.Hour)},
		}, func(m row) error {
			rr := newRowReader(m)
			kind, service := streamValue(m["_stream"], kindOfStream), streamValue(m["_stream"], serviceOfStream)
			if st := found[key{d, kind, service}]; st != nil {
				for _, f := range []string{"v", "b", "d"} {
					n, _ := rr.optInt(f).Get()
					st.Bytes += n
				}
			}
			return rr.err
		})
		if err != nil {
			return nil, err
		}
	}
	out := make([]DataStat, 0, len(found))
	for _, st := range found {
		st.Tenant = llm.TenantOf(ctx)
		out = append(out, *st)
	}
	sortStats(out)
	return out, nil
}

// The engine writes a stream as {kind="call",service="a \"b\""}.
var (
	kindOfStream    = regexp.MustCompile(`[{,]kind=("(?:[^"\\]|\\.)*")`)
	serviceOfStream = regexp.MustCompile(`[{,]service=("(?:[^"\\]|\\.)*")`)
)

func streamValue(stream string, re *regexp.Regexp) string {
	m := re.FindStringSubmatch(stream)
	if m == nil {
		return ""
	}
	v, err := strconv.Unquote(m[1])
	if err != nil {
		return ""
	}
	return v
}
