package events

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

// Encoding says how records are stored.
type Encoding struct {
	// ContentApart puts all content of Calls and Spans into rows of kind "content",
	// so that it can go before them. Then `_msg` of a Call says nothing of it.
	ContentApart bool
	// IsContent says of the name of an attribute, and IsContentParam of that of a
	// parameter, whether its text is content; nil: none is.
	IsContent      func(name string) bool
	IsContentParam func(name string) bool
}

const (
	// fieldOf is the kind of the record that a row of content belongs to. Old rows
	// have none.
	fieldOf = "of"
	// fieldRemoved is no stored field: it names the content of a row that is gone.
	fieldRemoved = "content_removed"
	// Members of a map that are content, as a part of it.
	apartAttributes = "attributes_content"
	apartParams     = "params_content"
)

// contentOf are the rows of content of a kind of records. Those that do not say
// whose they are, of before there was more than long content, count as Calls'.
func contentOf(kind string) string {
	cond := fieldOf + `:=` + quote(kind)
	if kind == kindCall {
		cond = `(` + cond + ` or ` + fieldOf + `:="")`
	}
	return `({kind=` + quote(kindContent) + `} ` + cond + `)`
}

// prunable are the rows of content that can go before their record: a log's
// message is the log itself.
const prunable = `({kind="` + kindContent + `"} !` + fieldOf + `:="` + kindLog + `")`

// inContent matches records with a word in their content where that is in rows of
// its own.
func inContent(word string) string {
	return `id:in({kind="` + kindContent + `"} field:in("input","output") text:` + word + ` | fields call_id)`
}

// callApart is a Call without what goes into rows of content, which it adds to
// e.fields.
func (e *encoder) callApart(c *llm.Call) *llm.Call {
	light := *c
	light.Attributes = e.moveContent(c.Attributes, apartAttributes, e.how.IsContent)
	light.Params = e.moveContent(c.Params, apartParams, e.how.IsContentParam)
	light.Events = e.moveEvents(c.Events)
	return &light
}

// spanApart is callApart for a Span.
func (e *encoder) spanApart(s *llm.Span) *llm.Span {
	light := *s
	light.Attributes = e.moveContent(s.Attributes, apartAttributes, e.how.IsContent)
	light.Events = e.moveEvents(s.Events)
	return &light
}

// moveContent returns m without the texts that are content.
func (e *encoder) moveContent(m map[string]any, name string, is func(string) bool) map[string]any {
	if is == nil {
		return m
	}
	var moved map[string]any
	for k, v := range m {
		if isText(v) && is(k) {
			if moved == nil {
				moved = map[string]any{}
			}
			moved[k] = v
		}
	}
	if moved == nil {
		return m
	}
	b, err := json.Marshal(moved)
	if err != nil {
		return m // what JSON cannot hold stays, and is left out there
	}
	e.fields = append(e.fields, contentField{name, b})
	rest := maps.Clone(m)
	maps.DeleteFunc(rest, func(k string, _ any) bool { _, gone := moved[k]; return gone })
	return rest
}

// moveEvents returns events, or none where one of them has content.
func (e *encoder) moveEvents(events []llm.SpanEvent) []llm.SpanEvent {
	if e.how.IsContent == nil {
		return events
	}
	for i := range events {
		for k, v := range events[i].Attributes {
			if !isText(v) || !e.how.IsContent(k) {
				continue
			}
			b, err := json.Marshal(events)
			if err != nil {
				return events
			}
			e.fields = append(e.fields, contentField{"events", b})
			return nil
		}
	}
	return events
}

// isText reports whether a value may hold text.
func isText(v any) bool {
	switch v.(type) {
	case nil, bool, int, int64, float64, json.Number, []int, []int64, []float64, []bool:
		return false
	}
	return true
}

// merge adds the members of a map that were stored as content.
func (r *rowReader) merge(m map[string]any, name string) map[string]any {
	if r.r[name] == "" {
		return m
	}
	var more map[string]any
	r.json(name, &more)
	if m == nil {
		return more
	}
	maps.Copy(m, more)
	return m
}

// joinContent fetches the parts of a record that are in rows of their own.
func (s *Store) joinContent(ctx context.Context, r row) error {
	return s.joinContents(ctx, []row{r}, true)
}

// contentBatch is how many records' content is asked for at once.
const contentBatch = 200

// joinContents puts the parts of records that are in rows of content into their
// rows, and names those that are gone. Without texts, what people and models said
// is left out, but not whether it is there.
func (s *Store) joinContents(ctx context.Context, rows []row, texts bool) error {
	var apart []row
	for _, r := range rows {
		if r[fieldApart] != "" {
			apart = append(apart, r)
		}
	}
	for batch := range slices.Chunk(apart, contentBatch) {
		if err := s.joinSome(ctx, batch, texts); err != nil {
			return err
		}
	}
	return nil
}

// contentParts are the parts of the content of some records, by id and field.
type contentParts map[string]map[string]map[int]string

func (s *Store) joinSome(ctx context.Context, rows []row, texts bool) error {
	ids := make([]string, len(rows))
	var r Range
	for i, m := range rows {
		at, err := time.Parse(time.RFC3339Nano, m["_time"])
		if err != nil {
			return fmt.Errorf("get content of %q: %w", m["id"], err)
		}
		ids[i] = m["id"]
		if i == 0 || at.Before(r.Start) {
			r.Start = at
		}
		if !at.Before(r.End) {
			r.End = at.Add(1)
		}
	}
	found := contentParts{}
	query := `{kind="` + kindContent + `"} call_id:` + in(ids)
	if !texts {
		const said = ` field:in("input","output","tools")`
		if err := s.contentParts(ctx, query+said+" | fields call_id, field, part", r, found); err != nil {
			return err
		}
		query += " !" + said[1:]
	}
	if err := s.contentParts(ctx, query+" | fields call_id, field, part, text", r, found); err != nil {
		return err
	}
	for _, m := range rows {
		if err := join(m, found[m["id"]], texts); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) contentParts(ctx context.Context, query string, r Range, into contentParts) error {
	return s.each(ctx, request{op: "get content", query: query, r: r}, func(p row) error {
		id, field := p["call_id"], p["field"]
		n, err := strconv.Atoi(p["part"])
		if err != nil {
			return fmt.Errorf("get content of %q: part %q: %w", id, p["part"], err)
		}
		if into[id] == nil {
			into[id] = map[string]map[int]string{}
		}
		if into[id][field] == nil {
			into[id][field] = map[int]string{}
		}
		into[id][field][n] = p["text"] // the same part twice counts once
		return nil
	})
}

// join puts the parts of a record's content into its row.
func join(m row, parts map[string]map[int]string, texts bool) error {
	var names, removed []string
	if err := json.Unmarshal([]byte(m[fieldApart]), &names); err != nil {
		return fmt.Errorf("get content of %q: %w", m["id"], err)
	}
	for _, name := range names {
		if parts[name] == nil {
			removed = append(removed, strings.TrimSuffix(name, "_content"))
			continue
		}
		if !texts && (name == "input" || name == "output" || name == "tools") {
			continue
		}
		var b strings.Builder
		for n := range len(parts[name]) {
			b.WriteString(parts[name][n])
		}
		m[name] = b.String()
	}
	if len(removed) > 0 {
		b, err := json.Marshal(removed)
		if err != nil {
			return fmt.Errorf("get content of %q: %w", m["id"], err)
		}
		m[fieldRemoved] = string(b)
	}
	return nil
}
