package provider

// format is one wire format of a model call. Formats have no state: what an
// answer needs to remember between its parts is in the exchange.
type format interface {
	// name is the API's name, as Truth.Format shows it.
	name() string
	// family chooses the shape of errors.
	family() family
	// idPrefix starts the response's id.
	idPrefix() string
	// reasons says whether the answer counts reasoning at all.
	reasons(x *exchange) bool
	// showsReasoning says whether reasoning is part of the answer's content.
	showsReasoning(x *exchange) bool
	// tools says whether the answer may call a tool.
	tools(x *exchange) bool
	// unary appends the whole answer to x.out; a content type other than JSON
	// is set on x.w.
	unary(x *exchange)
}

// streamFormat is a format that can be streamed. Each method appends to x.out;
// the exchange sends and paces.
type streamFormat interface {
	format
	contentType(x *exchange) string
	begin(x *exchange)                       // before any content
	open(x *exchange, k kind)                // before the first chunk of a block
	delta(x *exchange, k kind, piece string) // a chunk; piece is escaped
	closeBlock(x *exchange, k kind)          // after the last chunk of a block
	end(x *exchange)                         // finish reason, usage and terminator
	fail(x *exchange, e *failure)            // an error in the middle
}

// plainFormat is what formats embed: no reasoning, no tools.
type plainFormat struct{}

func (plainFormat) family() family                { return familyOpenAI }
func (plainFormat) idPrefix() string              { return "" }
func (plainFormat) reasons(*exchange) bool        { return false }
func (plainFormat) showsReasoning(*exchange) bool { return false }
func (plainFormat) tools(*exchange) bool          { return false }
