package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/pitot-dev/pitot/internal/config"
	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/price"
)

type pricesCmd struct {
	List    pricesListCmd    `cmd:"" default:"withargs" help:"List the prices in force."`
	Explain pricesExplainCmd `cmd:"" help:"Explain what a usage costs: which rule, which date, which components."`
	Import  pricesImportCmd  `cmd:"" help:"Turn a litellm, models.dev or genai-prices file into overrides for the configuration."`
	Sources pricesSourcesCmd `cmd:"" help:"List where the prices come from and when they were checked."`
}

// priced is a command that uses the price table with a configuration's changes.
type priced struct {
	Config string `help:"Configuration file with overrides and aliases." type:"path" placeholder:"FILE"`
}

func (p *priced) table() (*price.Table, error) {
	var cfg price.Config
	if p.Config != "" {
		c, err := config.Load(p.Config)
		if err != nil {
			return nil, err
		}
		cfg = c.Prices
	}
	return price.New(cfg)
}

type pricesListCmd struct {
	priced
	Model    string `arg:"" optional:"" help:"Part of a model's name, or a pattern with *."`
	Provider string `help:"Only this provider."`
	All      bool   `help:"Every price over time, not only the one in force."`
	Format   string `short:"o" help:"table or json." enum:"table,json" default:"table"`
}

// Run lists prices.
func (c *pricesListCmd) Run(s *streams) error {
	t, err := c.table()
	if err != nil {
		return err
	}
	f := price.Filter{Provider: c.Provider, Model: c.Model, At: time.Now()}
	if c.All {
		f.At = time.Time{}
	}
	rows := t.List(f)
	if c.Format == "json" {
		enc := json.NewEncoder(s.out)
		for _, r := range rows {
			if err := enc.Encode(r); err != nil {
				return err
			}
		}
		return nil
	}
	if len(rows) == 0 {
		fmt.Fprintln(s.err, "no price matches: calls of such a model are unpriced; add one under prices.overrides, or name the same model under prices.aliases")
		return nil
	}
	widths := []int{14, 44, -9, -9, -9, -9, 10, 24}
	row(s.out, widths, "PROVIDER", "MODEL", "INPUT", "OUTPUT", "CACHED", "WRITTEN", "SINCE", "VARIES WITH")
	for i := range rows {
		r := &rows[i]
		usd := func(k price.Kind) string {
			if v := r.Prices.Get(k); v != nil {
				return fmt.Sprintf("%.4g", *v)
			}
			return unknown
		}
		row(s.out, widths, clean(r.Provider, 14), clean(r.Model, 44), usd(price.Input), usd(price.Output), usd(price.CacheRead), usd(price.CacheWrite), r.Since, varies(r))
	}
	fmt.Fprintln(s.err, "US dollars per million tokens")
	return nil
}

func varies(r *price.Row) string {
	var v []string
	if len(r.Tiers) > 0 {
		v = append(v, "context length")
	}
	services := make([]string, 0, len(r.Services))
	for k := range r.Services {
		services = append(services, k)
	}
	slices.Sort(services)
	v = append(v, services...)
	if len(r.Hours) > 0 {
		v = append(v, "hour")
	}
	if len(r.Regions) > 0 {
		v = append(v, "region")
	}
	if r.Origin == "override" {
		v = append(v, "(override)")
	}
	return strings.Join(v, ", ")
}

type pricesExplainCmd struct {
	priced
	Model      string    `arg:"" help:"Model name, such as gpt-4o-mini."`
	Provider   string    `help:"Provider, such as openai." placeholder:"NAME"`
	Input      int64     `help:"Input tokens, cached ones included." default:"1000000"`
	Output     int64     `help:"Output tokens." default:"1000000"`
	CacheRead  int64     `help:"Part of the input that was read from the cache."`
	CacheWrite int64     `help:"Part of the input that was written to the cache."`
	Reasoning  int64     `help:"Part of the output that was reasoning."`
	Tier       string    `help:"Service tier: batch, flex, priority."`
	At         time.Time `help:"Moment of the call, RFC 3339." format:"2006-01-02T15:04:05Z07:00"`
	Format     string    `short:"o" help:"text or json." enum:"text,json" default:"text"`
}

// Run explains a cost.
func (c *pricesExplainCmd) Run(s *streams) error {
	t, err := c.table()
	if err != nil {
		return err
	}
	at := c.At
	if at.IsZero() {
		at = time.Now()
	}
	u := llm.Usage{InputTokens: llm.Some(c.Input), OutputTokens: llm.Some(c.Output), Source: llm.UsageReported}
	for _, part := range []struct {
		n  int64
		to *llm.Opt[int64]
	}{{c.CacheRead, &u.CacheReadTokens}, {c.CacheWrite, &u.CacheWriteTokens}, {c.Reasoning, &u.ReasoningTokens}} {
		if part.n > 0 {
			*part.to = llm.Some(part.n)
		}
	}
	e := t.Explain(price.Query{Provider: c.Provider, RequestModel: c.Model, At: at, Usage: u, ServiceTier: c.Tier, Operation: llm.OpChat})
	if c.Format == "json" {
		return printJSON(s.out, e)
	}
	_, err = fmt.Fprintln(s.out, strings.TrimRight(e.String(), "\n"))
	return err
}

type pricesImportCmd struct {
	File   string `arg:"" type:"existingfile" help:"File to read."`
	Format string `help:"litellm, models.dev or genai-prices; found out by itself where absent." placeholder:"NAME"`
	Model  string `help:"Only models whose name contains this."`
}

// Run prints the overrides as YAML.
func (c *pricesImportCmd) Run(s *streams) error {
	b, err := os.ReadFile(c.File)
	if err != nil {
		return err
	}
	format := c.Format
	if format == "" {
		var ok bool
		if format, ok = price.Detect(b); !ok {
			return usageError{fmt.Errorf("%s: the format is not recognised: name it with --format (%s)", c.File, strings.Join(price.Formats(), ", "))}
		}
	}
	overrides, warnings, err := price.Import(format, strings.NewReader(string(b)))
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	if c.Model != "" {
		overrides = slices.DeleteFunc(overrides, func(o price.Override) bool { return !strings.Contains(o.Model, c.Model) })
	}
	out, err := yaml.Marshal(map[string]any{"prices": map[string]any{"overrides": overrides}})
	if err != nil {
		return err
	}
	if _, err := s.out.Write(out); err != nil {
		return err
	}
	fmt.Fprintf(s.err, "%d overrides from a %s file; %d entries left out\n", len(overrides), format, len(warnings))
	for i, w := range warnings {
		if i == 10 {
			fmt.Fprintf(s.err, "… and %d more\n", len(warnings)-10)
			break
		}
		fmt.Fprintln(s.err, " ", w)
	}
	return nil
}

type pricesSourcesCmd struct{ priced }

// Run lists the sources of the table.
func (c *pricesSourcesCmd) Run(s *streams) error {
	t, err := c.table()
	if err != nil {
		return err
	}
	widths := []int{16, 8, 12, 60}
	row(s.out, widths, "PROVIDER", "MODELS", "CHECKED", "SOURCE")
	for _, src := range t.Sources() {
		row(s.out, widths, src.Provider, strconv.Itoa(src.Models), src.Checked, src.URL)
	}
	return nil
}
