package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"

	"github.com/pitot-dev/pitot/internal/alert/rules"
	"github.com/pitot-dev/pitot/internal/config"
	"github.com/pitot-dev/pitot/internal/server"
)

type rulesCmd struct {
	Check  rulesCheckCmd  `cmd:"" help:"Check rule files and PrometheusRule resources."`
	Test   rulesTestCmd   `cmd:"" help:"Run unit tests of rules, in the format of promtool test rules."`
	Render rulesRenderCmd `cmd:"" help:"Write the rules in force as Prometheus rules, as PrometheusRule resources, or for Grafana."`
	Status rulesStatusCmd `cmd:"" help:"Show which rule files a server has in force, and what is wrong with others."`
}

type rulesCheckCmd struct {
	Paths []string `arg:"" help:"Files, patterns of them, or directories."`
	JSON  bool     `name:"json" help:"Print JSON."`
}

// Run checks the files; it fails where one is broken.
func (c *rulesCheckCmd) Run(s *streams) error { return report(s, rules.Check(c.Paths), c.JSON) }

type rulesTestCmd struct {
	Paths []string `arg:"" help:"Test files, patterns of them, or directories."`
	Match string   `name:"run" help:"Only tests whose name matches this expression." placeholder:"REGEX"`
	JSON  bool     `name:"json" help:"Print JSON."`
}

// Run runs the tests; it fails where one does. Test files may name the shipped
// packs as packs/NAME.yaml.
func (c *rulesTestCmd) Run(ctx context.Context, s *streams) error {
	o := rules.TestOptions{}
	if c.Match != "" {
		var err error
		if o.Run, err = regexp.Compile(c.Match); err != nil {
			return usageError{fmt.Errorf("--run: %w", err)}
		}
	}
	packs, err := rules.Packs(rules.DefaultConfig())
	if err != nil {
		return err
	}
	o.Files = packs
	return report(s, rules.Test(ctx, c.Paths, o), c.JSON)
}

// report prints a report and fails where it is not good.
func report(s *streams, r rules.Report, asJSON bool) error {
	if asJSON {
		if err := printJSON(s.out, r); err != nil {
			return err
		}
	} else if err := r.Write(s.out); err != nil {
		return err
	}
	if !r.OK() {
		return errors.New("not everything is right")
	}
	return nil
}

type rulesRenderCmd struct {
	Config      string            `help:"Configuration file; without one the shipped packs and objectives." env:"PITOT_CONFIG" type:"existingfile" placeholder:"FILE"`
	Format      string            `help:"prometheus, prometheusrule or grafana." enum:"prometheus,prometheusrule,grafana" default:"prometheus"`
	Namespace   string            `help:"Namespace of the resources."`
	Label       map[string]string `help:"Labels of the resources, NAME=VALUE."`
	ExternalURL string            `name:"external-url" help:"Where links of alerts point to." default:"http://127.0.0.1:4400"`
	Datasource  string            `help:"uid of Grafana's data source for Pitot's metrics." default:"pitot"`
	Folder      string            `help:"Grafana's folder of the alerts." default:"Pitot"`
}

// Run writes the rules.
func (c *rulesRenderCmd) Run(s *streams) error {
	cfg := config.Default()
	if c.Config != "" {
		var err error
		if cfg, err = server.LoadConfig(c.Config); err != nil {
			return err
		}
	}
	files, err := server.RuleFiles(cfg)
	if err != nil {
		return err
	}
	return rules.Render(s.out, files, rules.RenderOptions{
		Format: c.Format, Namespace: c.Namespace, Labels: c.Label, ExternalURL: c.ExternalURL, Datasource: c.Datasource, Folder: c.Folder,
	})
}

type rulesStatusCmd struct {
	remote
	JSON bool `name:"json" help:"Print JSON."`
}

// Run prints the status.
func (c *rulesStatusCmd) Run(ctx context.Context, s *streams) error {
	var st rules.Status
	if err := c.getJSON(ctx, "/api/pitot/v1/rules", nil, &st); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(s.out, st)
	}
	p := newPaint(s.out)
	widths := []int{40, 12, -8, -8, -8}
	row(s.out, widths, "FILE", "SOURCE", "GROUPS", "ALERTS", "RECORDS")
	for _, f := range st.Files {
		row(s.out, widths, clean(f.Name, 40), f.Source, strconv.Itoa(f.Groups), strconv.Itoa(f.Alerts), strconv.Itoa(f.Records))
	}
	for _, problem := range st.Problems {
		fmt.Fprintln(s.out, p.red("problem: ")+clean(problem.String(), 400))
	}
	return nil
}
