package pitot

import (
	"encoding"
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// maxValueDepth bounds how deeply a value is followed: cycles end there.
const maxValueDepth = 32

// valueEncoder writes a Go value as JSON, as encoding/json would, but stops when
// it has enough: of a value of a gigabyte it reads the beginning. What is left
// out leaves valid JSON behind.
//
// It reads the value while the wrapped function is not running or has returned.
// Like encoding/json it must not read what other goroutines write.
type valueEncoder struct {
	b       []byte
	budget  int // bytes
	items   int // most items of a list, from both ends; 0: all
	omitted int // at least so many characters or items were left out
}

func (e *valueEncoder) full() bool { return len(e.b) >= e.budget }

func (e *valueEncoder) value(v any) { e.reflected(reflect.ValueOf(v), 0) }

func (e *valueEncoder) raw(s string) { e.b = append(e.b, s...) }

func (e *valueEncoder) text(s string) {
	if room := max(e.budget-len(e.b), 64); len(s) > room {
		e.omitted += len(s) - room
		s = clip(s, room)
	}
	e.b = appendQuoted(e.b, s)
}

var (
	jsonMarshaler = reflect.TypeFor[json.Marshaler]()
	textMarshaler = reflect.TypeFor[encoding.TextMarshaler]()
	errorValue    = reflect.TypeFor[error]()
)

func (e *valueEncoder) reflected(v reflect.Value, depth int) {
	if !v.IsValid() {
		e.raw("null")
		return
	}
	if depth > maxValueDepth {
		e.omitted++
		e.raw("null")
		return
	}
	if (v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface) && v.IsNil() {
		e.raw("null")
		return
	}
	if e.marshaled(v) {
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		e.b = strconv.AppendBool(e.b, v.Bool())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		e.b = strconv.AppendInt(e.b, v.Int(), 10)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		e.b = strconv.AppendUint(e.b, v.Uint(), 10)
	case reflect.Float32, reflect.Float64:
		f := v.Float()
		if math.IsNaN(f) || math.IsInf(f, 0) {
			e.text(strconv.FormatFloat(f, 'g', -1, 64))
			return
		}
		e.b = strconv.AppendFloat(e.b, f, 'g', -1, v.Type().Bits())
	case reflect.String:
		e.text(v.String())
	case reflect.Pointer, reflect.Interface:
		e.reflected(v.Elem(), depth+1)
	case reflect.Struct:
		e.b = append(e.b, '{')
		e.fields(v, depth, true)
		e.b = append(e.b, '}')
	case reflect.Map:
		e.mapping(v, depth)
	case reflect.Slice, reflect.Array:
		e.list(v, depth)
	default: // functions, channels, complex numbers
		e.text(v.Type().String())
	}
}

// marshaled writes a value that says itself how it is written. Where its method
// panics or writes no JSON, nothing of it is kept.
func (e *valueEncoder) marshaled(v reflect.Value) (done bool) {
	t := v.Type()
	if v.Kind() != reflect.Pointer && v.CanAddr() && reflect.PointerTo(t).Implements(jsonMarshaler) {
		v, t = v.Addr(), reflect.PointerTo(t)
	}
	isJSON, isText, isError := t.Implements(jsonMarshaler), t.Implements(textMarshaler), t.Implements(errorValue)
	if !isJSON && !isText && !isError || !v.CanInterface() {
		return false
	}
	defer func() {
		if recover() != nil {
			e.omitted++
			e.raw("null")
			done = true
		}
	}()
	switch x := v.Interface().(type) {
	case json.Marshaler:
		b, err := x.MarshalJSON()
		if err != nil || !json.Valid(b) {
			e.omitted++
			b = []byte("null")
		}
		if len(b) > e.budget-len(e.b) {
			s, cut := cutJSON(string(b), max(e.budget-len(e.b), minLimit))
			e.omitted += cut
			e.raw(s)
			return true
		}
		e.b = append(e.b, b...)
	case encoding.TextMarshaler:
		b, err := x.MarshalText()
		if err != nil {
			e.omitted++
		}
		e.text(string(b))
	case error:
		e.text(x.Error())
	}
	return true
}

// fields writes the exported fields of a struct, those of embedded structs among
// them, and returns whether the next one is the first.
func (e *valueEncoder) fields(v reflect.Value, depth int, first bool) bool {
	t := v.Type()
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("json")
		if tag == "-" || !f.IsExported() && !f.Anonymous {
			continue
		}
		name, opts, _ := strings.Cut(tag, ",")
		fv := v.Field(i)
		if f.Anonymous && name == "" {
			if fv.Kind() == reflect.Pointer && !fv.IsNil() {
				fv = fv.Elem()
			}
			if fv.Kind() == reflect.Struct && depth < maxValueDepth {
				first = e.fields(fv, depth+1, first)
				continue
			}
		}
		if !f.IsExported() || strings.Contains(opts, "omitempty") && emptyValue(fv) || strings.Contains(opts, "omitzero") && fv.IsZero() {
			continue
		}
		if e.full() {
			e.omitted++
			return first
		}
		if !first {
			e.b = append(e.b, ',')
		}
		first = false
		if name == "" {
			name = f.Name
		}
		e.b = appendQuoted(e.b, name)
		e.b = append(e.b, ':')
		e.reflected(fv, depth+1)
	}
	return first
}

