package semconv

import (
	"encoding/json"

	"github.com/valyala/fastjson"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/pitot-dev/pitot/internal/llm"
)

// candidate says which kind of source holds the best content of a field.
type candidate uint8

const (
	fromNothing candidate = iota
	fromAttribute
	fromFlat
	fromEvents
)

// best compares the attribute found for a field with the flattened list and the
// events, by their places in the table.
func (sc *scratch) best(f field, flat bool, flatRank uint8, events bool, eventRank uint8) candidate {
	got, rank := fromNothing, uint8(255)
	if h := sc.hits[f].rank; h != 0 {
		got, rank = fromAttribute, h
	}
	if flat && flatRank < rank {
		got, rank = fromFlat, flatRank
	}
	if events && eventRank < rank {
		got = fromEvents
	}
	return got
}

// callContent fills Input, Output and Tools of a Call.
func (sc *scratch) callContent(call *llm.Call, ev *eventFacts, l *lookup) {
	switch sc.best(fInput, len(sc.in)+len(sc.texts) > 0, l.flatInput, len(ev.input) > 0, l.evtInput) {
	case fromAttribute:
		call.Input = sc.readValue(sc.hits[fInput].v, "user")
	case fromFlat:
		call.Input = sc.flatInput(call.Operation)
	case fromEvents:
		call.Input = ev.input
	case fromNothing:
	}
	if h := &sc.hits[fSystem]; h.rank != 0 && (len(call.Input) == 0 || call.Input[0].Role != "system") {
		if sys := sc.systemMessage(h.v); len(sys.Parts) > 0 {
			call.Input = append([]llm.Message{sys}, call.Input...)
		}
	}
	if h := &sc.hits[fQuery]; h.rank != 0 {
		call.Input = append([]llm.Message{llm.Text("user", clean(textOf(h.v)))}, call.Input...)
	}
	if docs := sc.docs.json(); docs != "" {
		call.Output = []llm.Message{llm.Text("assistant", docs)}
	}
	switch sc.best(fOutput, len(sc.out) > 0, l.flatOutput, len(ev.output) > 0, l.evtOutput) {
	case fromAttribute:
		if !embeds(call.Operation) || call.Dialect == dPitot.String() { // Pitot sends the ranking, no vectors
			call.Output = sc.readValue(sc.hits[fOutput].v, "assistant")
		}
	case fromFlat:
		call.Output = sc.out.messages(sc, "assistant")
		if h := &sc.hits[fOutput]; len(call.Output) == 0 && h.rank != 0 { // roles without content: the whole answer may have it
			call.Output = sc.readValue(h.v, "assistant")
		}
	case fromEvents:
		call.Output = ev.output
	case fromNothing:
	}
	sc.outputCalls(call)
	sc.conversation(call)
	if h := &sc.hits[fOutput]; h.rank != 0 {
		sc.answer(call, h.v)
	}
	sc.finish(call)
	call.Tools = sc.toolDefinitions(l)
}

// embeds says whether an answer is numbers, which nobody reads.
func embeds(op llm.Operation) bool { return op == llm.OpEmbeddings || op == llm.OpRerank }

// flatInput are the messages of flattened lists. The texts of a completion are
// one message of several parts, as the gateway has them.
func (sc *scratch) flatInput(op llm.Operation) []llm.Message {
	msgs := sc.in.messages(sc, "user")
	if op == llm.OpTextCompletion && len(msgs) > 1 {
		joined := llm.Message{Role: "user"}
		for _, m := range msgs {
			if m.Role != "user" {
				return msgs
			}
			joined.Parts = append(joined.Parts, m.Parts...)
		}
		msgs = []llm.Message{joined}
	}
	if m, ok := sc.texts.message(); ok {
		msgs = append(msgs, m)
	}
	return msgs
}

// systemMessage reads instructions that stand apart from the messages.
func (sc *scratch) systemMessage(v pcommon.Value) llm.Message {
	out := llm.Message{Role: "system"}
	for _, m := range sc.readValue(v, "system") {
		out.Parts = append(out.Parts, m.Parts...)
	}
	return out
}

