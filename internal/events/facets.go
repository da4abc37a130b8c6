package events

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"strings"
)

// FacetFields are the dimensions that Facets returns where none are named.
func FacetFields() []string {
	return []string{
		"service", "environment", "provider", "model", "operation", "status", "error_type", "user", "session",
		"feature", "prompt_name", "agent", "dialect", "source", "upstream", "cost.state", "finish_reasons", "stream",
	}
}

// facetValues is the most different values that a dimension may have and still
// be counted: it bounds the engine's memory.
const facetValues = 100_000

// Facets returns the most frequent values of the dimensions of Calls, in the
// order of the fields. Dimensions without a value are left out.
func (s *Store) Facets(ctx context.Context, q FacetQuery) ([]Facet, error) {
	if err := q.validate(); err != nil {
		return nil, err
	}
	limit, err := checkLimit(q.Limit, 20, MaxFacetLimit)
	if err != nil {
		return nil, err
	}
	fields := q.Fields
	if len(fields) == 0 {
		fields = FacetFields()
	}
	for _, f := range fields {
		if !slices.Contains(FacetFields(), f) {
			if err := checkGroupField(f); err != nil {
				if qe, ok := errors.AsType[*QueryError](err); ok {
					qe.Param = "fields"
				}
				return nil, err
			}
		}
	}
	r := s.resolveOpen(q.Range)
	counts := map[string]map[string]int64{}
	live, err := s.rolledFacets(ctx, q.CallFilter, fields, r, counts)
	if err != nil {
		return nil, err
	}
	if len(live) > 0 {
		if err := s.liveFacets(ctx, &q.CallFilter, live, limit, r, counts); err != nil {
			return nil, err
		}
	}
	out := []Facet{}
	for _, f := range fields {
		var v []FacetValue
		for value, n := range counts[f] {
			v = append(v, FacetValue{Value: value, Count: n})
		}
		if len(v) == 0 {
			continue
		}
		slices.SortFunc(v, func(a, b FacetValue) int {
			return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Value, b.Value))
		})
		out = append(out, Facet{Field: f, Values: v[:min(limit, len(v))]})
	}
	return out, nil
}

// maxFacetWeights is how many different weights are counted apart; the Calls of
// the others count once.
const maxFacetWeights = 20

// liveFacets counts values over Calls and tallies. The engine's facets count
// rows, so that the rows of each weight are counted by themselves.
func (s *Store) liveFacets(ctx context.Context, f *CallFilter, fields []string, limit int, r Range, counts map[string]map[string]int64) error {
	type share struct {
		filter string
		weight float64
	}
	shares := []share{{"", 1}}
	var known []string
	err := s.each(ctx, request{
		op:      "list weights",
		query:   f.counted() + " " + fieldWeight + ":* | stats by (" + fieldWeight + ") count() n | sort by (n desc) limit " + itoa(maxFacetWeights),
		filters: f.userFilters(), r: r,
	}, func(m row) error {
		rr := newRowReader(m)
		shares = append(shares, share{" " + fieldWeight + ":=" + quote(m[fieldWeight]), rr.weight()})
		known = append(known, m[fieldWeight])
		return rr.err
	})
	if err != nil {
		return err
	}
	if len(known) > 0 {
		shares[0].filter = " !" + fieldWeight + ":" + in(known)
	}
	for _, sh := range shares {
		err := s.each(ctx, request{
			op: "count facets",
			query: f.counted() + sh.filter + " | fields " + fieldList(fields) + " | facets " + itoa(limit) +
				" max_values_per_field " + itoa(facetValues) + " max_value_len 1000 keep_const_fields",
			filters: f.userFilters(), r: r,
		}, func(m row) error {
			rr := newRowReader(m)
			addCount(counts, m["field_name"], m["field_value"], int64(math.Round(float64(rr.int("hits"))*sh.weight)))
			return rr.err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func addCount(counts map[string]map[string]int64, field, value string, n int64) {
	if value == "" || n == 0 {
		return
	}
	if counts[field] == nil {
		counts[field] = map[string]int64{}
	}
	counts[field][value] += n
}

// rolledFacets counts the fields that rollups know where the range is long, and
// returns the other fields.
func (s *Store) rolledFacets(ctx context.Context, f CallFilter, fields []string, r Range, counts map[string]map[string]int64) (live []string, err error) {
	if r.End.Sub(r.Start) <= liveRange {
		return fields, nil
	}
	f.Range = r
	for _, fam := range families[:2] {
		var own []string
		for _, field := range fields {
			if counts[field] == nil && slices.Contains(fam.dimensions, field) {
				own = append(own, field)
			}
		}
		if len(own) == 0 || f.family(own, false) != fam {
			continue
		}
		groups, err := s.totals(ctx, totalsQuery{f: f, by: own})
		if err != nil {
			return nil, err
		}
		for _, field := range own {
			counts[field] = map[string]int64{}
		}
		for _, g := range groups {
			for _, field := range own {
				addCount(counts, field, g.Values[field], g.Totals.Calls)
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(fields), func(field string) bool { return counts[field] != nil }), nil
}