func emptyValue(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Array, reflect.Map, reflect.Slice, reflect.String:
		return v.Len() == 0
	case reflect.Struct:
		return false
	default:
		return v.IsZero()
	}
}

// mapping writes a map, sorted by key. Of a huge one it takes some entries: to
// sort them all would cost more than they are worth.
func (e *valueEncoder) mapping(v reflect.Value, depth int) {
	if v.IsNil() {
		e.raw("null")
		return
	}
	type entry struct {
		key   string
		value reflect.Value
	}
	most := max((e.budget-len(e.b))/4, 1)
	entries := make([]entry, 0, min(v.Len(), most))
	for it := v.MapRange(); it.Next() && len(entries) < most; {
		entries = append(entries, entry{mapKey(it.Key()), it.Value()})
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.key, b.key) })
	e.omitted += v.Len() - len(entries)
	e.b = append(e.b, '{')
	for i, x := range entries {
		if e.full() {
			e.omitted += len(entries) - i
			break
		}
		if i > 0 {
			e.b = append(e.b, ',')
		}
		e.text(x.key)
		e.b = append(e.b, ':')
		e.reflected(x.value, depth+1)
	}
	e.b = append(e.b, '}')
}

func mapKey(k reflect.Value) (s string) {
	defer func() {
		if recover() != nil {
			s = k.Type().String()
		}
	}()
	if k.Kind() == reflect.String {
		return k.String()
	}
	if k.CanInterface() {
		if t, ok := reflect.TypeAssert[encoding.TextMarshaler](k); ok {
			b, _ := t.MarshalText()
			return string(b)
		}
	}
	switch {
	case k.CanInt():
		return strconv.FormatInt(k.Int(), 10)
	case k.CanUint():
		return strconv.FormatUint(k.Uint(), 10)
	default:
		return k.Type().String()
	}
}

// list writes a slice or array: the first and last items where it has more than
// the mode keeps, with a mark between.
func (e *valueEncoder) list(v reflect.Value, depth int) {
	if v.Kind() == reflect.Slice && v.IsNil() {
		e.raw("null")
		return
	}
	if v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8 {
		e.text(describeMedia("binary", digestBytes(v.Bytes())))
		return
	}
	n, head, tail := v.Len(), v.Len(), 0
	if e.items > 0 && n > e.items {
		head = e.items / 2
		tail = e.items - head
		e.omitted += n - e.items
	}
	e.b = append(e.b, '[')
	for i := 0; i < n; i++ {
		if e.full() {
			e.omitted += n - i
			break
		}
		if i > 0 {
			e.b = append(e.b, ',')
		}
		if i == head {
			i = n - tail
			e.text(omittedItems(n - head - tail))
			e.b = append(e.b, ',')
		}
		e.reflected(v.Index(i), depth+1)
	}
	e.b = append(e.b, ']')
}
