package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
)

type logsCmd struct {
	remote
	Query  string `arg:"" optional:"" default:"*" help:"LogsQL query, such as 'kind:call status:error | stats by (error_type) count()'."`
	Start  string `help:"Start of the range: a time, or a time ago such as 1h." default:"1h"`
	End    string `help:"End of the range." default:"now"`
	Limit  int    `short:"n" help:"Most records." default:"100"`
	Follow bool   `short:"f" help:"Go on with records as they come."`
	Format string `short:"o" help:"text or json (one object a line)." enum:"text,json" default:"text"`
}

// Run prints the records that a LogsQL query selects.
func (c *logsCmd) Run(ctx context.Context, s *streams) error {
	q := url.Values{"query": {c.Query}}
	path := "/select/logsql/query"
	if c.Follow {
		path = "/select/logsql/tail"
	} else {
		q.Set("limit", strconv.Itoa(c.Limit))
		set(q, "start", c.Start)
		if c.End != "now" {
			set(q, "end", c.End)
		}
	}
	resp, err := c.get(ctx, path, q)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	p := newPaint(s.out)
	sc := bufio.NewScanner(resp.Body)
	sc.Buffer(nil, 16<<20)
	n := 0
	for sc.Scan() {
		n++
		if c.Format == "json" {
			fmt.Fprintln(s.out, sc.Text())
			continue
		}
		fmt.Fprintln(s.out, recordLine(p, sc.Bytes()))
	}
	if ctx.Err() != nil {
		return nil
	}
	if n == 0 {
		fmt.Fprintln(s.err, "no records match in this range")
	}
	return sc.Err()
}

// recordLine shows a record on one line: time, kind, level or status, message.
// What is no record, such as the row of a stats pipe, is shown as it is.
func recordLine(p paint, b []byte) string {
	var m map[string]string
	if json.Unmarshal(b, &m) != nil || m["_time"] == "" {
		return string(b)
	}
	state := m["level"]
	if state == "" {
		state = m["status"]
	}
	switch state {
	case "error", "fatal":
		state = p.red(state)
	case "ok", "info":
		state = p.green(state)
	}
	return fmt.Sprintf("%s  %-5s %-6s %s %s", p.dim(m["_time"]), m["kind"], state, p.bold(m["service"]), clean(m["_msg"], 160))
}
