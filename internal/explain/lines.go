package explain

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

// LineStore is what is needed of the event store: one method.
type LineStore interface {
	// StreamCalls passes the answer to a query for stored Calls, line by line: JSON
	// objects whose values are strings, as the engine writes them. It selects the
	// Calls of [start, end), and those of which only a tally was kept; filter is
	// LogsQL that users may have written, `*` for all; pipes follow it and begin
	// with a bar. The line is the store's: it is read before each returns.
	StreamCalls(ctx context.Context, start, end time.Time, filter, pipes string, each func(line []byte) error) error
}

// LineSource is a Source over a LineStore.
type LineSource struct{ store LineStore }

// FromLines returns a Source over the event store.
func FromLines(s LineStore) *LineSource { return &LineSource{store: s} }

// Samples says that the engine drops what is sampled out by itself.
func (s *LineSource) Samples() bool { return true }

// Count returns how many Calls there are.
func (s *LineSource) Count(ctx context.Context, q Query) (int64, error) {
	var n int64
	err := s.store.StreamCalls(ctx, q.Range.Start, q.Range.End, q.Selection.LogsQL(), "| stats count() calls", func(line []byte) error {
		var r struct {
			Calls string `json:"calls"`
		}
		if err := json.Unmarshal(line, &r); err != nil {
			return fmt.Errorf("count calls: %w", err)
		}
		v, err := strconv.ParseInt(r.Calls, 10, 64)
		n += v
		return err
	})
	return n, err
}

var errEnough = errors.New("enough")

