package semconv

import (
	"encoding/base64"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/valyala/fastjson"
	"go.opentelemetry.io/collector/pdata/pcommon"
)

// Bounds of what one record may bring. Real ones stay far below; what is longer
// than its field is the content policy's to cut.
const (
	maxAttributes = 1000
	maxDepth      = 16
	maxValues     = 20_000 // of all nested values of one record
)

// clean makes s valid UTF-8.
func clean(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// textOf is a scalar as text, or a structured value as JSON.
func textOf(v pcommon.Value) string {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return v.Str()
	case pcommon.ValueTypeInt:
		return strconv.FormatInt(v.Int(), 10)
	case pcommon.ValueTypeDouble:
		return strconv.FormatFloat(v.Double(), 'g', -1, 64)
	case pcommon.ValueTypeBool:
		return strconv.FormatBool(v.Bool())
	case pcommon.ValueTypeEmpty:
		return ""
	case pcommon.ValueTypeBytes:
		return string(v.Bytes().AsRaw())
	default:
		return string(appendJSON(nil, v, 0))
	}
}

// countOf reads a whole number that is not negative.
func countOf(v pcommon.Value) (int64, bool) {
	switch v.Type() {
	case pcommon.ValueTypeInt:
		return v.Int(), v.Int() >= 0
	case pcommon.ValueTypeDouble:
		return wholeOf(v.Double())
	case pcommon.ValueTypeStr:
		return parseCount(v.Str())
	default:
		return 0, false
	}
}

func parseCount(s string) (int64, bool) {
	s = strings.TrimSpace(s)
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n, n >= 0
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return 0, false
	}
	return wholeOf(f)
}

func wholeOf(f float64) (int64, bool) {
	if !(f >= 0 && f < 1<<62) { // also NaN
		return 0, false
	}
	return int64(math.Round(f)), true
}

// amountOf reads a number.
func amountOf(v pcommon.Value) (float64, bool) {
	var f float64
	switch v.Type() {
	case pcommon.ValueTypeInt:
		f = float64(v.Int())
	case pcommon.ValueTypeDouble:
		f = v.Double()
	case pcommon.ValueTypeStr:
		var err error
		if f, err = strconv.ParseFloat(strings.TrimSpace(v.Str()), 64); err != nil {
			return 0, false
		}
	default:
		return 0, false
	}
	return f, !math.IsNaN(f) && !math.IsInf(f, 0)
}

// durationOf reads a time span in the unit.
func durationOf(v pcommon.Value, unit time.Duration) (time.Duration, bool) {
	f, ok := amountOf(v)
	if !ok || f < 0 || f*float64(unit) > math.MaxInt64/2 {
		return 0, false
	}
	return time.Duration(math.Round(f * float64(unit))), true
}

// flagOf reads a bool.
func flagOf(v pcommon.Value) (value, ok bool) {
	switch v.Type() {
	case pcommon.ValueTypeBool:
		return v.Bool(), true
	case pcommon.ValueTypeInt:
		return v.Int() != 0, true
	case pcommon.ValueTypeStr:
		switch strings.ToLower(v.Str()) {
		case "true", "1", "yes":
			return true, true
		case "false", "0", "no":
			return false, true
		}
	default:
	}
	return false, false
}

// momentOf reads a time: RFC 3339, also as a JSON string, which is how Langfuse
// sends it.
func momentOf(v pcommon.Value) (time.Time, bool) {
	if v.Type() != pcommon.ValueTypeStr {
		return time.Time{}, false
	}
	t, err := time.Parse(time.RFC3339Nano, strings.Trim(strings.TrimSpace(v.Str()), `"`))
	return t, err == nil
}

// hostOf is the host that a URL or an address names.
func hostOf(s string) string {
	if _, rest, ok := strings.Cut(s, "://"); ok {
		s = rest
	}
	s, _, _ = strings.Cut(s, "/")
	if host, _, ok := strings.Cut(s, ":"); ok {
		s = host
	}
	return strings.ToLower(s)
}

