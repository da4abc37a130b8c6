package wire

import (
	"slices"

	"github.com/valyala/fastjson"
)

// AskUsage makes a streamed request of OpenAI's chat or completions API ask
// for usage, which streams do not report otherwise: it sets
// stream_options.include_usage by a splice that leaves every other byte as it
// was. asked is false, and out is body, where the request does not stream,
// asks already, is malformed, or is of an API that has no such option. The
// answer then has a chunk that the client did not ask for: see UsageFilter.
//
// The Route cannot tell servers apart that speak OpenAI's language but refuse
// options that they do not know: whether to ask is the upstream's setting.
func AskUsage(rt Route, body []byte) (out []byte, asked bool) {
	if rt.API != apiChatCompletions && rt.API != apiCompletions {
		return body, false
	}
	if rt.Dialect != OpenAI && rt.Dialect != Azure {
		return body, false
	}
	var stream, options span
	whole := members(body, func(key []byte, start, end int) {
		switch string(key) {
		case "stream":
			stream = span{start, end}
		case "stream_options":
			options = span{start, end}
		}
	})
	if !whole || string(stream.of(body)) != "true" || fastjson.ValidateBytes(body) != nil {
		return body, false
	}
	const option = `"include_usage":true`
	switch {
	case options.end == 0:
		i := skipSpace(body, 0) + 1
		return splice(body, span{i, i}, `"stream_options":{`+option+`},`), true
	case body[options.start] != '{':
		if string(options.of(body)) != "null" {
			return body, false // not for us to mend
		}
		return splice(body, options, `{`+option+`}`), true
	}
	var include span
	empty := true
	members(options.of(body), func(key []byte, start, end int) {
		empty = false
		if string(key) == "include_usage" {
			include = span{options.start + start, options.start + end}
		}
	})
	switch {
	case include.end == 0:
		text := option
		if !empty {
			text += ","
		}
		return splice(body, span{options.start + 1, options.start + 1}, text), true
	case string(include.of(body)) == "false" || string(include.of(body)) == "null":
		return splice(body, include, "true"), true
	}
	return body, false
}

// span is a place in a body.
type span struct{ start, end int }

func (s span) of(b []byte) []byte { return b[s.start:s.end] }

// splice returns a copy of b with the bytes of s replaced by text.
func splice(b []byte, s span, text string) []byte {
	return slices.Concat(b[:s.start], []byte(text), b[s.end:])
}
