package traffic

import (
	"time"

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
	// Traced says whether the application sends its spans. If not, Root is a
	// call.
	Traced bool
	Root   *Step

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
	Prompt string
	// Said is a turn between prompt and answer: the tool call that was made and
	// its result.
	CalledTool, CalledArgs, ToolResult string

	Answer string
	Tool   string // the tool that the answer calls
	Args   string
	Finish string // in OpenAI's words

	Chinese     bool
	Temperature float64
	MaxTokens   int64
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
	return int((c.visible() + tokensPerChunk - 1) / tokensPerChunk)
}

// Duration is how long the call takes if nothing cuts it short.
func (c *Call) Duration() time.Duration {
	if c.Status != 0 {
		return c.TTFT
	}
	if c.Operation == llm.OpEmbeddings || c.Operation == llm.OpModeration || c.Operation == llm.OpRerank {
		return c.TTFT
	}
	return c.TTFT + time.Duration(max(c.Chunks()-1, 0))*tokensPerChunk*c.PerToken
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
