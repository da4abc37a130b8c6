package logs

import (
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"
)

// answerFields are the members of an answer that a filter_path can choose.
type answerFields struct {
	took, errors                                          bool
	index, id, version, result, shards, seq, term, status bool
	errType, errReason                                    bool
}

// The paths of answerFields below items.*: a filter is matched against each.
const itemPath = "items.index."

// filterAnswer reads a filter_path as Elasticsearch does: patterns between
// commas, * for a part of a name, ** for any depth, a leading - for what to
// leave out.
func filterAnswer(filter string) answerFields {
	keep := func(path string) bool { return kept(filter, path) }
	return answerFields{
		took: keep("took"), errors: keep("errors"),
		index: keep(itemPath + "_index"), id: keep(itemPath + "_id"), version: keep(itemPath + "_version"), result: keep(itemPath + "result"),
		shards: keep(itemPath + "_shards.total"), seq: keep(itemPath + "_seq_no"), term: keep(itemPath + "_primary_term"), status: keep(itemPath + "status"),
		errType: keep(itemPath + "error.type"), errReason: keep(itemPath + "error.reason"),
	}
}

func kept(filter, path string) bool {
	if filter == "" {
		return true
	}
	included, includes := false, false
	for p := range strings.SplitSeq(filter, ",") {
		p = strings.TrimSpace(p)
		if out, ok := strings.CutPrefix(p, "-"); ok {
			if matchPath(strings.Split(out, "."), strings.Split(path, ".")) {
				return false
			}
			continue
		}
		if p != "" {
			includes = true
			included = included || matchPath(strings.Split(p, "."), strings.Split(path, "."))
		}
	}
	return included || !includes
}

// matchPath reports whether the pattern names the path or something around it.
// The action in the path is any: index stands for all.
func matchPath(pattern, path []string) bool {
	if len(pattern) == 0 {
		return true
	}
	if len(path) == 0 {
		return false
	}
	if pattern[0] == "**" {
		return matchPath(pattern[1:], path) || matchPath(pattern, path[1:])
	}
	name := path[0]
	switch pattern[0] {
	case actionCreate, actionUpdate, actionDelete:
		if name == actionIndex {
			name = pattern[0]
		}
	}
	return matchName(pattern[0], name) && matchPath(pattern[1:], path[1:])
}

func matchName(pattern, name string) bool {
	head, tail, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == name
	}
	rest, ok := strings.CutPrefix(name, head)
	if !ok {
		return false
	}
	for {
		if matchName(tail, rest) {
			return true
		}
		if rest == "" {
			return false
		}
		rest = rest[1:]
	}
}

// appendBulkAnswer appends the answer of a bulk request.
func appendBulkAnswer(dst []byte, took int64, items []item, f answerFields) []byte {
	w := jsonWriter{buf: append(dst, '{')}
	if f.errors {
		w.name("errors")
		w.buf = strconv.AppendBool(w.buf, anyError(items))
	}
	if f.took {
		w.name("took")
		w.buf = strconv.AppendInt(w.buf, took, 10)
	}
	begun := false
	for i := range items {
		mark := len(w.buf)
		if !begun {
			w.name("items")
			w.buf = append(w.buf, '[')
		} else {
			w.buf = append(w.buf, ',')
		}
		w.buf = append(w.buf, '{', '"')
		w.buf = append(w.buf, items[i].action...)
		w.buf = append(w.buf, '"', ':', '{')
		start := len(w.buf)
		appendItem(&w, &items[i], f)
		if len(w.buf) == start { // as Elasticsearch leaves out what a filter empties
			w.buf = w.buf[:mark]
			continue
		}
		begun = true
		w.buf = append(w.buf, '}', '}')
	}
	if begun {
		w.buf = append(w.buf, ']')
	}
	return append(w.buf, '}')
}

func anyError(items []item) bool {
	for i := range items {
		if items[i].errType != "" {
			return true
		}
	}
	return false
}

func appendItem(w *jsonWriter, it *item, f answerFields) {
	if f.index {
		w.str("_index", it.index)
	}
	if f.id && it.id != "" {
		w.str("_id", it.id)
	}
	if it.errType == "" {
		if f.version {
			w.raw("_version", "1")
		}
		if f.result {
			result := "created"
			if it.action == actionUpdate {
				result = "updated"
			}
			w.str("result", result)
		}
		if f.shards {
			w.raw("_shards", `{"total":1,"successful":1,"failed":0}`)
		}
		if f.seq {
			w.raw("_seq_no", "0")
		}
		if f.term {
			w.raw("_primary_term", "1")
		}
	}
	if f.status {
		w.raw("status", strconv.Itoa(it.status))
	}
	if it.errType == "" || !f.errType && !f.errReason {
		return
	}
	w.name("error")
	w.buf = append(w.buf, '{')
	if f.errType {
		w.str("type", it.errType)
	}
	if f.errReason {
		w.str("reason", it.reason)
	}
	w.buf = append(w.buf, '}')
}

// jsonWriter appends members to an object.
type jsonWriter struct{ buf []byte }

// name begins a member.
func (w *jsonWriter) name(n string) {
	if c := w.buf[len(w.buf)-1]; c != '{' && c != '[' {
		w.buf = append(w.buf, ',')
	}
	w.buf = append(w.buf, '"')
	w.buf = append(w.buf, n...)
	w.buf = append(w.buf, '"', ':')
}

func (w *jsonWriter) raw(n, v string) {
	w.name(n)
	w.buf = append(w.buf, v...)
}

func (w *jsonWriter) str(n, v string) {
	w.name(n)
	w.buf = appendJSONString(w.buf, v)
}

func appendJSONString(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r < ' ':
			dst = append(dst, '\\', 'u', '0', '0', hex[r>>4], hex[r&15])
		default: // an invalid byte becomes U+FFFD
			dst = utf8.AppendRune(dst, r)
		}
	}
	return append(dst, '"')
}

// httpStatus is that of a bulk answer as a whole.
func (b *bulk) httpStatus() int {
	if b.allRejected() {
		return http.StatusTooManyRequests
	}
	return http.StatusOK
}
