package mcp

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"unicode/utf8"
)

// answer is what a tool returns: an object, one of whose members may be a list
// from whose end rows are left out.
type answer struct {
	object map[string]any
	list   string
	rows   []any
	// page is a member that only holds when all rows are shown.
	page string
	// hint says how to get what was left out.
	hint string
}

// cutReport says what was left out of an answer.
type cutReport struct {
	RowsShown *int   `json:"rows_shown,omitempty"`
	RowsFound *int   `json:"rows_found,omitempty"`
	Texts     int    `json:"texts_shortened,omitempty"`
	Hint      string `json:"hint"`
}

// shortest is the length to which texts are cut at most.
const shortest = 64

// encode writes the answer in at most budget bytes, with at most maxRows rows.
func (a *answer) encode(maxRows, budget int) ([]byte, error) {
	if a.object == nil {
		a.object = map[string]any{}
	}
	rows, found := a.rows, len(a.rows)
	if maxRows > 0 && len(rows) > maxRows {
		rows = rows[:maxRows]
	}
	out, err := a.write(rows, found, 0)
	if err != nil || len(out) <= budget {
		return out, err
	}
	// One row that is too long should not hide the others: texts go before rows.
	texts := 0
	for limit := 2048; limit >= shortest && len(out) > budget; limit /= 4 {
		for i := range rows {
			rows[i] = shorten(rows[i], limit, &texts)
		}
		for name := range a.object {
			a.object[name] = shorten(a.object[name], limit, &texts)
		}
		if out, err = a.write(rows, found, texts); err != nil {
			return nil, err
		}
	}
	for len(out) > budget && len(rows) > 0 {
		keep := len(rows) * budget / len(out)
		rows = rows[:min(keep, len(rows)-1)]
		if out, err = a.write(rows, found, texts); err != nil {
			return nil, err
		}
	}
	if len(out) > budget {
		return nil, fmt.Errorf("the answer has %d bytes, and %d fit: %s", len(out), budget, a.advice())
	}
	return out, nil
}

func (a *answer) advice() string {
	if a.hint != "" {
		return a.hint
	}
	return "ask for a shorter range, a narrower filter or fewer rows"
}

// write encodes the answer with these rows.
func (a *answer) write(rows []any, found, texts int) ([]byte, error) {
	out := make(map[string]any, len(a.object)+2)
	maps.Copy(out, a.object)
	if a.list != "" {
		if rows == nil {
			rows = []any{}
		}
		out[a.list] = rows
	}
	if len(rows) < found || texts > 0 {
		report := cutReport{Texts: texts, Hint: a.advice()}
		if len(rows) < found {
			shown := len(rows)
			report.RowsShown, report.RowsFound = &shown, &found
			delete(out, a.page)
		}
		out["cut"] = report
	}
	return encode(out)
}

func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("encode the answer: %w", err)
	}
	return bytes.TrimSpace(b.Bytes()), nil
}

// shorten cuts the texts in v to limit bytes and counts them.
func shorten(v any, limit int, n *int) any {
	switch v := v.(type) {
	case string:
		short, cut := shortText(v, limit)
		if cut {
			*n++
		}
		return short
	case []any:
		for i := range v {
			v[i] = shorten(v[i], limit, n)
		}
	case map[string]any:
		for name := range v {
			v[name] = shorten(v[name], limit, n)
		}
	}
	return v
}

// shortText cuts a text to about limit bytes, at the border of a character, and
// says how much is missing.
func shortText(s string, limit int) (string, bool) {
	if len(s) <= limit+len("… (1000000 bytes more)") {
		return s, false
	}
	end := limit
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return fmt.Sprintf("%s… (%d bytes more)", s[:end], len(s)-end), true
}

// decode reads JSON as any; numbers keep their digits.
func decode(b []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("read the answer of the API: %w", err)
	}
	return v, nil
}

// only returns an object with the named members of another.
func only(v any, members ...string) any {
	m, ok := v.(map[string]any)
	if !ok {
		return v
	}
	out := make(map[string]any, len(members))
	for _, name := range members {
		if value, ok := m[name]; ok {
			out[name] = value
		}
	}
	return out
}

// remove takes members out of an object.
func remove(v any, members ...string) any {
	if m, ok := v.(map[string]any); ok {
		for _, name := range members {
			delete(m, name)
		}
	}
	return v
}
