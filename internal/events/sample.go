package events

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

// SampleQuery asks for some of the Calls that match, to be drawn as points.
type SampleQuery struct {
	CallFilter
	By    string // one of GroupFields: a further column
	Limit int
}

// Sample is a uniform sample of Calls, column by column; all columns have Count
// values, in the order of time. The same query finds the same Calls: whether
// one is in it follows from a hash of its id.
type Sample struct {
	Start   time.Time     `json:"start"`
	End     time.Time     `json:"end"`
	Total   int64         `json:"total"` // Calls that match
	Count   int           `json:"count"`
	Share   float64       `json:"share"` // Count of Total
	Columns SampleColumns `json:"columns"`
}

// SampleColumns are the columns of a Sample. Numbers that a Call has not are
// unknown.
type SampleColumns struct {
	ID              []string           `json:"id"`
	TimeMS          []int64            `json:"time_ms"` // Unix milliseconds
	Duration        []float64          `json:"duration_seconds"`
	TTFT            []llm.Opt[float64] `json:"ttft_seconds"`
	TPOT            []llm.Opt[float64] `json:"tpot_seconds"`
	TokensPerSecond []llm.Opt[float64] `json:"tokens_per_second"`
	InputTokens     []llm.Opt[int64]   `json:"input_tokens"`
	OutputTokens    []llm.Opt[int64]   `json:"output_tokens"`
	CostUSD         []llm.Opt[float64] `json:"cost_usd"`
	Status          Coded              `json:"status"`
	Model           Coded              `json:"model"`
	Provider        Coded              `json:"provider"`
	Service         Coded              `json:"service"`
	ErrorType       Coded              `json:"error_type"`
	TraceID         []string           `json:"trace_id"`
	By              *Coded             `json:"by,omitempty"`
}

// Coded is a column of few different values: for each Call the place of its
// value in Values, -1 where it has none.
type Coded struct {
	Values []string `json:"values"`
	Index  []int    `json:"index"`

	at map[string]int
}

func (c *Coded) add(v string) {
	if v == "" {
		c.Index = append(c.Index, -1)
		return
	}
	i, ok := c.at[v]
	if !ok {
		if c.at == nil {
			c.at = map[string]int{}
		}
		i = len(c.Values)
		c.at[v] = i
		c.Values = append(c.Values, v)
	}
	c.Index = append(c.Index, i)
}

const (
	defaultSample = 2000
	// MaxSample is the most points of a Sample.
	MaxSample = 10_000
	// hashRange is how many values the engine's hash has.
	hashRange = 1 << 53
)

// Sample returns some of the Calls that match.
func (s *Store) Sample(ctx context.Context, q SampleQuery) (*Sample, error) {
	limit, err := checkLimit(q.Limit, defaultSample, MaxSample)
	if err != nil {
		return nil, err
	}
	if err := q.validate(); err != nil {
		return nil, err
	}
	if q.By != "" {
		if err := checkGroupField(q.By); err != nil {
			return nil, err
		}
	}
	r := s.resolve(q.Range)
	out := &Sample{Start: r.Start, End: r.End, Columns: newSampleColumns(q.By != "")}
	if out.Total, err = s.count(ctx, &q.CallFilter, r); err != nil || out.Total == 0 {
		return out, err
	}
	rows, err := s.sampleRows(ctx, &q, r, out.Total, limit)
	if err != nil {
		return nil, err
	}
	for _, m := range rows {
		if err := out.Columns.add(m, q.By); err != nil {
			return nil, err
		}
	}
	out.Count = len(rows)
	out.Total = max(out.Total, int64(out.Count)) // Calls come in meanwhile
	out.Share = float64(out.Count) / float64(out.Total)
	return out, nil
}

// count counts the Calls that match, as they are stored.
func (s *Store) count(ctx context.Context, f *CallFilter, r Range) (n int64, err error) {
	err = s.each(ctx, request{
		op: "count calls", query: f.logsql() + " | stats count() n", filters: f.userFilters(), r: r,
	}, func(m row) error {
		rr := newRowReader(m)
		n = int64(rr.int("n"))
		return rr.err
	})
	return n, err
}

