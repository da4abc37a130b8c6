package traffic

import (
	"time"
	"unicode/utf8"

	"github.com/pitot-dev/pitot/internal/llm"
)

const (
	// tokensPerChunk is how many tokens a chunk of a stream brings.
	tokensPerChunk = 2
	// cacheMin is the shortest prompt, in tokens, whose prefix is cached.
	cacheMin = 1024
	// cacheBlock is the unit of cached tokens.
	cacheBlock = 128
)

// Task is one piece of work of an application: a call, or a workflow with
// several.
type Task struct {
	At            time.Time
	Service       string
	Environment   string
	User          string
	Session       string
	Feature       string
	Prompt        string
	PromptVersion string
	Team          string
	Region        string
	// Traced says whether the application sends its spans. If not, Root is a
	// call.
	Traced bool
	Root   *Step
	// Opinions are what is said of its answers later.
	Opinions []Opinion

	seed uint64 // of everything that is drawn while the task runs
}

// Step is a span of a Task, or a call.
type Step struct {
	Name     string
	Kind     llm.SpanKind
	OTelKind string
	Agent    string
	Tool     string
	Input    string
	Output   string
	// Before and After are the time of the step's own work, around Children.
	Before, After time.Duration
	Children      []*Step
	// ErrorType is how the step itself fails; empty if it does not.
	ErrorType string
	// Attributes are set on the span as they are.
	Attributes map[string]any

	Call *Call // what the step is, if it is a call
}

// Call is a planned model call.
type Call struct {
	Model     *Model
	Operation llm.Operation
	Stream    bool

	Input, Output, CacheRead, CacheWrite, Reasoning int64 // inclusive

	TTFT     time.Duration // until the first content
	PerToken time.Duration // after it

	Status     int     // of an error instead of an answer; 0 for none
	CutAfter   int     // the connection is cut after that many chunks; 0 for never
	LeaveAfter float64 // the client leaves after that share of the stream; 0 for never

	System string
	// Said are the turns before Prompt.
	Said   []Turn
	Prompt string
	// Picture is the address of a picture that goes with Prompt.
	Picture string
	// Texts replace Prompt in a batch of embeddings.
	Texts []string
	// Schema is the JSON Schema that the answer is to follow.
	Schema string
	// Rounds are calls of tools before the one of CalledTool.
	Rounds []ToolRound
	// Said is a turn between prompt and answer: the tool call that was made and
	// its result.
	CalledTool, CalledArgs, ToolResult string

	// Thought is reasoning that the model shows.
	Thought string
	Answer  string
	Tool    string // the tool that the answer calls
	Args    string
	Finish  string // in OpenAI's words

	// After StallAfter chunks nothing comes for Stall.
	StallAfter int
	Stall      time.Duration

	upstream string  // instead of the model's
	script   *script // where the texts were written by hand

	Chinese     bool
	Temperature float64
	MaxTokens   int64
}

// ToolRound is a call of a tool with its result.
type ToolRound struct{ Tool, Args, Result string }

// script is how a question that was written by hand is answered.
type script struct {
	exchange *exchange
	facts    facts
}

func (s *script) answer(tokens int64) string { return s.facts.fill(s.exchange.answer(tokens)) }

// Upstream is the gateway's name for where the call goes.
func (c *Call) Upstream() string {
	if c.upstream != "" {
		return c.upstream
	}
	return c.Model.Upstream
}

// visible is the number of output tokens that are text.
func (c *Call) visible() int64 { return max(c.Output-c.Reasoning, 0) }

// Chunks is the number of chunks of content that a stream of the answer has.
func (c *Call) Chunks() int {
	if c.Tool != "" && c.Answer == "" {
		switch c.Model.api {
		case apiGemini, apiOllama:
			return 1
		default:
			return 4
		}
	}
	n := c.textChunks()
	if c.Model.shows {
		n += int((c.Reasoning + tokensPerChunk - 1) / tokensPerChunk)
	}
	return n
}

// textChunks are those of the text.
func (c *Call) textChunks() int {
	n := int((c.visible() + tokensPerChunk - 1) / tokensPerChunk)
	if c.script != nil { // a text has no more pieces than characters
		n = min(n, utf8.RuneCountInString(c.Answer))
	}
	return n
}

// Duration is how long the call takes if nothing cuts it short.
func (c *Call) Duration() time.Duration {
	if c.Status != 0 {
		return c.TTFT
	}
	if c.Operation == llm.OpEmbeddings || c.Operation == llm.OpModeration || c.Operation == llm.OpRerank {
		return c.TTFT
	}
	return c.TTFT + c.Stall + time.Duration(max(c.Chunks()-1, 0))*tokensPerChunk*c.PerToken
}

// Calls yields the calls of the task, in order.
func (t *Task) Calls() []*Call { return t.Root.calls(nil) }

func (s *Step) calls(dst []*Call) []*Call {
	if s.Call != nil {
		dst = append(dst, s.Call)
	}
	for _, c := range s.Children {
		dst = c.calls(dst)
	}
	return dst
}
