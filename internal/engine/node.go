package engine

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/VictoriaMetrics/VictoriaLogs/app/vlinsert"
	"github.com/VictoriaMetrics/VictoriaLogs/app/vlinsert/insertutil"
	"github.com/VictoriaMetrics/VictoriaLogs/app/vlselect"
	"github.com/VictoriaMetrics/VictoriaLogs/app/vlstorage"
	"github.com/VictoriaMetrics/VictoriaMetrics/lib/logger"
)

// NodeOptions say how to run a node of a cluster. Listen is required, and either
// Dir or StorageNodes.
type NodeOptions struct {
	Listen string
	// Dir holds the data of a storage node.
	Dir string
	// StorageNodes make the node the insert and select side over them: host:port.
	StorageNodes []string
	// Nodes says how they are reached.
	Nodes NodeAuth

	Retention                    time.Duration
	MaxDisk, MinFreeDisk, Memory int64

	// Username and Password, or Token, are what clients have to know.
	Username, Password, Token string
	// CertFile and KeyFile make the node speak TLS.
	CertFile, KeyFile string
	// AllowPublic lets it bind beyond loopback without a password.
	AllowPublic bool
	// DrainTimeout bounds how long requests under way may take at the end.
	DrainTimeout time.Duration
	Logger       *slog.Logger
}

// NodeAuth is how storage nodes are reached; the files are read again when they
// change.
type NodeAuth struct {
	Username, PasswordFile, TokenFile string
	TLS                               bool
	CAFile                            string
	InsecureSkipVerify                bool
}

func (o *NodeOptions) check() error {
	if (o.Dir == "") == (len(o.StorageNodes) == 0) {
		return errors.New("engine: give --data for a storage node, or --storage-node for the insert and select side over storage nodes")
	}
	for _, n := range o.StorageNodes {
		if _, _, err := net.SplitHostPort(n); err != nil {
			return fmt.Errorf("engine: --storage-node: %q: write host:port", n)
		}
	}
	if (o.CertFile == "") != (o.KeyFile == "") {
		return errors.New("engine: TLS takes both --tls-cert-file and --tls-key-file")
	}
	if o.Username != "" && o.Password == "" || o.Username == "" && o.Password != "" {
		return errors.New("engine: Basic authentication takes both --auth.username and --auth.password-file")
	}
	host, _, err := net.SplitHostPort(o.Listen)
	if err != nil {
		return fmt.Errorf("engine: --listen: %q is not an address such as 127.0.0.1:9428", o.Listen)
	}
	ip, err := netip.ParseAddr(host)
	loopback := host == "localhost" || err == nil && ip.IsLoopback()
	if !loopback && o.Password == "" && o.Token == "" && !o.AllowPublic {
		return fmt.Errorf("engine: --listen: %q is not a loopback address, and there is no password: set --auth.token-file or --auth.username and --auth.password-file, or add --allow-public", o.Listen)
	}
	return nil
}

func (o *NodeOptions) flags() []string {
	if o.Retention == 0 {
		o.Retention = 30 * 24 * time.Hour
	}
	if o.MinFreeDisk == 0 {
		o.MinFreeDisk = 256 << 20
	}
	if o.Memory == 0 {
		o.Memory = max(machineMemory()/2, 256<<20)
	}
	const day = 24 * time.Hour
	c := childConfig{Dir: o.Dir, RetentionDays: max(int((o.Retention+day-1)/day), 1), MaxDisk: o.MaxDisk, MinFreeDisk: o.MinFreeDisk, Memory: o.Memory}
	out := c.flags()
	if len(o.StorageNodes) == 0 {
		return out
	}
	each := func(name, value string) {
		if value != "" {
			out = append(out, "-storageNode."+name+"="+strings.TrimSuffix(strings.Repeat(value+",", len(o.StorageNodes)), ","))
		}
	}
	out = append(out, "-storageNode="+strings.Join(o.StorageNodes, ","))
	each("username", o.Nodes.Username)
	each("passwordFile", o.Nodes.PasswordFile)
	each("bearerTokenFile", o.Nodes.TokenFile)
	if o.Nodes.TLS {
		each("tls", "true")
		each("tlsCAFile", o.Nodes.CAFile)
		if o.Nodes.InsecureSkipVerify {
			each("tlsInsecureSkipVerify", "true")
		}
	}
	return out
}

