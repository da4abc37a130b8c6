package semconv

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/pitot-dev/pitot/internal/llm"
)

// maxEvents bounds the events that a record keeps. Chunks are not among them.
const maxEvents = 256

// eventFacts is what the events of a span say.
type eventFacts struct {
	input, output []llm.Message
	timeline      llm.Timeline
	firstToken    llm.Opt[time.Duration]
	errorType     string
	errorMessage  string
	kept          []llm.SpanEvent
}

// events reads the events of a span. Content becomes messages and chunks become
// the timeline; neither is kept as an event.
func (n *Normalizer) events(sc *scratch, c *spanContext, r role) eventFacts {
	var f eventFacts
	var chunks []chunk
	for _, e := range c.sp.Events().All() {
		at := e.Timestamp().AsTime().Sub(c.start)
		name := e.Name()
		switch name {
		case "gen_ai.content.completion.chunk", "llm.content.completion.chunk", "gen_ai.choice.chunk":
			if r.op != "" {
				chunks = append(chunks, chunk{at, 1}) // how much it brought is not said
				continue
			}
		case "token_generated": // Nexent: one a token
			if r.op != "" {
				size, _ := firstAttr(e.Attributes(), countOf, "token_length")
				chunks = append(chunks, chunk{at, int(min(max(size, 1), 1<<20))})
				continue
			}
		case "first_token_received":
			if d, ok := firstSeconds(e.Attributes(), "llm.time_to_first_token", "ttft_seconds"); ok {
				f.first(d)
			} else {
				f.first(at)
			}
		case "First Token Stream Event", "ai.stream.firstChunk", "gen_ai.first_token":
			f.first(at)
		case "exception", "gen_ai.client.operation.exception":
			f.fail(textAttr(e.Attributes(), "exception.type"), textAttr(e.Attributes(), "exception.message"))
		case "llm_call_error", "error_occurred":
			f.fail(cmp.Or(textAttr(e.Attributes(), "error.type"), textAttr(e.Attributes(), "error_type")),
				cmp.Or(textAttr(e.Attributes(), "error.message"), textAttr(e.Attributes(), "error_message")))
		case "gen_ai.client.inference.operation.details":
			// The attributes of the call itself, messages among them.
			c.attributes = sc.collect(e.Attributes(), c.attributes)
			continue
		default:
			if role := eventRole(name); role != "" && n.messageEvent(sc, &f, e, role) {
				continue
			}
		}
		if len(f.kept) < maxEvents {
			f.kept = append(f.kept, llm.SpanEvent{Time: e.Timestamp().AsTime(), Name: clean(name), Attributes: rawMap(e.Attributes())})
		} else {
			sc.over = true
		}
	}
	f.chunks(chunks)
	return f
}

type chunk struct {
	at   time.Duration
	size int
}

func (f *eventFacts) chunks(list []chunk) {
	if len(list) == 0 {
		return
	}
	slices.SortStableFunc(list, func(a, b chunk) int { return cmp.Compare(a.at, b.at) })
	for _, ch := range list {
		f.timeline.Add(max(ch.at, 0), ch.size)
	}
	f.first(list[0].at)
}

// first takes the time of the first token, once.
func (f *eventFacts) first(d time.Duration) {
	if !f.firstToken.Known() && d >= 0 {
		f.firstToken = llm.Some(d)
	}
}

func (f *eventFacts) fail(typ, message string) {
	if f.errorType == "" {
		f.errorType, f.errorMessage = cmp.Or(clean(typ), "exception"), clean(message)
	}
}

// messageEvent reads an event of conventions 1.26 to 1.36 that is one message,
// and says whether it was one.
func (n *Normalizer) messageEvent(sc *scratch, f *eventFacts, e ptrace.SpanEvent, role string) bool {
	msgs := sc.eventMessages(e.Attributes(), e.Name(), role)
	if len(msgs) == 0 {
		return false
	}
	switch e.Name() {
	case "gen_ai.choice", "gen_ai.content.completion":
		f.output = append(f.output, msgs...)
	default:
		if len(f.input) < maxMessages {
			f.input = append(f.input, msgs...)
		}
	}
	return true
}

// eventMessages reads the messages of one event from its attributes.
func (sc *scratch) eventMessages(m pcommon.Map, name, role string) []llm.Message {
	for _, key := range [...]string{"gen_ai.prompt", "gen_ai.completion", "gen_ai.event.content", "event_body", "message"} {
		if v, ok := m.Get(key); ok && !emptyContent(v) {
			msgs := sc.readValue(v, role)
			if reason := cmp.Or(textAttr(m, "finish_reason"), textAttr(m, "gen_ai.response.finish_reason")); reason != "" && len(msgs) > 0 {
				msgs[len(msgs)-1].FinishReason = llm.FinishReason(clean(reason))
			}
			return msgs
		}
	}
	out := llm.Message{Role: messageRole(cmp.Or(textAttr(m, "role"), role))}
	if reason := textAttr(m, "finish_reason"); reason != "" {
		out.FinishReason = llm.FinishReason(clean(reason))
	}
	if v, ok := m.Get("content"); ok && !emptyContent(v) {
		if strings.HasSuffix(name, "tool.message") {
			out.Parts = append(out.Parts, llm.Part{
				Type: llm.PartToolCallResponse, ID: clean(textAttr(m, "id")), Response: rawOf(textOf(v), v.Type()),
			})
		} else {
			out.Parts = append(out.Parts, sc.contentParts(v)...)
		}
	}
	if v, ok := m.Get("tool_calls"); ok && !emptyContent(v) {
		if j, err := sc.parser.Parse(clean(sc.jsonOf(v))); err == nil {
			for _, x := range j.GetArray() {
				out.Parts = append(out.Parts, toolCall(x))
			}
		}
	}
	if len(out.Parts) == 0 && out.FinishReason == "" {
		return nil
	}
	return []llm.Message{out}
}

func textAttr(m pcommon.Map, key string) string {
	if v, ok := m.Get(key); ok {
		return textOf(v)
	}
	return ""
}

// firstAttr is the first of the attributes that can be read.
func firstAttr[T any](m pcommon.Map, read func(pcommon.Value) (T, bool), keys ...string) (out T, ok bool) {
	for _, key := range keys {
		if v, there := m.Get(key); there {
			if out, ok = read(v); ok {
				return out, true
			}
		}
	}
	return out, false
}

func firstSeconds(m pcommon.Map, keys ...string) (time.Duration, bool) {
	return firstAttr(m, func(v pcommon.Value) (time.Duration, bool) { return durationOf(v, time.Second) }, keys...)
}
