package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/pitot-dev/pitot/internal/server"
)

// serverFlags are the flags of every command that runs a server. Flags need a
// restart; what can change while it runs stands in the configuration file.
type serverFlags struct {
	Config       string        `help:"Configuration file; without one the defaults are useful as they are." type:"path" env:"PITOT_CONFIG" placeholder:"FILE"`
	ListenAPI    string        `name:"listen.api" help:"Address of the UI and the APIs." default:"127.0.0.1:4400"`
	ListenGW     string        `name:"listen.gateway" help:"Address of the gateway." default:"127.0.0.1:4401"`
	ListenGRPC   string        `name:"listen.otlp-grpc" help:"Address that takes OTLP over gRPC; empty: none." default:"127.0.0.1:4317"`
	ListenOTLP   string        `name:"listen.otlp-http" help:"Address that takes OTLP over HTTP, Zipkin and the paths of Langfuse and LangSmith senders; empty: none." default:"127.0.0.1:4318"`
	ListenJaeger string        `name:"listen.jaeger" help:"Address that takes Jaeger's Thrift over HTTP, such as 127.0.0.1:14268; by default none, and it is taken on the OTLP HTTP address." placeholder:"ADDRESS"`
	AllowPublic  bool          `name:"allow-public" help:"Let listeners bind to addresses that others can reach though nobody must log in."`
	WebConfig    string        `name:"web.config.file" help:"Web configuration file of all listeners, in Prometheus' format: TLS, client certificates, users." type:"path" placeholder:"FILE"`
	WebListener  []string      `name:"web.config.listener" help:"Web configuration file of one listener, such as otlp-grpc=mtls.yml; without a file that listener has none." placeholder:"LISTENER=FILE"`
	MaxConns     int           `name:"web.max-connections" help:"Most connections that each listener has at once; further ones wait." default:"20000"`
	AllowHost    []string      `name:"allow-host" help:"Host name besides localhost that listeners on loopback answer to, for a reverse proxy that passes its own on." placeholder:"NAME"`
	DrainTimeout time.Duration `name:"drain-timeout" help:"How long calls under way at the gateway may take when the server is told to stop. A second signal stops it at once." default:"10m"`
	Debug        bool          `help:"Serve profiles and traces of the program at /debug/ to others than programs of this machine, too."`
	Flight       bool          `name:"debug.flight" help:"Record a trace of the last seconds at all times, for /debug/flight."`
	LogLevel     string        `name:"log.level" help:"debug, info, warn or error." enum:"debug,info,warn,error" default:"info"`
	LogFormat    string        `name:"log.format" help:"text or json." enum:"text,json" default:"text"`
}

func (f *serverFlags) logger(w io.Writer) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(f.LogLevel)) // kong has checked it
	o := &slog.HandlerOptions{Level: level}
	if f.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

func (f *serverFlags) options(data string, log *slog.Logger) server.Options {
	return server.Options{
		ConfigPath: f.Config, DataDir: data,
		Listen:      server.Listen{API: f.ListenAPI, Gateway: f.ListenGW, OTLPGRPC: f.ListenGRPC, OTLPHTTP: f.ListenOTLP, Jaeger: f.ListenJaeger},
		AllowPublic: f.AllowPublic, AllowHosts: f.AllowHost, WebConfig: f.WebConfig, WebConfigs: f.WebListener, MaxConnections: f.MaxConns, Version: resolveVersion(), Logger: log,
		DrainTimeout: f.DrainTimeout, Debug: f.Debug, Flight: f.Flight,
	}
}

type serveCmd struct {
	serverFlags
	Role       string        `help:"all, capture (gateway, telemetry, logs, scraping; no queries) or query (API, UI, rules, alerts; takes nothing in). The last two need outside stores." enum:"all,capture,query" default:"all" env:"PITOT_ROLE"`
	Replica    string        `help:"Name that tells this process from others over the same stores. Default: the host's name." env:"PITOT_REPLICA" placeholder:"NAME"`
	Shard      string        `help:"This replica's part of the scrape targets, such as 0/3; part 0 also asks the probes." env:"PITOT_SHARD" placeholder:"N/OF"`
	DrainDelay time.Duration `name:"drain-delay" help:"How long to go on as before after saying not ready, so that load balancers learn of it." default:"0s"`
	Data       string        `help:"Data directory." type:"path" default:"pitot-data" env:"PITOT_DATA"`
}

// Run runs the server until it is told to stop.
func (c *serveCmd) Run(ctx context.Context, s *streams) error {
	log := c.logger(s.err)
	o := c.options(c.Data, log)
	o.Role, o.Replica, o.Shard, o.DrainDelay = server.Role(c.Role), c.Replica, c.Shard, c.DrainDelay
	srv, err := server.New(ctx, o)
	if err != nil {
		return err
	}
	stop := reloadOnHangup(srv)
	defer stop()
	return srv.Run(ctx)
}

// reloadOnHangup reloads on SIGHUP until stop is called.
func reloadOnHangup(srv *server.Server) (stop func()) {
	hup := make(chan os.Signal, 1)
	done := make(chan struct{})
	signal.Notify(hup, syscall.SIGHUP)
	go func() {
		for {
			select {
			case <-hup:
				_ = srv.Reload() // logs its own failure
			case <-done:
				return
			}
		}
	}()
	return func() {
		signal.Stop(hup)
		close(done)
	}
}

type checkCmd struct {
	File    string `arg:"" help:"Configuration file." type:"path"`
	Verbose bool   `short:"v" help:"Print the effective configuration, secrets hidden."`
}

// Run checks a configuration file.
func (c *checkCmd) Run(s *streams) error {
	cfg, err := server.LoadConfig(c.File)
	if err != nil {
		return err
	}
	if c.Verbose {
		if _, err := s.out.Write(cfg.Effective()); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(s.out, "%s is valid: %d upstreams, digest %s\n", c.File, len(cfg.Gateway.All()), cfg.Digest())
	return err
}
