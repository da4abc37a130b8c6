package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/alecthomas/units"
	"github.com/prometheus/common/model"

	"github.com/pitot-dev/pitot/internal/engine"
)

// engineCmd runs a node of an event cluster.
type engineCmd struct {
	Listen      string   `help:"Address to listen on." default:"127.0.0.1:9428" env:"PITOT_ENGINE_LISTEN"`
	Data        string   `help:"Data directory of a storage node." type:"path" env:"PITOT_ENGINE_DATA" placeholder:"DIR"`
	StorageNode []string `name:"storage-node" help:"Storage nodes, host:port: makes this the insert and select side over them." env:"PITOT_ENGINE_STORAGE_NODES" placeholder:"ADDRESS"`

	Retention   string           `help:"How long rows are kept, in whole days. Not shorter than storage.events.retention of those who write here." default:"30d" env:"PITOT_ENGINE_RETENTION"`
	MaxDisk     units.Base2Bytes `name:"max-disk" help:"Most disk to use; the oldest days go first. 0: no limit." default:"0"`
	MinFreeDisk units.Base2Bytes `name:"min-free-disk" help:"Free space below which rows are refused." default:"256MiB"`
	Memory      units.Base2Bytes `help:"Soft limit of memory. 0: half of the machine's." default:"0"`

	AuthUsername     string `name:"auth.username" help:"User name that clients need." placeholder:"NAME"`
	AuthPasswordFile string `name:"auth.password-file" help:"File with the password that clients need." type:"path" placeholder:"FILE"`
	AuthTokenFile    string `name:"auth.token-file" help:"File with the bearer token that clients need." type:"path" placeholder:"FILE"`
	TLSCertFile      string `name:"tls-cert-file" help:"Certificate: the node speaks TLS." type:"path" placeholder:"FILE"`
	TLSKeyFile       string `name:"tls-key-file" help:"Its key." type:"path" placeholder:"FILE"`
	AllowPublic      bool   `name:"allow-public" help:"Let it bind to addresses that others can reach without a password."`

	NodeUsername     string `name:"storage-node.username" help:"User name at the storage nodes." placeholder:"NAME"`
	NodePasswordFile string `name:"storage-node.password-file" help:"File with the password at the storage nodes." type:"path" placeholder:"FILE"`
	NodeTokenFile    string `name:"storage-node.token-file" help:"File with the bearer token at the storage nodes." type:"path" placeholder:"FILE"`
	NodeTLS          bool   `name:"storage-node.tls" help:"Speak TLS with the storage nodes."`
	NodeCAFile       string `name:"storage-node.tls-ca-file" help:"Certificate authorities to trust instead of the system's." type:"path" placeholder:"FILE"`
	NodeInsecure     bool   `name:"storage-node.tls-insecure-skip-verify" help:"Accept any certificate. Only for tests."`

	DrainTimeout time.Duration `name:"drain-timeout" help:"How long requests under way may take at the end." default:"10s"`
	LogLevel     string        `name:"log.level" help:"debug, info, warn or error." enum:"debug,info,warn,error" default:"info"`
	LogFormat    string        `name:"log.format" help:"text or json." enum:"text,json" default:"text"`
}

// Run runs the node until it is told to stop.
func (c *engineCmd) Run(ctx context.Context, s *streams) error {
	password, err := secretFile(c.AuthPasswordFile)
	if err != nil {
		return err
	}
	token, err := secretFile(c.AuthTokenFile)
	if err != nil {
		return err
	}
	retention, err := parseDays(c.Retention)
	if err != nil {
		return usageError{fmt.Errorf("--retention: %w", err)}
	}
	return engine.Node(ctx, engine.NodeOptions{
		Listen: c.Listen, Dir: c.Data, StorageNodes: c.StorageNode, Retention: retention,
		MaxDisk: int64(c.MaxDisk), MinFreeDisk: int64(c.MinFreeDisk), Memory: int64(c.Memory),
		Username: c.AuthUsername, Password: password, Token: token, CertFile: c.TLSCertFile, KeyFile: c.TLSKeyFile, AllowPublic: c.AllowPublic,
		Nodes: engine.NodeAuth{
			Username: c.NodeUsername, PasswordFile: c.NodePasswordFile, TokenFile: c.NodeTokenFile,
			TLS: c.NodeTLS, CAFile: c.NodeCAFile, InsecureSkipVerify: c.NodeInsecure,
		},
		DrainTimeout: c.DrainTimeout, Logger: c.logger(s.err),
	})
}

func (c *engineCmd) logger(w io.Writer) *slog.Logger {
	return (&serverFlags{LogLevel: c.LogLevel, LogFormat: c.LogFormat}).logger(w).With("component", "engine")
}

func secretFile(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("secret file: %w", err)
	}
	if s := strings.TrimSpace(string(b)); s != "" {
		return s, nil
	}
	return "", fmt.Errorf("secret file %s is empty", path)
}

// parseDays reads a duration such as 30d.
func parseDays(s string) (time.Duration, error) {
	d, err := model.ParseDuration(s)
	if err != nil {
		return 0, fmt.Errorf("%q is not a duration such as 30d", s)
	}
	return time.Duration(d), nil
}