// listOf reads strings: an array of scalars, JSON of one, or one string.
func listOf(v pcommon.Value) []string {
	switch v.Type() {
	case pcommon.ValueTypeSlice:
		sl := v.Slice()
		out := make([]string, 0, min(sl.Len(), maxAttributes))
		for i := range min(sl.Len(), maxAttributes) {
			if t := textOf(sl.At(i)); t != "" {
				out = append(out, clean(t))
			}
		}
		return out
	case pcommon.ValueTypeStr:
		str := strings.TrimSpace(v.Str())
		if str == "" {
			return nil
		}
		if str[0] == '[' {
			if j, err := fastjson.Parse(str); err == nil {
				var out []string
				for _, x := range j.GetArray() {
					if t := jsonText(x); t != "" {
						out = append(out, clean(t))
					}
				}
				return out
			}
		}
		return []string{clean(str)}
	case pcommon.ValueTypeMap, pcommon.ValueTypeBytes, pcommon.ValueTypeEmpty:
		return nil
	default:
		return []string{textOf(v)}
	}
}

// budget bounds the conversion of one record's attributes.
type budget struct{ values int }

// anyOf converts an attribute's value to what a record keeps.
func (b *budget) anyOf(v pcommon.Value, depth int) any {
	b.values++
	if depth > maxDepth || b.values > maxValues {
		return "..."
	}
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return clean(v.Str())
	case pcommon.ValueTypeBool:
		return v.Bool()
	case pcommon.ValueTypeInt:
		return v.Int()
	case pcommon.ValueTypeDouble:
		f := v.Double()
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return strconv.FormatFloat(f, 'g', -1, 64) // JSON has no form for it
		}
		return f
	case pcommon.ValueTypeBytes:
		return base64.StdEncoding.EncodeToString(v.Bytes().AsRaw())
	case pcommon.ValueTypeSlice:
		sl := v.Slice()
		out := make([]any, 0, min(sl.Len(), maxAttributes))
		for i := range sl.Len() {
			if b.values > maxValues {
				return append(out, "...")
			}
			out = append(out, b.anyOf(sl.At(i), depth+1))
		}
		return out
	case pcommon.ValueTypeMap:
		m := v.Map()
		out := make(map[string]any, min(m.Len(), maxAttributes))
		for k, x := range m.All() {
			if b.values > maxValues {
				out["..."] = true
				break
			}
			out[clean(k)] = b.anyOf(x, depth+1)
		}
		return out
	default:
		return nil
	}
}

// appendJSON appends the JSON of a value. What is nested deeper than maxDepth
// is left out.
func appendJSON(dst []byte, v pcommon.Value, depth int) []byte {
	if depth > maxDepth*2 {
		return append(dst, `"..."`...)
	}
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return appendString(dst, v.Str())
	case pcommon.ValueTypeBool:
		return strconv.AppendBool(dst, v.Bool())
	case pcommon.ValueTypeInt:
		return strconv.AppendInt(dst, v.Int(), 10)
	case pcommon.ValueTypeDouble:
		if f := v.Double(); !math.IsNaN(f) && !math.IsInf(f, 0) {
			return strconv.AppendFloat(dst, f, 'g', -1, 64)
		}
		return append(dst, "null"...)
	case pcommon.ValueTypeBytes:
		return appendString(dst, base64.StdEncoding.EncodeToString(v.Bytes().AsRaw()))
	case pcommon.ValueTypeSlice:
		dst = append(dst, '[')
		sl := v.Slice()
		for i := range sl.Len() {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendJSON(dst, sl.At(i), depth+1)
		}
		return append(dst, ']')
	case pcommon.ValueTypeMap:
		dst = append(dst, '{')
		first := true
		for k, x := range v.Map().All() {
			if !first {
				dst = append(dst, ',')
			}
			first = false
			dst = append(appendString(dst, k), ':')
			dst = appendJSON(dst, x, depth+1)
		}
		return append(dst, '}')
	default:
		return append(dst, "null"...)
	}
}

const hexDigits = "0123456789abcdef"

// appendString appends s as a JSON string, made valid UTF-8.
func appendString(dst []byte, s string) []byte {
	s = clean(s)
	dst = append(dst, '"')
	from := 0
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[from:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\t':
			dst = append(dst, '\\', 't')
		case '\r':
			dst = append(dst, '\\', 'r')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		from = i + 1
	}
	return append(append(dst, s[from:]...), '"')
}
