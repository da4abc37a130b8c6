package explain

import (
	"cmp"
	"math"
	"slices"

	"github.com/cespare/xxhash/v2"
)

// Codes of every dictionary.
const (
	codeUnknown = 0 // no value
	codeOther   = 1 // a value past the limit
)

// dict numbers the values of one dimension.
type dict struct {
	name   string
	dim    Dim // NumDims for a tag
	values []string
	codes  map[string]uint16
	limit  int
	last   string // the value before: rows often repeat it
	lastC  uint16
	over   bool // values were left out
}

func newDict(name string, dim Dim, limit int) *dict {
	return &dict{name: name, dim: dim, values: []string{"", "__other__"}, codes: map[string]uint16{}, limit: limit}
}

// code numbers a value.
func (d *dict) code(v string) uint16 {
	if v == "" {
		return codeUnknown
	}
	if v == d.last {
		return d.lastC
	}
	c, ok := d.codes[v]
	if !ok {
		if len(d.codes) >= d.limit {
			d.over = true
			return codeOther
		}
		c = uint16(len(d.values))
		d.values = append(d.values, v)
		d.codes[v] = c
	}
	d.last, d.lastC = v, c
	return c
}

// side indices.
const (
	window   = 0
	baseline = 1
)

// part is the Calls of the window or of the baseline, by column.
type part struct {
	n      int
	cols   [][]uint16 // by dimension of the frame
	x      []float32  // the metric's number; NaN is unknown
	weight []float32
	time   []int64 // unix nanoseconds
	hash   []uint32
	nums   [][]float32 // by phaseNums; nil where the metric is no time
	ids    []string    // window only
	traces []string
	tally  []bool

	limit   int
	level   uint // one in 1<<level is kept
	seen    float64
	inRange []float64 // Calls seen by range
	scale   float64   // how many Calls each kept one stands for

	block  []uint8
	blocks int
}

// frame is all that the analysis works on.
type frame struct {
	metric  *metricInfo
	dicts   []*dict
	parts   [2]part
	tagAt   map[string]int
	maxTags int
	version map[versionKey]uint16
	notes   notes
	unknown [2]float64 // Calls without the metric's number
}

type versionKey struct {
	prompt  uint16
	version string
}

// phaseNums are the numbers that tell where time went.
func phaseNums() []Num {
	return []Num{NumDuration, NumTTFT, NumTPOT, NumInputTokens, NumOutputTokens, NumConnect, NumQueue, NumLoad, NumPrefill, NumDecode, NumStall}
}

func newFrame(info *metricInfo, lim Limits) *frame {
	f := &frame{metric: info, tagAt: map[string]int{}, maxTags: maxTags, version: map[versionKey]uint16{}}
	for d := range Dim(NumDims) {
		f.dicts = append(f.dicts, newDict(d.String(), d, lim.Values))
	}
	for s := range f.parts {
		p := &f.parts[s]
		p.limit, p.scale = lim.WindowCalls, 1
		if s == baseline {
			p.limit = lim.BaselineCalls
		}
		p.cols = make([][]uint16, NumDims)
		if info.timed() {
			p.nums = make([][]float32, len(phaseNums()))
		}
	}
	return f
}

// timed reports whether the metric is about the time that answers take.
func (m *metricInfo) timed() bool {
	switch m.num {
	case NumDuration, NumTTFT, NumTPOT, NumTokensPerSecond:
		return m.family == famMean || m.family == famQuantile
	default: // as below
	}
	return m.metric == StallRate
}

// value is the metric's number of a row; NaN where it has none.
func (m *metricInfo) value(r *Row) float64 {
	switch m.metric {
	case ErrorRate:
		return r.num(NumErrors)
	case TruncationRate:
		switch r.Values[DimFinishReason] {
		case "":
			return math.NaN()
		case "length":
			return 1
		}
		return 0
	case StallRate:
		switch v := r.Nums[NumStall]; {
		case math.IsNaN(v):
			return v
		case v > 0:
			return 1
		}
		return 0
	default: // as below
	}
	v := r.num(m.num)
	if m.log && v < 0 || math.IsInf(v, 0) {
		return math.NaN()
	}
	return v
}

