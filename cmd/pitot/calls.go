package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

type callsCmd struct {
	remote
	Query       string `arg:"" optional:"" help:"LogsQL filter, such as 'usage.output_tokens:>1000'."`
	Start       string `help:"Start of the range: a time, or a time ago such as -1h." default:"-1h"`
	End         string `help:"End of the range." default:"now"`
	Service     string `help:"Only this service."`
	Provider    string `help:"Only this provider."`
	Model       string `help:"Only this model."`
	Status      string `help:"Only ok or error." enum:"ok,error," default:""`
	User        string `help:"Only this user."`
	Session     string `help:"Only this session."`
	Feature     string `help:"Only this feature."`
	Agent       string `help:"Only this agent."`
	Dialect     string `help:"Only this kind of telemetry sender, such as openllmetry."`
	MinDuration string `help:"Only calls that took at least this long, such as 5s."`
	Order       string `help:"Which first: newest, oldest, slowest, costliest." enum:"newest,oldest,slowest,costliest" default:"newest"`
	Limit       int    `short:"n" help:"Most calls to list." default:"50"`
	Format      string `short:"o" help:"table, json (one object a line) or csv." enum:"table,json,csv" default:"table"`
	Follow      bool   `short:"f" help:"Go on with calls as they come."`
}

func (c *callsCmd) values() url.Values {
	q := url.Values{}
	set(q, "query", c.Query)
	set(q, "service", c.Service)
	set(q, "provider", c.Provider)
	set(q, "model", c.Model)
	set(q, "status", c.Status)
	set(q, "user", c.User)
	set(q, "session", c.Session)
	set(q, "feature", c.Feature)
	set(q, "agent", c.Agent)
	set(q, "dialect", c.Dialect)
	set(q, "min_duration", c.MinDuration)
	return q
}

// Run lists calls.
func (c *callsCmd) Run(ctx context.Context, s *streams) error {
	if c.Follow {
		return c.follow(ctx, s)
	}
	out := c.writer(s.out)
	q := c.values()
	set(q, "start", c.Start)
	set(q, "end", c.End)
	set(q, "order", c.Order)
	for left := c.Limit; left > 0; {
		q.Set("limit", strconv.Itoa(min(left, 500)))
		var page struct {
			Calls []*llm.Call `json:"calls"`
			Next  string      `json:"next_cursor"`
		}
		if err := c.getJSON(ctx, "/api/pitot/v1/calls", q, &page); err != nil {
			return err
		}
		for _, call := range page.Calls {
			if err := out.write(call); err != nil {
				return err
			}
		}
		left -= len(page.Calls)
		if page.Next == "" || len(page.Calls) == 0 {
			break
		}
		q.Set("cursor", page.Next)
	}
	return out.end(s.err)
}

// follow prints calls as the server sees them.
func (c *callsCmd) follow(ctx context.Context, s *streams) error {
	if c.Query != "" {
		return usageError{errors.New("--follow takes the filter flags, not a LogsQL filter: use `pitot logs --follow` for that")}
	}
	resp, err := c.get(ctx, "/api/pitot/v1/calls/follow", c.values())
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	out := c.writer(s.out)
	sc := bufio.NewScanner(resp.Body)
	sc.Buffer(nil, 16<<20)
	for sc.Scan() {
		data, ok := strings.CutPrefix(sc.Text(), "data: ")
		if !ok {
			continue
		}
		call := new(llm.Call)
		if err := json.Unmarshal([]byte(data), call); err != nil {
			return fmt.Errorf("read a call: %w", err)
		}
		if err := out.write(call); err != nil {
			return err
		}
		if err := out.flush(); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return nil // the user pressed Ctrl-C
	}
	return sc.Err()
}

type callWriter interface {
	write(*llm.Call) error
	flush() error
	end(stderr io.Writer) error
}

func (c *callsCmd) writer(w io.Writer) callWriter {
	switch c.Format {
	case "json":
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		return &jsonWriter{enc}
	case "csv":
		return &csvWriter{w: csv.NewWriter(w)}
	default:
		return &tableWriter{w: w, paint: newPaint(w)}
	}
}