// outputCalls adds the tool calls that the Vercel SDK and Sentry keep apart from
// the text.
func (sc *scratch) outputCalls(call *llm.Call) {
	h := &sc.hits[fOutputCalls]
	if h.rank == 0 {
		return
	}
	v, err := sc.parser.Parse(clean(sc.jsonOf(h.v)))
	if err != nil {
		return
	}
	if len(call.Output) == 0 {
		call.Output = []llm.Message{{Role: "assistant"}}
	}
	last := &call.Output[len(call.Output)-1]
	for _, x := range v.GetArray() {
		if x.Type() == fastjson.TypeObject && len(last.Parts) < maxParts {
			last.Parts = append(last.Parts, toolCall(x))
		}
	}
}

// conversation splits a whole conversation that came as one attribute.
func (sc *scratch) conversation(call *llm.Call) {
	h := &sc.hits[fInput]
	if h.rank == 0 || len(call.Output) > 0 || len(call.Input) < 2 {
		return
	}
	if key := h.src.key; key != "pydantic_ai.all_messages" && key != "all_messages_events" {
		return
	}
	if last := len(call.Input) - 1; call.Input[last].Role == "assistant" {
		call.Output = call.Input[last:]
		call.Input = call.Input[:last:last]
	}
}

// finish makes the finish reasons of the Call and of its messages agree.
func (sc *scratch) finish(call *llm.Call) {
	if len(call.FinishReasons) == 0 {
		for _, m := range call.Output {
			if m.FinishReason != "" {
				call.FinishReasons = append(call.FinishReasons, m.FinishReason)
			}
		}
		return
	}
	if len(call.FinishReasons) == len(call.Output) {
		for i := range call.Output {
			if call.Output[i].FinishReason == "" {
				call.Output[i].FinishReason = call.FinishReasons[i]
			}
		}
	}
}

// toolDefinitions is the JSON array of the tools that the model was offered.
func (sc *scratch) toolDefinitions(l *lookup) json.RawMessage {
	if sc.best(fTools, len(sc.tools) > 0, l.flatTools, false, 0) == fromFlat {
		return sc.tools.json()
	}
	h := &sc.hits[fTools]
	if h.rank == 0 {
		return nil
	}
	if h.v.Type() != pcommon.ValueTypeSlice {
		return rawText(sc.jsonOf(h.v))
	}
	// The Vercel SDK sends a list of strings, each the JSON of one tool.
	out := []byte{'['}
	for i, x := range h.v.Slice().All() {
		if i > 0 {
			out = append(out, ',')
		}
		if x.Type() == pcommon.ValueTypeStr {
			out = append(out, rawText(x.Str())...)
		} else {
			out = appendJSON(out, x, 0)
		}
	}
	return append(out, ']')
}

// spanContent is what went into a span that is no Call and what came out, as
// text or JSON.
func (sc *scratch) spanContent(kind llm.SpanKind, ev *eventFacts, l *lookup) (in, out string) {
	if kind == llm.KindTool || kind == llm.KindRetrieval {
		in, out = sc.textField(fToolArguments), sc.textField(fToolResult)
	}
	if in == "" {
		in = sc.textField(fQuery)
	}
	if in == "" {
		switch sc.best(fInput, len(sc.in) > 0, l.flatInput, len(ev.input) > 0, l.evtInput) {
		case fromAttribute:
			in = sc.textField(fInput)
		case fromFlat:
			in = messagesJSON(sc.in.messages(sc, "user"))
		case fromEvents:
			in = messagesJSON(ev.input)
		case fromNothing:
			in = sc.textField(fToolArguments)
		}
	}
	if out == "" {
		out = sc.docs.json()
	}
	if out == "" {
		switch sc.best(fOutput, len(sc.out) > 0, l.flatOutput, len(ev.output) > 0, l.evtOutput) {
		case fromAttribute:
			out = sc.textField(fOutput)
		case fromFlat:
			out = messagesJSON(sc.out.messages(sc, "assistant"))
		case fromEvents:
			out = messagesJSON(ev.output)
		case fromNothing:
			out = sc.textField(fToolResult)
		}
	}
	return in, out
}

func (sc *scratch) textField(f field) string {
	if h := &sc.hits[f]; h.rank != 0 {
		return clean(textOf(h.v))
	}
	return ""
}

func messagesJSON(m []llm.Message) string {
	if len(m) == 0 {
		return ""
	}
	b, err := json.Marshal(m)
	if err != nil {
		return ""
	}
	return string(b)
}
