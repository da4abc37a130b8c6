package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
)

type exportCmd struct {
	Calls   exportCallsCmd   `cmd:"" help:"Calls, one a row."`
	Traces  exportTracesCmd  `cmd:"" help:"Traces, one span a row, or as OTLP."`
	Dataset exportDatasetCmd `cmd:"" help:"Examples, what was asked and what was answered, for evaluations and fine-tuning."`
}

// exportFlags are the flags of every export.
type exportFlags struct {
	remote
	Output      string            `short:"O" help:"File to write; standard output where it is absent." type:"path" placeholder:"FILE"`
	Limit       int               `short:"n" help:"Most rows, the first in the order. Default: as many as the server gives." placeholder:"N"`
	Start       string            `help:"Start of the range: a time, or a time ago such as -24h." default:"-24h"`
	End         string            `help:"End of the range." default:"now"`
	Query       string            `help:"A LogsQL filter, such as 'usage.output_tokens:>1000'."`
	Search      string            `help:"Words that the prompt, the answer or the error must all hold."`
	Service     string            `help:"Only this service."`
	Environment string            `help:"Only this environment."`
	Provider    string            `help:"Only this provider."`
	Model       string            `help:"Only this model."`
	Operation   string            `help:"Only this operation, such as chat."`
	Status      string            `help:"Only ok or error." enum:"ok,error," default:""`
	ErrorType   string            `help:"Only this error."`
	User        string            `help:"Only this user."`
	Session     string            `help:"Only this session."`
	Feature     string            `help:"Only this feature."`
	Agent       string            `help:"Only this agent."`
	PromptName  string            `help:"Only this prompt."`
	TraceID     string            `name:"trace-id" help:"Only this trace."`
	MinDuration string            `help:"Only what took at least this long, such as 5s."`
	MaxDuration string            `help:"Only what took at most this long."`
	Tag         map[string]string `help:"Only with this value of a tag." placeholder:"NAME=VALUE"`
}

func (f *exportFlags) values(format string) url.Values {
	q := url.Values{}
	for name, v := range map[string]string{
		"format": format, "start": f.Start, "end": f.End, "query": f.Query, "search": f.Search, "service": f.Service, "environment": f.Environment, "provider": f.Provider,
		"model": f.Model, "operation": f.Operation, "status": f.Status, "error_type": f.ErrorType, "user": f.User, "session": f.Session, "feature": f.Feature, "agent": f.Agent,
		"prompt_name": f.PromptName, "trace_id": f.TraceID, "min_duration": f.MinDuration, "max_duration": f.MaxDuration,
	} {
		set(q, name, v)
	}
	for name, v := range f.Tag {
		q.Set("tags."+name, v)
	}
	if f.Limit > 0 {
		q.Set("limit", strconv.Itoa(f.Limit))
	}
	return q
}

type exportCallsCmd struct {
	exportFlags
	Format  string `short:"o" help:"csv, parquet or jsonl." enum:"csv,parquet,jsonl" default:"jsonl"`
	Order   string `help:"newest or oldest." enum:"newest,oldest" default:"newest"`
	Content bool   `help:"With prompts, answers and tool definitions."`
}

// Run exports calls.
func (c *exportCallsCmd) Run(ctx context.Context, s *streams) error {
	q := c.values(c.Format)
	q.Set("order", c.Order)
	q.Set("content", strconv.FormatBool(c.Content))
	return c.export(ctx, s, "/api/pitot/v1/calls/export", "calls", q)
}

type exportTracesCmd struct {
	exportFlags
	Format  string `short:"o" help:"jsonl, csv, parquet or otlp." enum:"jsonl,csv,parquet,otlp" default:"jsonl"`
	Order   string `help:"newest, slowest or costliest." enum:"newest,slowest,costliest" default:"newest"`
	Name    string `help:"Only traces with a span of this name."`
	Kind    string `help:"Only traces with a span of this kind: call, workflow, agent, task, tool, retrieval, llm, other."`
	Content bool   `help:"With attributes, events, prompts and answers."`
}

// Run exports traces.
func (c *exportTracesCmd) Run(ctx context.Context, s *streams) error {
	q := c.values(c.Format)
	q.Set("order", c.Order)
	set(q, "name", c.Name)
	set(q, "kind", c.Kind)
	q.Set("content", strconv.FormatBool(c.Content))
	return c.export(ctx, s, "/api/pitot/v1/traces/export", "spans", q)
}

type exportDatasetCmd struct {
	exportFlags
	Format        string `short:"o" help:"jsonl, csv or parquet." enum:"jsonl,csv,parquet" default:"jsonl"`
	Shape         string `help:"Of JSON lines: chat ({\"messages\": [...]}) or pairs (input, output, feedback and where it is from)." enum:"chat,pairs" default:"chat"`
	Order         string `help:"newest or oldest." enum:"newest,oldest" default:"newest"`
	MinScore      string `help:"Only with a judgement of at least this score, from 0 to 1."`
	MaxScore      string `help:"Only with a judgement of at most this score."`
	FeedbackName  string `help:"Only with a judgement of this, such as helpful."`
	FeedbackLabel string `help:"Only with a judgement with this label, such as thumbs_up."`
	Evaluator     string `help:"Only with a judgement by this evaluator, such as user."`
	Truncated     bool   `help:"Also calls whose texts were cut when they were recorded."`
}

// Run exports examples.
func (c *exportDatasetCmd) Run(ctx context.Context, s *streams) error {
	q := c.values(c.Format)
	q.Set("order", c.Order)
	q.Set("shape", c.Shape)
	set(q, "min_score", c.MinScore)
	set(q, "max_score", c.MaxScore)
	set(q, "feedback_name", c.FeedbackName)
	set(q, "feedback_label", c.FeedbackLabel)
	set(q, "evaluator", c.Evaluator)
	q.Set("truncated", strconv.FormatBool(c.Truncated))
	return c.export(ctx, s, "/api/pitot/v1/datasets/export", "examples", q)
}

// export copies the server's file as it comes, and says how it ended.
func (f *exportFlags) export(ctx context.Context, s *streams, path, what string, q url.Values) error {
	resp, err := f.get(ctx, path, q)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if f.Output == "" {
		if _, err := io.Copy(s.out, resp.Body); err != nil {
			return broken(err)
		}
	} else if err := writeWhole(f.Output, resp.Body); err != nil {
		return err
	}
	return ended(s.err, resp, what)
}

func broken(err error) error {
	return fmt.Errorf("the server broke off, and what was written is not whole: %w; its log says why, and a shorter range may help", err)
}

// ended says how many rows there were. An answer without its trailers was cut.
func ended(w io.Writer, resp *http.Response, what string) error {
	rows := resp.Trailer.Get("Pitot-Export-Rows")
	if rows == "" {
		return broken(errors.New("the end is missing"))
	}
	text := rows + " " + what
	if n := resp.Trailer.Get("Pitot-Export-Skipped"); n != "" && n != "0" {
		text += ", and " + n + " calls left out that have no whole question and answer"
	}
	if resp.Trailer.Get("Pitot-Export-Complete") == "false" {
		text += "; there are more than the limit"
	}
	_, err := fmt.Fprintln(w, text)
	return err
}

// writeWhole writes a file that has its name only when it is whole.
func writeWhole(path string, r io.Reader) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("--output: %w", err)
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	if _, err := io.Copy(f, r); err != nil {
		return broken(err)
	}
	if err := f.Chmod(0o600); err != nil { // prompts are for the one who asked
		return err
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("--output: %w", err)
	}
	return os.Rename(f.Name(), path)
}
