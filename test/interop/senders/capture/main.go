// Command capture runs a telemetry sender against simulated providers and keeps
// what it sends, as test data for the packages that read telemetry:
//
//	go run ./test/interop/senders/capture -sender NAME [-scenario S,...] [-out DIR] -- COMMAND ARG...
//
// The command is run once a scenario, in the current directory, with the variables
// of harness.Endpoints set. DIR/NAME/SCENARIO.json gets a line for each OTLP
// request, DIR/NAME/SCENARIO.want.json what was really done.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/pitot-dev/pitot/test/interop/senders/harness"
)

// The recordings are part of the repository.
const (
	filePerm = 0o644
	dirPerm  = 0o755
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "capture:", err)
		os.Exit(1) //nolint:gocritic // stop has nothing left to do
	}
}

type options struct {
	sender, scenarios, out, root string
	timeout                      time.Duration
	verbose                      bool
	command                      []string
}

func run(ctx context.Context, args []string, log io.Writer) error {
	var o options
	flags := flag.NewFlagSet("capture", flag.ContinueOnError)
	flags.StringVar(&o.sender, "sender", "", "name of the sender: the directory below -out; default from "+harness.ManifestName)
	flags.StringVar(&o.scenarios, "scenario", "", "scenarios, separated by commas; default all of the sender")
	flags.StringVar(&o.out, "out", "", "directory of the recordings; default internal/semconv/testdata/senders")
	flags.DurationVar(&o.timeout, "timeout", time.Minute, "limit of one run")
	flags.BoolVar(&o.verbose, "v", false, "show what is received")
	if err := flags.Parse(args); err != nil {
		return err
	}
	o.command = flags.Args()
	var err error
	if o.root, err = harness.Root(); err != nil {
		return err
	}
	if o.out == "" {
		o.out = filepath.Join(o.root, "internal", "semconv", "testdata", "senders")
	}
	m, err := harness.ReadManifest(filepath.Join(o.root, "test", "interop", "senders"))
	if err != nil {
		return err
	}
	senders := m
	if o.sender != "" {
		s, ok := m.Find(o.sender)
		if !ok {
			s = harness.Sender{Name: o.sender, Dir: "."}
		}
		senders = harness.Manifest{s}
	}
	p, err := harness.StartProviders(ctx)
	if err != nil {
		return err
	}
	defer p.Close()
	var failed []error
	for _, s := range senders {
		if len(o.command) > 0 {
			s.Dir, s.Command = ".", o.command
		} else {
			s.Dir = filepath.Join(o.root, "test", "interop", "senders", s.Dir)
		}
		if len(s.Command) == 0 {
			return fmt.Errorf("no command for %s: give one behind --", s.Name)
		}
		for _, name := range s.Runs(o.scenarios) {
			if err := o.capture(ctx, p, s, name, log); err != nil {
				failed = append(failed, fmt.Errorf("%s %s: %w", s.Name, name, err))
			}
		}
	}
	return errors.Join(failed...)
}

// capture runs one scenario and writes its two files.
func (o *options) capture(ctx context.Context, p *harness.Providers, s harness.Sender, name string, log io.Writer) error {
	scenario, err := harness.ScenarioOf(name)
	if err != nil {
		return err
	}
	r, err := harness.StartReceiver(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	id := s.Name + "." + name
	p.Begin(id, scenario)
	e := harness.Endpoints{}
	e.OpenAI, e.Anthropic = p.BaseURLs(id, "")
	e.OTLPHTTP, e.OTLPGRPC = r.Addresses()

	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	service := "interop-" + s.Name
	output, err := harness.RunSender(ctx, s, e.Env(service, name))
	if err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			return fmt.Errorf("%w\n%s", exit, output)
		}
		return fmt.Errorf("%w\n%s", err, output)
	}
	got, other := r.Got()
	if o.verbose {
		fmt.Fprintf(log, "%s%s\n", output, strings.Join(other, "\n"))
	}
	want := harness.WantOf(scenario, p.Truth(id))
	want.Sender, want.Service, want.Cannot = s.Name, service, s.CannotIn(name)
	if len(want.Calls) == 0 {
		return fmt.Errorf("no call reached the simulated providers\n%s", output)
	}
	if len(got) == 0 && want.Cannot[harness.FieldCall] != "" {
		fmt.Fprintf(log, "%s %s: nothing was sent, as expected\n", s.Name, name)
		return nil
	}
	if len(got) == 0 {
		return fmt.Errorf("nothing was sent, but to %v\n%s", other, output)
	}
	lines, err := encode(harness.NewScrubber(o.root), got)
	if err != nil {
		return err
	}
	dir := filepath.Join(o.out, s.Name)
	if err := os.MkdirAll(dir, dirPerm); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, name+".json"), lines, filePerm); err != nil {
		return err
	}
	text, err := json.MarshalIndent(want, "", "  ")
	if err != nil {
		return err
	}
	fmt.Fprintf(log, "%s %s: %d calls, %d requests, %d bytes\n", s.Name, name, len(want.Calls), len(got), len(lines))
	return os.WriteFile(filepath.Join(dir, name+".want.json"), append(text, '\n'), filePerm)
}

func encode(scrub *harness.Scrubber, got []harness.Received) ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	for _, g := range got {
		body, err := scrub.Scrub(g.Body)
		if err != nil {
			return nil, err
		}
		g.Body = body
		if err := enc.Encode(g); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), nil
}