// Scan streams Calls.
func (s *LineSource) Scan(ctx context.Context, q Query, yield func(*Row) bool) error {
	d := newLineDecoder()
	var row Row
	err := s.store.StreamCalls(ctx, q.Range.Start, q.Range.End, q.Selection.LogsQL(), Pipes(q), func(line []byte) error {
		if err := d.decode(line, &row); err != nil {
			return fmt.Errorf("read call: %w", err)
		}
		if !yield(&row) {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// Pipes are the LogsQL pipes that answer q: the fields that are needed, and no
// more, before anything else.
func Pipes(q Query) string {
	fields := []string{"id", "_time", "kind", "weight", quoteField("tags.*")}
	if q.IDs {
		fields = append(fields, "trace_id")
	}
	for d := range NumDims {
		if f := quoteField(dimTable[d].field); Dim(d) != DimInputBand {
			fields = append(fields, f)
		}
	}
	for n, f := range numFields() {
		if f == "" || Num(n) != NumInputTokens && q.Nums != nil && !slices.Contains(q.Nums, Num(n)) {
			continue
		}
		fields = append(fields, quoteField(f))
	}
	if q.Timelines {
		fields = append(fields, "timeline", "chunks")
	}
	var b strings.Builder
	if q.OneIn > 1 {
		b.WriteString("| sample " + strconv.Itoa(q.OneIn) + " ")
	}
	if q.Limit > 0 {
		b.WriteString("| limit " + strconv.Itoa(q.Limit) + " ")
	}
	b.WriteString("| fields " + strings.Join(fields, ", "))
	return b.String()
}

// numFields are the fields of the numbers; empty where the store has none.
func numFields() [NumNums]string {
	return [NumNums]string{
		NumDuration: "duration_seconds", NumTTFT: "ttft_seconds", NumTPOT: "tpot_seconds", NumTokensPerSecond: "tokens_per_second",
		NumInputTokens: "usage.input_tokens", NumOutputTokens: "usage.output_tokens", NumCacheRead: "usage.cache_read_tokens", NumCost: "cost.usd",
		NumConnect: "phases.connect_seconds", NumHeaders: "phases.headers_seconds", NumQueue: "phases.queue_seconds", NumLoad: "phases.load_seconds",
		NumPrefill: "phases.prefill_seconds", NumDecode: "phases.decode_seconds",
	}
}

// maxInterned bounds the values of one dimension that are kept to be used again.
const maxInterned = 1 << 17

// lineDecoder reads lines of an answer. Its strings are shared between rows.
type lineDecoder struct {
	dims   map[string]Dim
	nums   map[string]Num
	values [NumDims]map[string]string
	tags   map[string]string
	// scratch holds the strings of the line that had escapes.
	scratch []byte
}

func newLineDecoder() *lineDecoder {
	d := &lineDecoder{dims: map[string]Dim{}, nums: map[string]Num{}, tags: map[string]string{}}
	for i := range NumDims {
		d.values[i] = map[string]string{}
		if Dim(i) != DimInputBand {
			d.dims[dimTable[i].field] = Dim(i)
		}
	}
	for n, f := range numFields() {
		if f != "" {
			d.nums[f] = Num(n)
		}
	}
	return d
}

func intern(m map[string]string, b []byte) string {
	if s, ok := m[string(b)]; ok {
		return s
	}
	s := string(b)
	if len(m) < maxInterned {
		m[s] = s
	}
	return s
}

// decode reads one line into row.
func (d *lineDecoder) decode(line []byte, row *Row) error {
	row.Reset()
	row.Values[DimStream] = "false"
	d.scratch = d.scratch[:0]
	line = bytes.TrimSpace(line)
	if len(line) < 2 || line[0] != '{' {
		return errors.New("not an object")
	}
	rest := line[1:]
	var timeline []byte
	chunks := 0
	for first := true; ; first = false {
		if first && rest[0] == '}' {
			break
		}
		name, after, err := d.str(rest)
		if err != nil {
			return err
		}
		if len(after) == 0 || after[0] != ':' {
			return errors.New("a colon is missing")
		}
		value, after, err := d.str(after[1:])
		if err != nil {
			return err
		}
		if len(value) > 0 {
			switch string(name) {
			case "timeline":
				timeline = slices.Clone(value)
			case "chunks":
				if n, err := strconv.Atoi(string(value)); err == nil {
					chunks = n
				}
			default:
				if err := d.set(row, name, value); err != nil {
					return err
				}
			}
		}
		if len(after) == 0 {
			return errors.New("the object does not end")
		}
		rest = after[1:]
		if after[0] == '}' {
			break
		}
		if after[0] != ',' || len(rest) == 0 {
			return errors.New("a comma is missing")
		}
	}
	if timeline != nil {
		t, err := llm.ParseTimeline(string(timeline))
		if err == nil {
			t.SetChunks(chunks)
			row.Nums[NumStall] = Stalls(&t)
		}
	}
	return nil
}

// set sets what a field says.
func (d *lineDecoder) set(row *Row, key, value []byte) error {
	if n, ok := d.nums[string(key)]; ok {
		v, err := strconv.ParseFloat(string(value), 64)
		if err != nil || math.IsInf(v, 0) {
			return fmt.Errorf("field %s: %q is no number", key, cut(string(value), 40))
		}
		row.Nums[n] = v
		return nil
	}
	if dim, ok := d.dims[string(key)]; ok {
		if dim == DimFinishReason {
			row.Values[dim] = d.firstOf(value)
			return nil
		}
		row.Values[dim] = intern(d.values[dim], value)
		return nil
	}
	switch string(key) {
	case "id":
		row.ID = string(value)
	case "trace_id":
		row.TraceID = string(value)
	case "kind":
		row.Tally = string(value) == "tally"
	case "weight":
		v, err := strconv.ParseFloat(string(value), 64)
		if err != nil || !(v > 0 && v < 1e9) {
			return fmt.Errorf("field weight: %q is no weight", cut(string(value), 40))
		}
		row.Weight = v
	case "_time":
		t, err := time.Parse(time.RFC3339Nano, string(value))
		if err != nil {
			return fmt.Errorf("field _time: %w", err)
		}
		row.Time = t
	default:
		if tag, ok := bytes.CutPrefix(key, []byte(tagPrefix)); ok {
			row.Tags = append(row.Tags, Tag{intern(d.tags, tag), intern(d.tags, value)})
		}
	}
	return nil
}

// firstOf is the first string of the text of a JSON array. Such texts are few.
func (d *lineDecoder) firstOf(v []byte) string {
	m := d.values[DimFinishReason]
	if s, ok := m[string(v)]; ok {
		return s
	}
	first := string(v)
	var list []string
	if v[0] == '[' && json.Unmarshal(v, &list) == nil && len(list) > 0 {
		first = list[0]
	}
	if len(m) < maxInterned {
		m[string(v)] = first
	}
	return first
}

// str reads a JSON string and returns what follows it. The string is good until
// the next line.
func (d *lineDecoder) str(b []byte) (s, rest []byte, err error) {
	if len(b) == 0 || b[0] != '"' {
		return nil, nil, errors.New("a string is missing")
	}
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '"':
			return b[1:i], b[i+1:], nil
		case '\\':
			return d.escaped(b)
		}
	}
	return nil, nil, errors.New("a string does not end")
}

// escaped is str where there is a backslash.
func (d *lineDecoder) escaped(b []byte) (s, rest []byte, err error) {
	start := len(d.scratch)
	for i := 1; i < len(b); i++ {
		switch c := b[i]; c {
		case '"':
			return d.scratch[start:], b[i+1:], nil
		case '\\':
			i++
			if i == len(b) {
				return nil, nil, errors.New("a string does not end")
			}
			plain, ok := unescaped(b[i])
			if !ok {
				return d.anyEscaped(b) // \u and what is wrong
			}
			d.scratch = append(d.scratch, plain)
		default:
			d.scratch = append(d.scratch, c)
		}
	}
	return nil, nil, errors.New("a string does not end")
}

func unescaped(c byte) (byte, bool) {
	switch c {
	case '"', '\\', '/':
		return c, true
	case 'n':
		return '\n', true
	case 't':
		return '\t', true
	case 'r':
		return '\r', true
	}
	return 0, false
}

func (d *lineDecoder) anyEscaped(b []byte) (s, rest []byte, err error) {
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			var v string
			if err := json.Unmarshal(b[:i+1], &v); err != nil {
				return nil, nil, fmt.Errorf("string: %w", err)
			}
			return []byte(v), b[i+1:], nil
		}
	}
	return nil, nil, errors.New("a string does not end")
}

// Scored is a Source whose Calls have the given scores, by id, as their quality.
func Scored(src Source, scores map[string]float64) Source { return scored{src, scores} }

type scored struct {
	src    Source
	scores map[string]float64
}

// Scan streams the Calls of the source with their scores.
func (s scored) Scan(ctx context.Context, q Query, yield func(*Row) bool) error {
	q.IDs = true
	return s.src.Scan(ctx, q, func(r *Row) bool {
		old := r.Nums[NumQuality]
		if v, ok := s.scores[r.ID]; ok && r.ID != "" {
			r.Nums[NumQuality] = v
		}
		more := yield(r)
		r.Nums[NumQuality] = old
		return more
	})
}