// sampleRows returns about limit rows of total, and no more, in the order of time.
func (s *Store) sampleRows(ctx context.Context, q *SampleQuery, r Range, total int64, limit int) ([]row, error) {
	fields := []string{
		"id", "_time", "duration_seconds", "ttft_seconds", "tpot_seconds", "tokens_per_second",
		"usage.input_tokens", "usage.output_tokens", "cost.usd", "status", fieldModel, "provider", "service", "error_type", "trace_id",
	}
	if q.By != "" && !slices.Contains(fields, q.By) {
		fields = append(fields, q.By)
	}
	pipes := " | fields " + fieldList(fields)
	if total > int64(limit) {
		// Somewhat more than the limit, so that chance leaves it full.
		aim := float64(limit) + 4*math.Sqrt(float64(limit)) + 4
		if share := aim / float64(total); share < 1 {
			pipes += " | hash(id) as h | filter h:<" + strconv.FormatInt(int64(share*hashRange), 10)
		} else {
			pipes += " | hash(id) as h"
		}
	}
	rows, err := s.rows(ctx, request{
		op: "sample calls", query: q.logsql() + pipes + " | limit " + itoa(4*MaxSample), filters: q.userFilters(), r: r,
	})
	if err != nil {
		return nil, err
	}
	if len(rows) > limit {
		hash := func(m row) int64 {
			h, err := strconv.ParseFloat(m["h"], 64)
			if err != nil {
				return hashRange
			}
			return int64(h)
		}
		slices.SortFunc(rows, func(a, b row) int { return cmp.Or(cmp.Compare(hash(a), hash(b)), strings.Compare(a["id"], b["id"])) })
		rows = rows[:limit]
	}
	sortRows(rows, true)
	return rows, nil
}

func newSampleColumns(by bool) SampleColumns {
	coded := func() Coded { return Coded{Values: []string{}, Index: []int{}} }
	c := SampleColumns{
		ID: []string{}, TimeMS: []int64{}, Duration: []float64{}, TTFT: []llm.Opt[float64]{}, TPOT: []llm.Opt[float64]{},
		TokensPerSecond: []llm.Opt[float64]{}, InputTokens: []llm.Opt[int64]{}, OutputTokens: []llm.Opt[int64]{}, CostUSD: []llm.Opt[float64]{},
		Status: coded(), Model: coded(), Provider: coded(), Service: coded(), ErrorType: coded(), TraceID: []string{},
	}
	if by {
		b := coded()
		c.By = &b
	}
	return c
}

// add adds the row of a Call.
func (c *SampleColumns) add(m row, by string) error {
	r := newRowReader(m)
	c.ID = append(c.ID, m["id"])
	c.TimeMS = append(c.TimeMS, r.time("_time").UnixMilli())
	c.Duration = append(c.Duration, r.optFloat("duration_seconds").Or(0))
	c.TTFT = append(c.TTFT, r.optFloat("ttft_seconds"))
	c.TPOT = append(c.TPOT, r.optFloat("tpot_seconds"))
	c.TokensPerSecond = append(c.TokensPerSecond, r.optFloat("tokens_per_second"))
	c.InputTokens = append(c.InputTokens, r.optInt("usage.input_tokens"))
	c.OutputTokens = append(c.OutputTokens, r.optInt("usage.output_tokens"))
	c.CostUSD = append(c.CostUSD, r.optFloat("cost.usd"))
	c.Status.add(m["status"])
	c.Model.add(m[fieldModel])
	c.Provider.add(m["provider"])
	c.Service.add(m["service"])
	c.ErrorType.add(m["error_type"])
	c.TraceID = append(c.TraceID, m["trace_id"])
	if c.By != nil {
		c.By.add(m[by])
	}
	return r.err
}
