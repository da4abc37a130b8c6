// Command live runs real telemetry senders against Pitot and simulated providers,
// and compares what Pitot says of their calls with what was really done:
//
//	go run ./test/interop/senders/live [-sender NAME,...] [-scenario S,...] [-via direct,gateway]
//
// Each sender does each of its scenarios with its client at the provider itself,
// and some again with its client at Pitot's gateway, where the gateway and the
// sender see the same call, which must be counted once.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/pitot-dev/pitot/test/interop/senders/harness"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ok, err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "live:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

type options struct {
	senders, scenarios, via, binary string
	timeout                         time.Duration
	jobs                            int
	install, verbose                bool
}

// attempt is one sender in one scenario, one way.
type attempt struct {
	sender   harness.Sender
	scenario harness.Scenario
	gateway  bool
	id       string // service, run, upstream

	want     harness.Want
	output   []byte
	ran      time.Duration
	recorded int // calls that Pitot shows
	err      error
	findings []finding
}

func (a *attempt) String() string {
	if a.gateway {
		return a.sender.Name + " " + a.scenario.Name + " through the gateway"
	}
	return a.sender.Name + " " + a.scenario.Name
}

func run(ctx context.Context, args []string, out io.Writer) (ok bool, err error) {
	var o options
	flags := flag.NewFlagSet("live", flag.ContinueOnError)
	flags.StringVar(&o.senders, "sender", "", "senders, separated by commas; default all")
	flags.StringVar(&o.scenarios, "scenario", "", "scenarios, separated by commas; default all of each sender")
	flags.StringVar(&o.via, "via", "direct,gateway", "where the senders' clients send: direct, gateway or both")
	flags.StringVar(&o.binary, "pitot", "bin/pitot", "the binary to test")
	flags.DurationVar(&o.timeout, "timeout", 10*time.Minute, "limit of everything")
	flags.IntVar(&o.jobs, "jobs", 3, "senders at once")
	flags.BoolVar(&o.install, "install", true, "install the senders' libraries first")
	flags.BoolVar(&o.verbose, "v", false, "show every finding")
	if err := flags.Parse(args); err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	root, err := harness.Root()
	if err != nil {
		return false, err
	}
	senders, err := o.manifest(filepath.Join(root, "test", "interop", "senders"))
	if err != nil {
		return false, err
	}
	if o.install {
		senders = install(ctx, senders, out)
	}
	if len(senders) == 0 {
		fmt.Fprintln(out, "no sender is installed: nothing was tried")
		return true, nil
	}
	providers, err := harness.StartProviders(ctx)
	if err != nil {
		return false, err
	}
	defer providers.Close()
	attempts, err := o.plan(senders)
	if err != nil {
		return false, err
	}
	dir, err := os.MkdirTemp("", "pitot-senders-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)
	p, err := startPitot(ctx, o.binary, dir, configOf(attempts, providers.URL()))
	if err != nil {
		return false, err
	}
	defer p.stop()
	start := time.Now()
	o.runAll(ctx, p, providers, attempts)
	fmt.Fprintf(out, "%d runs of %d senders in %s\n", len(attempts), len(senders), time.Since(start).Round(time.Second))
	settled := p.eventually(ctx, func() error { return p.settled(ctx) })
	checkAll(ctx, p, attempts)
	ok = report(out, attempts, o.verbose)
	if err := errors.Join(settled, p.dropped(ctx), checkTotal(ctx, p, attempts)); err != nil {
		fmt.Fprintln(out, "FAIL", err)
		ok = false
	}
	if !ok && o.verbose {
		fmt.Fprintln(out, p.output())
	}
	return ok, ctx.Err()
}

// manifest reads the senders that were asked for.
func (o *options) manifest(dir string) (harness.Manifest, error) {
	all, err := harness.ReadManifest(dir)
	if err != nil {
		return nil, err
	}
	var out harness.Manifest
	for _, s := range all {
		s.Dir = filepath.Join(dir, s.Dir)
		if o.senders == "" || slices.Contains(strings.Split(o.senders, ","), s.Name) {
			out = append(out, s)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no sender %s", o.senders)
	}
	return out, nil
}

// install runs the install command of each directory once, and leaves out the
// senders whose libraries do not install: there may be no network, or no Node.
func install(ctx context.Context, all harness.Manifest, out io.Writer) harness.Manifest {
	done := map[string]error{}
	var ready harness.Manifest
	for _, s := range all {
		key := s.Dir + strings.Join(s.Install, " ")
		err, tried := done[key]
		if !tried && len(s.Install) > 0 {
			if err = command(ctx, s.Dir, s.Install); err != nil {
				fmt.Fprintf(out, "skipped: the senders in %s do not install: %v\n", filepath.Base(s.Dir), err)
			}
			done[key] = err
		}
		if err == nil {
			if err = runnable(s); err != nil && done[key] == nil {
				fmt.Fprintf(out, "skipped: %s: %v\n", s.Name, err)
			}
		}
		if err == nil {
			ready = append(ready, s)
		}
	}
	return ready
}

// runnable says whether the sender's program is there.
func runnable(s harness.Sender) error {
	program := s.Command[0]
	if strings.ContainsRune(program, filepath.Separator) && !filepath.IsAbs(program) {
		program = filepath.Join(s.Dir, program)
	}
	_, err := exec.LookPath(program)
	return err
}

func command(ctx context.Context, dir string, args []string) error {
	if len(args) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 4*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...) //nolint:gosec // the manifests are the project's own
	cmd.Dir = dir
	text, err := cmd.CombinedOutput()
	if err != nil && len(text) > 0 {
		lines := strings.Split(strings.TrimSpace(string(text)), "\n")
		err = fmt.Errorf("%w: %s", err, lines[len(lines)-1])
	}
	return err
}

// plan lists what to run.
func (o *options) plan(senders harness.Manifest) ([]*attempt, error) {
	var out []*attempt
	for _, s := range senders {
		for _, name := range s.Runs(o.scenarios) {
			if len(s.Scenarios) > 0 && !slices.Contains(s.Scenarios, name) {
				continue
			}
			scenario, err := harness.ScenarioOf(name)
			if err != nil {
				return nil, err
			}
			for via := range strings.SplitSeq(o.via, ",") {
				if via == "gateway" && !scenario.Gateway && o.scenarios == "" {
					continue
				}
				out = append(out, &attempt{sender: s, scenario: scenario, gateway: via == "gateway", id: s.Name + "-" + name + "-" + via})
			}
		}
	}
	if len(out) == 0 {
		return nil, errors.New("nothing to run")
	}
	return out, nil
}

// configOf gives each run through the gateway upstreams of its own, so that its
// calls can be told from others'.
func configOf(attempts []*attempt, providers string) string {
	var b strings.Builder
	b.WriteString("gateway:\n  upstreams:\n    - {name: unused, base_url: 'http://127.0.0.1:9'}\n")
	for _, a := range attempts {
		if a.gateway {
			fmt.Fprintf(&b, "    - {name: openai-%s, provider: openai, service: %s, proxy: none, base_url: '%s/run/%s'}\n", a.id, a.id, providers, a.id)
			fmt.Fprintf(&b, "    - {name: anthropic-%s, dialect: anthropic, provider: anthropic, service: %s, proxy: none, base_url: '%s/run/%s'}\n", a.id, a.id, providers, a.id)
		}
	}
	return b.String()
}

func (o *options) runAll(ctx context.Context, p *pitot, providers *harness.Providers, attempts []*attempt) {
	next := make(chan *attempt)
	var wg sync.WaitGroup
	for range max(o.jobs, 1) {
		wg.Go(func() {
			for a := range next {
				a.run(ctx, p, providers)
			}
		})
	}
	for _, a := range attempts {
		next <- a
	}
	close(next)
	wg.Wait()
}

// run runs the sender and notes what was really done.
func (a *attempt) run(ctx context.Context, p *pitot, providers *harness.Providers) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	providers.Begin(a.id, a.scenario)
	e := harness.Endpoints{OTLPHTTP: p.otlp, OTLPGRPC: p.grpc}
	e.OpenAI, e.Anthropic = providers.BaseURLs(a.id, "")
	if a.gateway {
		e.OpenAI, e.Anthropic = p.gateway+"/openai-"+a.id+"/v1", p.gateway+"/anthropic-"+a.id
	}
	start := time.Now()
	a.output, a.err = harness.RunSender(ctx, a.sender, e.Env(a.id, a.scenario.Name))
	a.ran = time.Since(start)
	a.want = harness.WantOf(a.scenario, providers.Truth(a.id))
	a.want.Sender, a.want.Service, a.want.Cannot = a.sender.Name, a.id, a.sender.CannotIn(a.scenario.Name)
	if a.err == nil && len(a.want.Calls) == 0 {
		a.err = errors.New("no call reached the simulated providers")
	}
}