// add adds a row to a side. Past the limit it keeps a random share of the rows,
// chosen by their ids, so that the choice depends on nothing else.
func (f *frame) add(s int, r *Row, rangeIndex int) {
	p := &f.parts[s]
	p.seen++
	p.inRange[rangeIndex]++
	x := f.metric.value(r)
	if math.IsNaN(x) {
		f.unknown[s] += max(r.Weight, 1)
		return
	}
	h := hashOf(r, p.seen)
	if h&(1<<p.level-1) != 0 {
		return
	}
	for p.n >= p.limit && p.level < 30 {
		p.level++
		p.thin()
	}
	if h&(1<<p.level-1) != 0 || p.n >= p.limit {
		return
	}
	f.encode(p, r)
	p.x = append(p.x, float32(x))
	p.weight = append(p.weight, float32(max(r.Weight, 1)))
	p.time = append(p.time, r.Time.UnixNano())
	p.hash = append(p.hash, h)
	if p.nums != nil {
		for i, n := range phaseNums() {
			p.nums[i] = append(p.nums[i], float32(r.Nums[n]))
		}
	}
	if s == window {
		p.ids, p.traces, p.tally = append(p.ids, r.ID), append(p.traces, r.TraceID), append(p.tally, r.Tally)
	}
	p.n++
}

func hashOf(r *Row, seen float64) uint32 {
	h := xxhash.Sum64String(r.ID)
	if r.ID == "" {
		h = uint64(r.Time.UnixNano())*0x9E3779B97F4A7C15 + uint64(seen)*0xD1B54A32D192ED03
		h ^= h >> 29
	}
	return uint32(h>>32) ^ uint32(h)
}

// encode appends the codes of the row's dimensions.
func (f *frame) encode(p *part, r *Row) {
	for d := range NumDims {
		var c uint16
		switch Dim(d) {
		case DimInputBand:
			c = f.dicts[d].code(Band(r.Nums[NumInputTokens]))
		case DimPromptVersion:
			c = f.versionCode(r.Values[d], p.cols[DimPrompt][p.n], r.Values[DimPrompt])
		case DimStream:
			if c = f.dicts[d].code("false"); r.Values[d] == "true" {
				c = f.dicts[d].code("true")
			}
		default:
			c = f.dicts[d].code(r.Values[d])
		}
		p.cols[d] = append(p.cols[d], c)
	}
	for i := NumDims; i < len(f.dicts); i++ {
		if len(p.cols) <= i {
			p.cols = append(p.cols, make([]uint16, p.n, max(cap(p.x), 16)))
		}
		p.cols[i] = append(p.cols[i], codeUnknown)
	}
	for _, t := range r.Tags {
		i, ok := f.tagAt[t.Name]
		if !ok {
			if len(f.tagAt) >= f.maxTags || t.Name == "" || len(t.Name) > maxTagName || t.Value == "" {
				continue
			}
			i = len(f.dicts)
			f.tagAt[t.Name] = i
			f.dicts = append(f.dicts, newDict(tagPrefix+t.Name, NumDims, f.dicts[0].limit))
			p.cols = append(p.cols, make([]uint16, p.n+1))
		}
		p.cols[i][p.n] = f.dicts[i].code(t.Value)
	}
}

// versionCode numbers name@version without making that string for every row.
func (f *frame) versionCode(version string, prompt uint16, name string) uint16 {
	if version == "" {
		return codeUnknown
	}
	k := versionKey{prompt, version}
	c, ok := f.version[k]
	if !ok {
		v := version
		if name != "" {
			v = name + "@" + version
		}
		c = f.dicts[DimPromptVersion].code(v)
		if c != codeOther {
			f.version[k] = c
		}
	}
	return c
}

// thin drops the rows that the level leaves out.
func (p *part) thin() {
	keep := 0
	for i := range p.n {
		if p.hash[i]&(1<<p.level-1) != 0 {
			continue
		}
		if keep != i {
			p.move(keep, i)
		}
		keep++
	}
	p.truncate(keep)
}

