// Command pitot is LLM observability in one binary: a transparent gateway, the
// stores behind it, the APIs in front of them and the commands to look.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // time zones of budgets and of explanations, in images that have none

	"github.com/alecthomas/kong"

	"github.com/pitot-dev/pitot/internal/engine"
)

func main() {
	// The engine child is this binary under another name, told what to do on its
	// stdin. With flags it is the user's command.
	if len(os.Args) == 2 && os.Args[1] == "engine" {
		os.Exit(engine.Main(nil))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	err := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "pitot:", err)
		os.Exit(exitCode(err))
	}
}

// cli is the command line.
type cli struct {
	Serve      serveCmd      `cmd:"" help:"Run the server: gateway, stores and APIs."`
	Demo       demoCmd       `cmd:"" help:"Run the server with simulated providers and live traffic. No key and no network needed."`
	Check      checkCmd      `cmd:"" help:"Check a configuration file."`
	Calls      callsCmd      `cmd:"" help:"List calls: a table, JSON lines or CSV; --follow for live ones."`
	Trace      traceCmd      `cmd:"" help:"Show a trace as a waterfall."`
	Query      queryCmd      `cmd:"" help:"Evaluate PromQL."`
	Logs       logsCmd       `cmd:"" help:"Query records with LogsQL."`
	Summary    summaryCmd    `cmd:"" help:"Show the summary of the last hour: requests, latency, tokens, cost, errors."`
	Prices     pricesCmd     `cmd:"" help:"List, explain and import prices."`
	Doctor     doctorCmd     `cmd:"" help:"Find out what is wrong with what is sent, and what to set."`
	Explain    explainCmd    `cmd:"" help:"Say what changed between a window of calls and its baseline, and which calls changed it."`
	SLO        sloCmd        `cmd:"" name:"slo" help:"Show how the service level objectives are doing."`
	Budgets    budgetsCmd    `cmd:"" help:"Show how the budgets stand."`
	Rules      rulesCmd      `cmd:"" help:"Check, test and render rules; show those in force."`
	Alert      alertCmd      `cmd:"" help:"Try the notification channels and see how they are doing."`
	Dashboards dashboardsCmd `cmd:"" help:"Write the dashboards for Grafana."`
	Probes     probesCmd     `cmd:"" help:"Show how the probes fare; --run=NAME runs one now."`
	MCP        mcpCmd        `cmd:"" name:"mcp" help:"Serve read-only tools for coding agents over standard input and output (Model Context Protocol)."`
	Export     exportCmd     `cmd:"" help:"Write calls, traces or datasets to files: JSON lines, CSV, Parquet, OTLP."`
	Keys       keysCmd       `cmd:"" help:"Make, list and revoke API keys."`
	Auth       authCmd       `cmd:"" help:"Hash passwords for auth.users."`
	Bench      benchCmd      `cmd:"" help:"Measure the gateway beside a bare reverse proxy on this machine."`
	Engine     engineCmd     `cmd:"" help:"Run a node of an event cluster: storage, or with --storage-node the insert and select side."`
	Completion completionCmd `cmd:"" help:"Write a completion script for a shell."`
	Man        manCmd        `cmd:"" help:"Write manual pages."`
	Backup     backupCmd     `cmd:"" help:"Back up all data, also while the server runs; list, verify and prune backups."`
	Restore    restoreCmd    `cmd:"" help:"Restore a backup into an empty data directory."`
	Data       dataCmd       `cmd:"" help:"Show, clean and erase what is stored."`
	Plan       planCmd       `cmd:"" help:"Predict disk, memory and processors for a traffic, or from what a server has seen."`
	Health     healthCmd     `cmd:"" help:"Ask a server whether it is ready; for health checks of containers."`
	Version    versionCmd    `cmd:"" help:"Print the version."`

	BenchPart benchPartCmd `cmd:"" hidden:""`
}

// streams are what a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// usageError is a mistake on the command line.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

func exitCode(err error) int {
	if _, ok := errors.AsType[usageError](err); ok {
		return 2
	}
	return 1
}

// run is main with everything it touches passed in.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	exited := -1
	var c cli
	parser, err := kong.New(&c,
		kong.Name("pitot"),
		kong.Description("LLM observability in one binary. Start with: pitot demo"),
		kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { exited = code }),
		kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Vars{"version": resolveVersion()},
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(&streams{stdin, stdout, stderr}),
	)
	if err != nil {
		return err
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	k, err := parser.Parse(args)
	if exited >= 0 { // --help was answered
		return nil
	}
	if err != nil {
		return usageError{fmt.Errorf("%w; see pitot --help", err)}
	}
	return k.Run()
}
