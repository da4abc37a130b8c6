package wire

// maxFrame bounds one frame of a stream. Longer ones are skipped and noted.
const maxFrame = 16 << 20

// frame is one event of a stream. Its data is valid only during the call that
// hands it over.
type frame struct {
	event   string            // SSE event name, AWS :event-type
	data    []byte            // SSE data, one NDJSON line, one array element, AWS payload
	headers map[string]string // AWS event stream only
}

// handler decodes the answer of one API into the Call that it was made for.
type handler interface {
	// unary takes the whole body of a successful answer that does not stream.
	unary(body []byte)
	// event takes one frame of a stream and returns the bytes of content that
	// it brought (text, reasoning, tool arguments, refusal, audio), 0 if none,
	// or a negative number if it is not worth a tick of the timeline ([DONE]).
	// A handler sets content.ended when it has seen the stream's proper end.
	event(f frame) int
	// finish is called once after the last frame; cut says that the stream's
	// proper end was not seen.
	finish(cut bool)
}

// framer splits a stream into frames.
type framer interface {
	write(p []byte)
	close() // emits a last frame that lacks its end mark
}
