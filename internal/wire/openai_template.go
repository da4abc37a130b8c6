package wire

import (
	"bytes"

	"github.com/valyala/fastjson"
)

// chunkTemplate makes the common chunk of a stream cheap. Most chunks of one
// stream are the same bytes but for the text of one string: what stands before
// and after it is remembered from a chunk that was read in full, and a chunk
// with the same bytes around a plain string means the same, with other text. A
// chunk that differs anywhere else is read in full.
//
// Parsing is about a microsecond a chunk and most of what decoding costs;
// comparing is a twentieth of that.
type chunkTemplate struct {
	before, after []byte
	index         int // of the choice
	known         bool
	misses        int
}

// maxTemplateMisses ends the learning in streams whose chunks never repeat, such
// as those with a random member in each.
const maxTemplateMisses = 4

var contentKeys = [][]byte{[]byte(`"content":"`), []byte(`"content": "`)}

// match returns the text of a chunk that fits the template.
func (t *chunkTemplate) match(data []byte) (text []byte, ok bool) {
	if !t.known || len(data) < len(t.before)+len(t.after) ||
		!bytes.Equal(data[:len(t.before)], t.before) || !bytes.Equal(data[len(data)-len(t.after):], t.after) {
		return nil, false
	}
	text = data[len(t.before) : len(data)-len(t.after)]
	return text, plainString(text)
}

// plainString says whether the inside of a JSON string is its own value and
// ends where it ends.
func plainString(b []byte) bool {
	for _, c := range b {
		if c == '"' || c == '\\' || c < ' ' {
			return false
		}
	}
	return true
}

// learn remembers a chunk that is being read in full, where nothing in it but the
// content of one choice would add anything if it were read again.
func (t *chunkTemplate) learn(data []byte, v *fastjson.Value) {
	if t.misses >= maxTemplateMisses {
		return
	}
	t.misses++
	t.known = false
	index, ok := repeatable(v)
	if !ok {
		return
	}
	for _, key := range contentKeys {
		i := bytes.Index(data, key)
		if i < 0 {
			continue
		}
		from := i + len(key)
		if bytes.Contains(data[from:], key) { // which of the two is it?
			return
		}
		n := bytes.IndexByte(data[from:], '"')
		if n < 0 || !plainString(data[from:from+n]) {
			return
		}
		t.before = append(t.before[:0], data[:from]...)
		t.after = append(t.after[:0], data[from+n:]...)
		t.index, t.known = index, true
		return
	}
}

// repeatable says whether a chunk holds one choice with text and otherwise only
// what stays the same when it is read twice.
func repeatable(v *fastjson.Value) (index int, ok bool) {
	root, err := v.Object()
	if err != nil {
		return 0, false
	}
	choices := root.Get("choices").GetArray()
	if len(choices) != 1 {
		return 0, false
	}
	ok = true
	root.Visit(func(key []byte, v *fastjson.Value) {
		switch string(key) {
		case "id", "object", "created", "model", "system_fingerprint", "service_tier", "choices", "provider":
		default:
			ok = ok && v.Type() == fastjson.TypeNull
		}
	})
	choice, err := choices[0].Object()
	if err != nil || !ok {
		return 0, false
	}
	choice.Visit(func(key []byte, v *fastjson.Value) {
		switch string(key) {
		case "index", "delta":
		default:
			ok = ok && v.Type() == fastjson.TypeNull
		}
	})
	delta := object(choices[0], "delta")
	if delta == nil || !ok {
		return 0, false
	}
	delta.GetObject().Visit(func(key []byte, v *fastjson.Value) {
		switch string(key) {
		case "role":
			ok = ok && v.Type() == fastjson.TypeString
		case "content":
			ok = ok && v.Type() == fastjson.TypeString && len(v.GetStringBytes()) > 0
		default:
			ok = ok && v.Type() == fastjson.TypeNull
		}
	})
	if delta.Get("content") == nil {
		ok = false
	}
	return choices[0].GetInt("index"), ok
}