type jsonWriter struct{ enc *json.Encoder }

func (j *jsonWriter) write(c *llm.Call) error { return j.enc.Encode(c) }
func (j *jsonWriter) flush() error            { return nil }
func (j *jsonWriter) end(io.Writer) error     { return nil }

type tableWriter struct {
	w     io.Writer
	paint paint
	n     int
}

var callWidths = []int{12, 6, 12, 26, 8, 8, -7, -7, -6, -6, -5, -10, 26}

func (t *tableWriter) write(c *llm.Call) error {
	if t.n == 0 {
		row(t.w, callWidths, "TIME", "STATUS", "SERVICE", "MODEL", "PROVIDER", "USER", "TOOK", "TTFT", "IN", "OUT", "TOK/S", "COST", "ID")
	}
	t.n++
	status := t.paint.green("ok")
	if c.Status == llm.StatusError {
		status = t.paint.red("error")
	}
	model := c.Model()
	if c.ErrorType != "" {
		model += " " + c.ErrorType
	}
	row(
		t.w, callWidths, c.Time.Local().Format("15:04:05.000"), status, clean(c.Service, 12), clean(model, 26), clean(c.Provider, 8), clean(c.User, 8),
		fmtDuration(llm.Some(c.Duration)), fmtDuration(c.TTFT), fmtCount(c.Usage.InputTokens), fmtCount(c.Usage.OutputTokens),
		fmtRate(c.TokensPerSecond()), fmtCost(c.Cost), t.paint.dim(c.ID),
	)
	return nil
}

func (t *tableWriter) flush() error { return nil }

func (t *tableWriter) end(stderr io.Writer) error {
	if t.n == 0 {
		fmt.Fprintln(stderr, "no calls in this range: widen it with --start=-24h, or send one through the gateway")
	}
	return nil
}

type csvWriter struct {
	w *csv.Writer
	n int
}

var csvHeader = []string{
	"time", "id", "status", "error_type", "http_status", "service", "provider", "operation", "request_model", "response_model", "stream",
	"input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens", "usage_source", "cost_usd", "cost_state",
	"duration_seconds", "ttft_seconds", "tokens_per_second", "user", "session", "feature", "prompt_name", "prompt_version", "trace_id",
}

func (v *csvWriter) write(c *llm.Call) error {
	if v.n == 0 {
		if err := v.w.Write(csvHeader); err != nil {
			return err
		}
	}
	v.n++
	count := func(n llm.Opt[int64]) string {
		if x, ok := n.Get(); ok {
			return strconv.FormatInt(x, 10)
		}
		return ""
	}
	float := func(f llm.Opt[float64]) string {
		if x, ok := f.Get(); ok {
			return strconv.FormatFloat(x, 'g', -1, 64)
		}
		return ""
	}
	ttft := ""
	if d, ok := c.TTFT.Get(); ok {
		ttft = float(llm.Some(d.Seconds()))
	}
	return v.w.Write([]string{
		c.Time.Format(time.RFC3339Nano), c.ID, string(c.Status), c.ErrorType, strconv.Itoa(c.HTTPStatus), c.Service, c.Provider, string(c.Operation),
		c.RequestModel, c.ResponseModel, strconv.FormatBool(c.Stream), count(c.Usage.InputTokens), count(c.Usage.OutputTokens), count(c.Usage.CacheReadTokens),
		count(c.Usage.CacheWriteTokens), count(c.Usage.ReasoningTokens), string(c.Usage.Source), float(c.Cost.USD), string(c.Cost.State),
		float(llm.Some(c.Duration.Seconds())), ttft, float(c.TokensPerSecond()), csvSafe(c.User), csvSafe(c.Session), csvSafe(c.Feature), csvSafe(c.PromptName), csvSafe(c.PromptVersion), c.TraceID,
	})
}

// csvSafe keeps a spreadsheet from running what a user named themselves.
func csvSafe(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

func (v *csvWriter) flush() error {
	v.w.Flush()
	return v.w.Error()
}

func (v *csvWriter) end(io.Writer) error { return v.flush() }
