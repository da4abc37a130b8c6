package pipeline

import (
	"encoding/json"

	"github.com/pitot-dev/pitot/internal/llm"
)

// shrinkSteps are the bytes of each text that are kept, step by step, while a
// record is larger than a row may be.
var shrinkSteps = [...]int{256 << 10, 64 << 10, 16 << 10, 4 << 10, 512, 0}

// shrink cuts every text of a record to at most n bytes; 0 removes content and
// attributes as a whole.
func shrink(r llm.Record, n int) {
	switch {
	case r.Call != nil:
		shrinkCall(r.Call, n)
	case r.Span != nil:
		s := r.Span
		s.Input, s.Output = cut(s.Input, n), cut(s.Output, n)
		s.Attributes, s.Resource = shrinkMap(s.Attributes, n), shrinkMap(s.Resource, n)
		for i := range s.Events {
			s.Events[i].Attributes = shrinkMap(s.Events[i].Attributes, n)
		}
		if n == 0 {
			s.Events, s.Links = nil, nil
		}
		if s.Attributes == nil {
			s.Attributes = map[string]any{}
		}
		s.Attributes["pitot.truncated"] = true
	case r.Log != nil:
		l := r.Log
		l.Message = cut(l.Message, max(n, 512))
		l.Attributes, l.Resource = shrinkMap(l.Attributes, n), shrinkMap(l.Resource, n)
		if l.Attributes == nil {
			l.Attributes = map[string]any{}
		}
		l.Attributes["pitot.truncated"] = true
	case r.Feedback != nil:
		f := r.Feedback
		f.Comment = cut(f.Comment, n)
		if len(f.Metadata) > n {
			f.Metadata = nil
		}
	}
}

func shrinkCall(c *llm.Call, n int) {
	if shrinkMessages(c.Input, n) || n == 0 && len(c.Input) > 0 {
		c.MarkTruncated("input")
	}
	if shrinkMessages(c.Output, n) || n == 0 && len(c.Output) > 0 {
		c.MarkTruncated("output")
	}
	if len(c.Tools) > n {
		c.Tools = nil
		c.MarkTruncated("tools")
	}
	c.Attributes, c.Params, c.Resource = shrinkMap(c.Attributes, n), shrinkMap(c.Params, n), shrinkMap(c.Resource, n)
	for i := range c.Events {
		c.Events[i].Attributes = shrinkMap(c.Events[i].Attributes, n)
	}
	if n > 0 {
		return
	}
	c.Input, c.Output, c.Events, c.Links = nil, nil, nil, nil
	c.Timeline = llm.Timeline{}
	c.MarkTruncated("timeline")
	if len(c.Tags) > 64 {
		c.Tags = nil
		c.MarkTruncated("tags")
	}
}

func shrinkMessages(ms []llm.Message, n int) bool {
	any := false
	text := func(s *string, p *llm.Part) {
		if kept := cut(*s, n); len(kept) < len(*s) {
			p.TruncatedChars += len([]rune((*s)[len(kept):]))
			*s, any = kept, true
		}
	}
	for i := range ms {
		for j := range ms[i].Parts {
			p := &ms[i].Parts[j]
			text(&p.Content, p)
			text(&p.Arguments, p)
			if len(p.URI) > n {
				p.URI, any = cut(p.URI, n), true
			}
			if len(p.Response) > n {
				p.Response, any = nil, true
			}
			if len(p.Data) > n {
				p.Data, any = "", true
			}
		}
	}
	return any
}

// shrinkMap returns m without its large values; strings are cut.
func shrinkMap(m map[string]any, n int) map[string]any {
	if n == 0 {
		return nil
	}
	for k, v := range m {
		switch v := v.(type) {
		case string:
			m[k] = cut(v, n)
		case bool, int, int64, float64, nil:
		default:
			if b, err := json.Marshal(v); err != nil || len(b) > n {
				delete(m, k)
			}
		}
	}
	return m
}

// sizeOf estimates what a record takes in memory, from the lengths of its
// larger parts; it allocates nothing.
func sizeOf(r llm.Record) int64 {
	n := 512
	switch {
	case r.Call != nil:
		c := r.Call
		n += 512 + messagesSize(c.Input) + messagesSize(c.Output) + len(c.Tools) + len(c.ErrorMessage)
		n += 3*c.Timeline.Chunks() + mapSize(c.Params, 0) + mapSize(c.Attributes, 0) + mapSize(c.Resource, 0) + 64*len(c.Tags) +
			128*len(c.Links)
		for i := range c.Events {
			n += 64 + mapSize(c.Events[i].Attributes, 0)
		}
	case r.Span != nil:
		s := r.Span
		n += len(s.Input) + len(s.Output) + mapSize(s.Attributes, 0) + mapSize(s.Resource, 0) + 128*len(s.Links)
		for i := range s.Events {
			n += 64 + mapSize(s.Events[i].Attributes, 0)
		}
		if s.Aggregate != nil {
			n += int(sizeOf(llm.Record{Call: s.Aggregate}))
		}
	case r.Log != nil:
		l := r.Log
		n += len(l.Message) + mapSize(l.Attributes, 0) + mapSize(l.Resource, 0)
	case r.Feedback != nil:
		n += len(r.Feedback.Comment) + len(r.Feedback.Metadata)
	}
	return int64(n)
}

func messagesSize(ms []llm.Message) int {
	n := 0
	for i := range ms {
		n += 64
		for j := range ms[i].Parts {
			p := &ms[i].Parts[j]
			n += 192 + len(p.Content) + len(p.Arguments) + len(p.Response) + len(p.Data) + len(p.URI)
		}
	}
	return n
}

func mapSize(m map[string]any, depth int) int {
	n := 0
	for k, v := range m {
		n += 32 + len(k) + valueSize(v, depth)
	}
	return n
}

func valueSize(v any, depth int) int {
	if depth > maxDepth {
		return 0
	}
	switch v := v.(type) {
	case string:
		return len(v)
	case json.RawMessage:
		return len(v)
	case map[string]any:
		return mapSize(v, depth+1)
	case []any:
		n := 0
		for _, e := range v {
			n += 16 + valueSize(e, depth+1)
		}
		return n
	case []string:
		n := 0
		for _, e := range v {
			n += 16 + len(e)
		}
		return n
	}
	return 16
}