// Node runs a node of a cluster until ctx ends. It may be called once a process,
// like Main: the engine's packages have global state.
func Node(ctx context.Context, o NodeOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", o.Listen)
	if err != nil {
		return fmt.Errorf("engine: --listen: %w", err)
	}
	if err := flag.CommandLine.Parse(o.flags()); err != nil {
		return fmt.Errorf("engine: flags: %w", err)
	}
	debug.SetMemoryLimit(o.Memory)
	flush, err := captureLog(o.Logger)
	if err != nil {
		return err
	}
	defer flush()
	vlstorage.Init()
	vlselect.Init()
	insertutil.SetLogRowsStorage(&vlstorage.Storage{})
	vlinsert.Init()

	srv := &http.Server{
		Handler: newNodeHandler(&o), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		ErrorLog: slog.NewLogLogger(o.Logger.Handler(), slog.LevelDebug),
	}
	served := make(chan error, 1)
	go func() {
		if o.CertFile != "" {
			served <- srv.ServeTLS(ln, o.CertFile, o.KeyFile)
			return
		}
		served <- srv.Serve(ln)
	}()
	kind := "storage"
	if len(o.StorageNodes) > 0 {
		kind = "insert and select"
	}
	o.Logger.Info("engine node is up", "kind", kind, "listen", ln.Addr().String(), "data", o.Dir, "nodes", strings.Join(o.StorageNodes, ","))
	select {
	case <-ctx.Done():
		err = nil
	case err = <-served:
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), max(o.DrainTimeout, time.Second))
	defer cancel()
	if stop := srv.Shutdown(drain); errors.Is(stop, context.DeadlineExceeded) {
		srv.Close() // a live tail does not end by itself
	}
	vlinsert.Stop()
	vlselect.Stop()
	vlstorage.Stop()
	return err
}

// captureLog sends what the engine logs to l, without the rows that it quotes.
func captureLog(l *slog.Logger) (flush func(), err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("engine: log: %w", err)
	}
	stderr := os.Stderr
	os.Stderr = w // the engine's logger takes it when it is set up
	logger.InitNoLogFlags()
	os.Stderr = stderr
	done := make(chan struct{})
	s := &Supervisor{log: l}
	go func() {
		defer close(done)
		s.readLog(r)
	}()
	return func() {
		w.Close()
		<-done
		r.Close()
	}, nil
}

// nodeHandler lets in who knows the password.
type nodeHandler struct {
	open         bool
	basic, token [sha256.Size]byte
	hasBasic     bool
	hasToken     bool
}

func newNodeHandler(o *NodeOptions) *nodeHandler {
	return &nodeHandler{
		open: o.Password == "" && o.Token == "", hasBasic: o.Password != "", hasToken: o.Token != "",
		basic: sha256.Sum256([]byte(o.Username + "\x00" + o.Password)), token: sha256.Sum256([]byte(o.Token)),
	}
}

func (h *nodeHandler) admits(r *http.Request) bool {
	if h.open {
		return true
	}
	if user, password, ok := r.BasicAuth(); ok && h.hasBasic {
		got := sha256.Sum256([]byte(user + "\x00" + password))
		return subtle.ConstantTimeCompare(got[:], h.basic[:]) == 1
	}
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok && h.hasToken {
		got := sha256.Sum256([]byte(token))
		return subtle.ConstantTimeCompare(got[:], h.token[:]) == 1
	}
	return false
}

// notAfterHeader is when a request is too late, in Unix milliseconds: who sent
// it has given up by then, and asks whether it was carried out.
const notAfterHeader = "X-Pitot-Not-After"

// maxFencedBody bounds an insert that is read whole before it is carried out.
const maxFencedBody = 64 << 20

// tooLate says whether a request must not be carried out any more. It reads the
// body first: a node that was stopped in between must not go on after that.
func tooLate(r *http.Request) bool {
	ms, err := strconv.ParseInt(r.Header.Get(notAfterHeader), 10, 64)
	if err != nil {
		return false
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxFencedBody))
	if err != nil {
		return true
	}
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	return time.Now().UnixMilli() > ms
}

// ServeHTTP implements http.Handler.
func (h *nodeHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer endOnPanic()
	if r.URL.Path == "/health" { // whether it is there is no secret
		_, _ = io.WriteString(w, "OK") // else the client is gone
		return
	}
	if !h.admits(r) {
		w.Header().Set("WWW-Authenticate", `Basic realm="pitot engine"`)
		http.Error(w, "credentials are missing or wrong", http.StatusUnauthorized)
		return
	}
	if r.Method == http.MethodPost && strings.HasPrefix(r.URL.Path, "/insert/") && tooLate(r) {
		http.Error(w, "the insert came too late: its sender has given up", http.StatusServiceUnavailable)
		return
	}
	serveEngine(w, r)
}
