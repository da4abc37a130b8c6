package main

import (
	"fmt"

	"github.com/pitot-dev/pitot/internal/dashboard"
)

type dashboardsCmd struct {
	Export dashboardsExportCmd `cmd:"" help:"Write Grafana's files: dashboards, data sources, provisioning."`
}

type dashboardsExportCmd struct {
	Dir  string `help:"Directory to write to." default:"grafana" type:"path" placeholder:"DIR"`
	Lang string `help:"Language of titles and descriptions: en or zh." enum:"en,zh" default:"en"`
	URL  string `name:"url" help:"Where Grafana and its readers reach Pitot." default:"http://127.0.0.1:4400"`
}

// Run writes the files.
func (c *dashboardsExportCmd) Run(s *streams) error {
	files, err := dashboard.Export(c.Dir, dashboard.Options{Lang: c.Lang, URL: c.URL})
	if err != nil {
		return err
	}
	for _, f := range files {
		fmt.Fprintln(s.out, f)
	}
	return nil
}
