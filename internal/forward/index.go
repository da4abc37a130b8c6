package forward

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// indexPattern is the name of an index with parts that depend on the record.
type indexPattern []string // text, or one of indexParts

// indexParts are the parts that change.
var indexParts = map[string]func(dst []byte, k Kind, t time.Time) []byte{
	"{kind}": func(dst []byte, k Kind, _ time.Time) []byte { return append(dst, k...) },
	"%Y":     func(dst []byte, _ Kind, t time.Time) []byte { return t.AppendFormat(dst, "2006") },
	"%m":     func(dst []byte, _ Kind, t time.Time) []byte { return t.AppendFormat(dst, "01") },
	"%d":     func(dst []byte, _ Kind, t time.Time) []byte { return t.AppendFormat(dst, "02") },
	"%H":     func(dst []byte, _ Kind, t time.Time) []byte { return t.AppendFormat(dst, "15") },
	"%j":     func(dst []byte, _ Kind, t time.Time) []byte { return t.AppendFormat(dst, "002") },
	"%G": func(dst []byte, _ Kind, t time.Time) []byte {
		y, _ := t.ISOWeek()
		return fmt.Appendf(dst, "%04d", y)
	},
	"%V": func(dst []byte, _ Kind, t time.Time) []byte {
		_, w := t.ISOWeek()
		return fmt.Appendf(dst, "%02d", w)
	},
}

// parseIndex reads a pattern and reports why Elasticsearch would not take the
// names that it makes.
func parseIndex(s string) (indexPattern, error) {
	var p indexPattern
	var text strings.Builder // without the parts that change
	for rest := s; rest != ""; {
		i := strings.IndexAny(rest, "%{")
		if i < 0 {
			i = len(rest)
		}
		if i > 0 {
			p = append(p, rest[:i])
			text.WriteString(rest[:i])
			rest = rest[i:]
			continue
		}
		part := rest[:min(2, len(rest))]
		if rest[0] == '{' {
			part = rest[:strings.IndexByte(rest, '}')+1]
		}
		if indexParts[part] == nil {
			return nil, fmt.Errorf("%q: %q is unknown: use {kind}, %%Y, %%m, %%d, %%H, %%j, %%G and %%V", s, part)
		}
		p = append(p, part)
		rest = rest[len(part):]
	}
	plain := text.String()
	switch {
	case strings.ToLower(plain) != plain:
		return nil, fmt.Errorf("%q: index names have no capital letters", s)
	case strings.ContainsAny(plain, `\/*?"<>| ,#:`):
		return nil, fmt.Errorf("%q: index names have none of \\ / * ? \" < > | , # : and no space", s)
	case s == "" || s == "." || s == ".." || slices.Contains([]byte("-_+"), s[0]):
		return nil, errors.New("an index name does not start with - _ or +")
	case len(s) > 200:
		return nil, errors.New("an index name is at most 200 characters long")
	}
	return p, nil
}

// append appends the name of the index for a record of kind k at t.
func (p indexPattern) append(dst []byte, k Kind, t time.Time) []byte {
	t = t.UTC()
	for _, part := range p {
		if f := indexParts[part]; f != nil {
			dst = f(dst, k, t)
		} else {
			dst = append(dst, part...)
		}
	}
	return dst
}