func (p *part) move(to, from int) {
	for _, c := range p.cols {
		c[to] = c[from]
	}
	p.x[to], p.weight[to], p.time[to], p.hash[to] = p.x[from], p.weight[from], p.time[from], p.hash[from]
	for _, v := range p.nums {
		v[to] = v[from]
	}
	if p.ids != nil {
		p.ids[to], p.traces[to], p.tally[to] = p.ids[from], p.traces[from], p.tally[from]
	}
}

func (p *part) truncate(n int) {
	for i := range p.cols {
		p.cols[i] = p.cols[i][:n]
	}
	p.x, p.weight, p.time, p.hash = p.x[:n], p.weight[:n], p.time[:n], p.hash[:n]
	for i := range p.nums {
		p.nums[i] = p.nums[i][:n]
	}
	if p.ids != nil {
		clear(p.ids[n:])
		clear(p.traces[n:])
		p.ids, p.traces, p.tally = p.ids[:n], p.traces[:n], p.tally[:n]
	}
	p.n = n
}

// finish completes the columns after the last row: tags that one side never had,
// the scale of sampled rows, blocks of time, and the choice of tags.
func (f *frame) finish(ranges [2][]Range, lim Limits) {
	for s := range f.parts {
		p := &f.parts[s]
		for len(p.cols) < len(f.dicts) {
			p.cols = append(p.cols, make([]uint16, p.n))
		}
		p.scale *= float64(uint64(1) << p.level)
	}
	f.keepTags(lim.Tags)
	f.setBlocks(ranges)
}

// keepTags keeps those tags that most Calls have.
func (f *frame) keepTags(limit int) {
	if len(f.dicts) <= NumDims+limit {
		return
	}
	have := make([]int, len(f.dicts))
	order := make([]int, 0, len(f.dicts)-NumDims)
	for i := NumDims; i < len(f.dicts); i++ {
		order = append(order, i)
		for s := range f.parts {
			for _, c := range f.parts[s].cols[i] {
				if c != codeUnknown {
					have[i]++
				}
			}
		}
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(have[b], have[a]), cmp.Compare(f.dicts[a].name, f.dicts[b].name))
	})
	dicts, cols := slices.Clone(f.dicts[:NumDims]), [2][][]uint16{}
	for s := range f.parts {
		cols[s] = slices.Clone(f.parts[s].cols[:NumDims])
	}
	for _, i := range order[:limit] {
		dicts = append(dicts, f.dicts[i])
		for s := range f.parts {
			cols[s] = append(cols[s], f.parts[s].cols[i])
		}
	}
	f.dicts = dicts
	for s := range f.parts {
		f.parts[s].cols = cols[s]
	}
}

// The number of blocks that the baseline and the window are split into.
const (
	minBlocks       = 6
	maxBlocks       = 24
	maxWindowBlocks = 12
)

// setBlocks splits both sides into stretches of equal length, by which one sees
// how much the Calls vary from one time to another anyway.
func (f *frame) setBlocks(ranges [2][]Range) {
	var length [2]float64
	for s, rs := range ranges {
		for _, r := range rs {
			length[s] += r.Length().Seconds()
		}
	}
	if length[window] <= 0 || length[baseline] <= 0 {
		return
	}
	k := min(max(int(math.Round(length[baseline]/length[window])), minBlocks), maxBlocks)
	w := min(max(int(math.Round(length[window]/(length[baseline]/float64(k)))), 1), maxWindowBlocks)
	f.parts[window].setBlocks(ranges[window], length[window], w)
	f.parts[baseline].setBlocks(ranges[baseline], length[baseline], k)
}

func (p *part) setBlocks(rs []Range, length float64, blocks int) {
	p.blocks = blocks
	p.block = make([]uint8, p.n)
	for i, t := range p.time {
		var before float64
		for _, r := range rs {
			if from := float64(t-r.Start.UnixNano()) / 1e9; from >= 0 && t < r.End.UnixNano() {
				before += from
				break
			}
			before += r.Length().Seconds()
		}
		p.block[i] = uint8(min(int(before/length*float64(blocks)), blocks-1))
	}
}
