package provider

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

// Control is what a request dictates about its answer, by headers. Unset
// fields leave the model's own behaviour. A header that does not parse is
// answered by a 400, so that a misspelt test fails.
type Control struct {
	Status     llm.Opt[int]           // X-Fake-Status: an error instead of an answer; 200 forbids random errors
	ErrorType  string                 // X-Fake-Error: the code or type of the error
	RetryAfter llm.Opt[time.Duration] // X-Fake-Retry-After
	Delay      llm.Opt[time.Duration] // X-Fake-Delay: until the first content
	Interval   llm.Opt[time.Duration] // X-Fake-Chunk-Interval
	Chunks     llm.Opt[int]           // X-Fake-Chunks: content chunks of the stream
	Bytes      llm.Opt[int]           // X-Fake-Bytes: length of the text
	Text       string                 // X-Fake-Text: the text, percent-encoded where it is not ASCII
	Tokens     llm.Opt[int]           // X-Fake-Tokens: length of the text in tokens
	Usage      usageControl           // X-Fake-Usage: input=7,output=8,cache_read=1,cache_write=2,reasoning=3, or none
	Reasoning  llm.Opt[int]           // X-Fake-Reasoning: tokens of reasoning
	Tool       string                 // X-Fake-Tool: the tool to call, or none
	ToolArgs   string                 // X-Fake-Tool-Args: the arguments of the call, percent-encoded
	Finish     string                 // X-Fake-Finish: the finish reason in OpenAI's words: stop, length, content_filter
	ErrorAfter llm.Opt[int]           // X-Fake-Error-After: an error inside the stream after that many chunks
	CutAfter   llm.Opt[int]           // X-Fake-Cut-After: cut the connection after that many chunks (bytes where not a stream)
	StallAfter llm.Opt[int]           // X-Fake-Stall: 3:2s waits 2 s after the third chunk
	Stall      time.Duration
	Split      llm.Opt[int]    // X-Fake-Split: write the body in pieces of that many bytes
	Encoding   string          // X-Fake-Encoding: gzip, deflate, br, zstd
	Seed       llm.Opt[uint64] // X-Fake-Seed: draw from this seed
	Chinese    llm.Opt[bool]   // X-Fake-Lang: zh or en
}

type usageControl struct {
	none                                            bool
	input, output, cacheRead, cacheWrite, reasoning llm.Opt[int64]
}

const controlPrefix = "X-Fake-"

// parseControl reads the X-Fake-* headers of h.
func parseControl(h http.Header) (Control, error) {
	var c Control
	for k, v := range h {
		if len(k) <= len(controlPrefix) || k[:len(controlPrefix)] != controlPrefix || len(v) == 0 {
			continue
		}
		if err := c.set(k[len(controlPrefix):], v[0]); err != nil {
			return c, &controlError{header: k, value: v[0], err: err}
		}
	}
	return c, nil
}

type controlError struct {
	header, value string
	err           error
}

func (e *controlError) Error() string {
	return "header " + e.header + ": " + strconv.Quote(e.value) + ": " + e.err.Error()
}

func (e *controlError) Unwrap() error { return e.err }

func (c *Control) set(name, v string) (err error) {
	switch name {
	case "Status":
		c.Status, err = optInt(v)
	case "Error":
		c.ErrorType = v
	case "Retry-After":
		c.RetryAfter, err = optDuration(v)
	case "Delay":
		c.Delay, err = optDuration(v)
	case "Chunk-Interval":
		c.Interval, err = optDuration(v)
	case "Chunks":
		c.Chunks, err = optInt(v)
	case "Bytes":
		c.Bytes, err = optInt(v)
	case "Text":
		c.Text, err = unescape(v)
	case "Tokens":
		c.Tokens, err = optInt(v)
	case "Usage":
		err = c.Usage.parse(v)
	case "Reasoning":
		c.Reasoning, err = optInt(v)
	case "Tool":
		c.Tool = v
	case "Tool-Args":
		c.ToolArgs, err = unescape(v)
	case "Finish":
		c.Finish = v
	case "Error-After":
		c.ErrorAfter, err = optInt(v)
	case "Cut-After":
		c.CutAfter, err = optInt(v)
	case "Stall":
		after, d, _ := strings.Cut(v, ":")
		if c.StallAfter, err = optInt(after); err == nil {
			c.Stall, err = time.ParseDuration(d)
		}
	case "Split":
		c.Split, err = optInt(v)
	case "Encoding":
		c.Encoding = v
		if !knownEncoding(v) {
			err = strconv.ErrSyntax
		}
	case "Seed":
		var n uint64
		n, err = strconv.ParseUint(v, 10, 64)
		c.Seed = llm.Some(n)
	case "Lang":
		c.Chinese = llm.Some(v == "zh")
	default:
		err = strconv.ErrSyntax
	}
	return err
}

func (u *usageControl) parse(v string) error {
	if v == "none" {
		u.none = true
		return nil
	}
	for part := range strings.SplitSeq(v, ",") {
		k, num, _ := strings.Cut(part, "=")
		n, err := strconv.ParseInt(num, 10, 64)
		if err != nil {
			return err
		}
		switch strings.TrimSpace(k) {
		case "input":
			u.input = llm.Some(n)
		case "output":
			u.output = llm.Some(n)
		case "cache_read":
			u.cacheRead = llm.Some(n)
		case "cache_write":
			u.cacheWrite = llm.Some(n)
		case "reasoning":
			u.reasoning = llm.Some(n)
		default:
			return strconv.ErrSyntax
		}
	}
	return nil
}

func optInt(v string) (llm.Opt[int], error) {
	n, err := strconv.Atoi(v)
	if err == nil && (n < 0 || n > 64<<20) {
		err = strconv.ErrRange
	}
	return llm.Some(n), err
}

func optDuration(v string) (llm.Opt[time.Duration], error) {
	if n, err := strconv.Atoi(v); err == nil { // bare numbers are milliseconds
		return llm.Some(time.Duration(n) * time.Millisecond), nil
	}
	d, err := time.ParseDuration(v)
	return llm.Some(d), err
}
