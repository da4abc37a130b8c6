package explain

import (
	"context"
	"fmt"
)

// load reads both sides into a frame.
func load(ctx context.Context, req Request, info *metricInfo, src Source) (*frame, error) {
	f := newFrame(info, req.Limits)
	// The baseline first: its values get the first codes, whatever else the
	// window brings.
	for _, s := range []int{baseline, window} {
		sel := req.Window
		if s == baseline {
			sel = req.Baseline
		}
		if err := f.loadSide(ctx, s, sel, src); err != nil {
			return nil, err
		}
	}
	f.finish([2][]Range{req.Window.Ranges, f.usedRanges(req.Baseline.Ranges)}, req.Limits)
	return f, nil
}

func (f *frame) loadSide(ctx context.Context, s int, sel Selection, src Source) error {
	p := &f.parts[s]
	p.inRange = make([]float64, len(sel.Ranges))
	oneIn, err := p.pushDown(ctx, sel, src)
	if err != nil {
		return err
	}
	p.scale = float64(oneIn)
	for i, r := range sel.Ranges {
		q := Query{Range: r, Selection: Selection{Terms: sel.Terms, Query: sel.Query}, OneIn: oneIn, IDs: s == window, Timelines: f.metric.metric == StallRate, Nums: f.metric.needs()}
		n := 0
		err := src.Scan(ctx, q, func(r *Row) bool {
			f.add(s, r, i)
			n++
			return n&1023 != 0 || ctx.Err() == nil
		})
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("explain: read calls: %w", err)
		}
	}
	return nil
}

// needs are the numbers that the analysis of the metric looks at.
func (m *metricInfo) needs() []Num {
	nums := []Num{NumInputTokens}
	switch {
	case m.timed():
		nums = append(nums, phaseNums()...)
		nums = append(nums, m.num)
	case m.num == NumTotalTokens:
		nums = append(nums, NumOutputTokens)
	case m.family != famRatio && m.num < NumNums:
		nums = append(nums, m.num)
	}
	return nums
}

// pushDown decides how many of the Calls the source need not send.
func (p *part) pushDown(ctx context.Context, sel Selection, src Source) (int, error) {
	c, ok := src.(Counter)
	if !ok {
		return 1, nil
	}
	if s, ok := src.(Sampler); !ok || !s.Samples() {
		return 1, nil
	}
	var total int64
	for _, r := range sel.Ranges {
		n, err := c.Count(ctx, Query{Range: r, Selection: Selection{Terms: sel.Terms, Query: sel.Query}})
		if err != nil {
			return 0, fmt.Errorf("explain: count calls: %w", err)
		}
		total += n
	}
	return int(max((total+int64(p.limit)-1)/int64(p.limit), 1)), nil
}

// usedRanges leaves out ranges of the baseline without a Call where others have
// some: before the first Call ever there is nothing to compare with.
func (f *frame) usedRanges(rs []Range) []Range {
	p := &f.parts[baseline]
	var used []Range
	for i, r := range rs {
		if p.inRange[i] > 0 {
			used = append(used, r)
		}
	}
	if len(used) == 0 || len(used) == len(rs) {
		return rs
	}
	f.notes.add("%d of the %d ranges of the baseline hold no calls and are left out.", "基线的 %[2]d 个时间段中有 %[1]d 个没有调用，已略去。", len(rs)-len(used), len(rs))
	return used
}

// notes are remarks in both languages.
type notes struct{ en, zh []string }

func (n *notes) add(en, zh string, args ...any) {
	n.en = append(n.en, fmt.Sprintf(en, args...))
	n.zh = append(n.zh, fmt.Sprintf(zh, args...))
}
