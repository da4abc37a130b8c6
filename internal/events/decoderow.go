package events

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/pitot-dev/pitot/internal/llm"
)

// DecodeRow turns the rows that one AppendRow made back into the record,
// without the engine: for those who read them from the journal. Nothing of the
// result points into rows.
func DecodeRow(rows []byte) (llm.Record, error) {
	var own row
	parts := map[string]map[int]string{} // by field
	for line := range bytes.SplitSeq(bytes.TrimSuffix(rows, []byte("\n")), []byte("\n")) {
		r, err := parseOwnRow(line)
		if err != nil {
			return llm.Record{}, fmt.Errorf("decode row: %w", err)
		}
		if r["kind"] != kindContent {
			if own != nil {
				return llm.Record{}, errors.New("decode row: more than one record")
			}
			own = r
			continue
		}
		n, err := strconv.Atoi(r["part"])
		if err != nil {
			return llm.Record{}, fmt.Errorf("decode row: part of content: %w", err)
		}
		if parts[r["field"]] == nil {
			parts[r["field"]] = map[int]string{}
		}
		parts[r["field"]][n] = r["text"]
	}
	if own == nil {
		return llm.Record{}, errors.New("decode row: content without its record")
	}
	var apart []string
	if names := own[fieldApart]; names != "" {
		if err := json.Unmarshal([]byte(names), &apart); err != nil {
			return llm.Record{}, fmt.Errorf("decode row %q: names of content: %w", own["id"], err)
		}
	}
	for _, name := range apart {
		var b strings.Builder
		for _, n := range slices.Sorted(maps.Keys(parts[name])) {
			b.WriteString(parts[name][n])
		}
		own[name] = b.String()
	}
	return decodeRecord(own)
}

// parseOwnRow reads a line as AppendRow writes it: an object whose values are
// strings, numbers and booleans. As in the engine's answers every value becomes
// text, and an empty one is the same as none.
func parseOwnRow(line []byte) (row, error) {
	if len(line) < 2 || line[0] != '{' {
		return nil, errors.New("not an object")
	}
	r := make(row, 32)
	for b := line[1:]; ; {
		name, rest, err := parseText(b)
		if err != nil {
			return nil, err
		}
		if len(rest) < 2 || rest[0] != ':' {
			return nil, errors.New("a colon is missing")
		}
		var value string
		if rest[1] == '"' {
			value, rest, err = parseText(rest[1:])
		} else {
			value, rest, err = parseLiteral(rest[1:])
		}
		if err != nil {
			return nil, err
		}
		if value != "" {
			r[name] = value
		}
		switch {
		case len(rest) == 1 && rest[0] == '}':
			return r, nil
		case len(rest) == 0 || rest[0] != ',':
			return nil, errors.New("a comma is missing")
		}
		b = rest[1:]
	}
}

// parseLiteral reads a number, true or false.
func parseLiteral(b []byte) (string, []byte, error) {
	end := bytes.IndexAny(b, ",}")
	if end < 0 {
		return "", nil, errors.New("a value does not end")
	}
	if s := string(b[:end]); s == "true" || s == "false" || isNumber(s) {
		return s, b[end:], nil
	}
	return "", nil, errors.New("a value is neither text nor a number nor true or false")
}

// parseText is parseString for the long texts with many line breaks that rows
// have: it does the escapes that AppendRow writes itself.
func parseText(b []byte) (string, []byte, error) {
	end := 1
	for ; end < len(b) && b[end] != '"'; end++ {
		if b[end] == '\\' {
			break
		}
	}
	if end >= len(b) || b[0] != '"' || b[end] == '"' {
		return parseString(b) // nothing to undo, or an error
	}
	var out strings.Builder
	out.Grow(min(len(b), end+end/2+256))
	from := 1
	for i := end; i < len(b); i++ {
		switch b[i] {
		case '"':
			out.Write(b[from:i])
			return out.String(), b[i+1:], nil
		case '\\':
			if i+1 == len(b) {
				return parseString(b)
			}
			out.Write(b[from:i])
			i++
			switch c := b[i]; c {
			case '"', '\\', '/':
				out.WriteByte(c)
			case 'n':
				out.WriteByte('\n')
			case 't':
				out.WriteByte('\t')
			case 'r':
				out.WriteByte('\r')
			default:
				return parseString(b) // rare
			}
			from = i + 1
		default:
		}
	}
	return "", nil, errors.New("a string does not end")
}
