package explain

import (
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

// Num is a number of a Call.
type Num uint8

// The numbers of a Row. Times are in seconds.
const (
	NumDuration Num = iota
	NumTTFT
	NumTPOT
	NumTokensPerSecond
	NumInputTokens
	NumOutputTokens
	NumCacheRead
	NumCost
	NumQuality
	NumConnect
	NumHeaders
	NumQueue
	NumLoad
	NumPrefill
	NumDecode
	NumStall // what the gaps in the stream add up to beyond ordinary ones

	// NumNums is the number of numbers that a Row has.
	NumNums = iota
)

// Numbers that follow from the others.
const (
	NumOne Num = 100 + iota
	NumErrors
	NumTotalTokens
)

// Row is what the analysis needs of one Call.
type Row struct {
	ID      string
	TraceID string
	Time    time.Time
	// Weight is how many Calls this one stands for; 0 is read as 1.
	Weight float64
	// Tally says that only the numbers of the Call were kept: there is nothing
	// to look at behind it.
	Tally bool

	// Values are the values of the dimensions; empty is unknown. DimInputBand is
	// derived from the input tokens and DimPromptVersion is qualified with the
	// name of its prompt when the row is added: leave the one empty, and set the
	// other to the bare version.
	Values [NumDims]string
	// Tags in any order.
	Tags []Tag
	// Nums are the numbers; NaN is unknown.
	Nums [NumNums]float64
}

// Tag is a tag of a Call.
type Tag struct{ Name, Value string }

// Reset makes the row empty, with all numbers unknown.
func (r *Row) Reset() {
	tags := r.Tags[:0]
	*r = Row{Tags: tags}
	for i := range r.Nums {
		r.Nums[i] = math.NaN()
	}
}

// SetCall makes the row that of a Call.
func (r *Row) SetCall(c *llm.Call) {
	r.Reset()
	r.ID, r.TraceID, r.Time, r.Weight = c.ID, c.TraceID, c.Time, c.Count()
	v := &r.Values
	v[DimProvider], v[DimUpstream], v[DimModel], v[DimRegion] = c.Provider, c.Upstream, c.Model(), c.Region
	v[DimService], v[DimEnvironment], v[DimFeature] = c.Service, c.Environment, c.Feature
	v[DimPrompt], v[DimPromptVersion], v[DimUser] = c.PromptName, c.PromptVersion, c.User
	v[DimAgent], v[DimWorkflow], v[DimOperation] = c.Agent, c.Workflow, string(c.Operation)
	v[DimStream] = strconv.FormatBool(c.Stream)
	v[DimServiceTier], v[DimSource], v[DimDialect] = c.ServiceTier, string(c.Source), c.Dialect
	v[DimStatus], v[DimErrorType], v[DimResponseModel] = string(c.Status), c.ErrorType, c.ResponseModel
	if c.HTTPStatus != 0 {
		v[DimHTTPStatus] = strconv.Itoa(c.HTTPStatus)
	}
	if len(c.FinishReasons) > 0 {
		v[DimFinishReason] = c.FinishReasons[0]
	}
	for k, t := range c.Tags {
		r.Tags = append(r.Tags, Tag{k, t})
	}
	slices.SortFunc(r.Tags, func(a, b Tag) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	n := &r.Nums
	n[NumDuration] = c.Duration.Seconds()
	seconds := func(i Num, o llm.Opt[time.Duration]) {
		if d, ok := o.Get(); ok {
			n[i] = d.Seconds()
		}
	}
	seconds(NumTTFT, c.TTFT)
	seconds(NumTPOT, c.TPOT())
	count := func(i Num, o llm.Opt[int64]) {
		if d, ok := o.Get(); ok {
			n[i] = float64(d)
		}
	}
	count(NumInputTokens, c.Usage.InputTokens)
	count(NumOutputTokens, c.Usage.OutputTokens)
	count(NumCacheRead, c.Usage.CacheReadTokens)
	n[NumTokensPerSecond] = c.TokensPerSecond().Or(math.NaN())
	n[NumCost] = c.Cost.USD.Or(math.NaN())
	p := &c.Phases
	seconds(NumConnect, p.Connect)
	seconds(NumHeaders, p.Headers)
	seconds(NumQueue, p.Queue)
	seconds(NumLoad, p.Load)
	seconds(NumPrefill, p.Prefill)
	seconds(NumDecode, p.Decode)
	n[NumStall] = Stalls(&c.Timeline)
}

// A gap in a stream is a stall where it is longer than stallLeast and than
// stallTimes the median gap.
const (
	stallLeast = time.Second
	stallTimes = 10
)

// Stalls is what the stalls of a stream add up to beyond ordinary gaps, in
// seconds; NaN where there are too few chunks to have a gap.
func Stalls(t *llm.Timeline) float64 {
	if t.Chunks() < 2 {
		return math.NaN()
	}
	var buf [256]time.Duration
	gaps := buf[:0]
	last := time.Duration(-1)
	for tick := range t.Ticks() {
		if last >= 0 {
			gaps = append(gaps, tick.At-last)
		}
		last = tick.At
	}
	if len(gaps) == 0 {
		return math.NaN()
	}
	slices.Sort(gaps)
	median := gaps[len(gaps)/2]
	limit := max(stallLeast, stallTimes*median)
	var sum time.Duration
	for _, g := range slices.Backward(gaps) {
		if g <= limit {
			break
		}
		sum += g - median
	}
	return sum.Seconds()
}

// bandFloor is the upper end of the first band.
const bandFloor = 512

// Band is the band of a number of input tokens: `<512`, `512..1023`,
// `1024..2047` and so on, to `131072+`.
func Band(tokens float64) string {
	switch {
	case math.IsNaN(tokens) || tokens < 0:
		return ""
	case tokens < bandFloor:
		return "<512"
	case tokens >= 131072:
		return "131072+"
	}
	lo := bandFloor
	for tokens >= float64(2*lo) {
		lo *= 2
	}
	return strconv.Itoa(lo) + ".." + strconv.Itoa(2*lo-1)
}

// bandBounds is the half-open range of tokens of a band; hi is 0 where it is open.
func bandBounds(band string) (lo, hi int, ok bool) {
	switch band {
	case "<512":
		return 0, bandFloor, true
	case "131072+":
		return 131072, 0, true
	}
	for lo = bandFloor; lo < 131072; lo *= 2 {
		if Band(float64(lo)) == band {
			return lo, 2 * lo, true
		}
	}
	return 0, 0, false
}
