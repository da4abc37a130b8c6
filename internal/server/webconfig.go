package server

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/exporter-toolkit/web"
	yaml "go.yaml.in/yaml/v2"
	"golang.org/x/time/rate"
)

// webFiles are the web configuration files of the listeners, in the format of
// Prometheus' exporter toolkit: TLS, client certificates, headers, users. They
// are read again when they, or the certificates that they name, have changed.
type webFiles struct {
	files map[string]*webFile // by listener; those of one path are one
}

// webFile is one file.
type webFile struct {
	path string

	mu     sync.Mutex
	looked time.Time
	stamps []fileStamp
	cfg    *web.Config
	tls    *tls.Config // nil: without TLS
	limit  *rate.Limiter
	err    error // why the file on disk is not in force
}

type fileStamp struct {
	path string
	size int64
	mod  time.Time
}

// webLookEvery is how often at most files are looked at for changes.
const webLookEvery = time.Second

// newWebFiles reads the files. all is that of every listener, by is that of
// single ones, in the form listener=FILE, where no file is none.
func newWebFiles(all string, by []string) (*webFiles, error) {
	w := &webFiles{files: map[string]*webFile{}}
	var l Listen
	paths := map[string]string{}
	for name := range l.all() {
		paths[name] = all
	}
	for _, b := range by {
		name, path, ok := strings.Cut(b, "=")
		if _, known := paths[name]; !ok || !known {
			return nil, fmt.Errorf("web.config.listener: %q: use LISTENER=FILE, where LISTENER is api, gateway, otlp-grpc, otlp-http or jaeger", b)
		}
		paths[name] = path
	}
	open := map[string]*webFile{}
	for name, path := range paths {
		if path == "" {
			continue
		}
		if open[path] == nil {
			f := &webFile{path: path}
			if f.look(); f.err != nil {
				return nil, fmt.Errorf("web.config.file: %w", f.err)
			}
			open[path] = f
		}
		w.files[name] = open[path]
	}
	return w, nil
}

// look reads the file if it has changed. One that cannot be read changes nothing:
// a certificate that is being replaced must not end the service.
func (f *webFile) look() {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	if f.cfg != nil && now.Sub(f.looked) < webLookEvery {
		return
	}
	f.looked = now
	stamps := f.stamp()
	if f.cfg != nil && slices.Equal(stamps, f.stamps) {
		return
	}
	cfg, tlsConfig, err := readWebFile(f.path)
	if f.err = err; err != nil {
		return
	}
	f.cfg, f.tls = cfg, tlsConfig
	f.stamps = f.stamp() // the file may name others now
	f.limit = nil
	if r := cfg.RateLimiterConfig; r.Interval > 0 {
		f.limit = rate.NewLimiter(rate.Every(r.Interval), r.Burst)
	}
}

// stamp tells versions of the files apart.
func (f *webFile) stamp() []fileStamp {
	paths := []string{f.path}
	if f.cfg != nil {
		t := &f.cfg.TLSConfig
		paths = append(paths, t.TLSCertPath, t.TLSKeyPath, t.ClientCAs)
	}
	var out []fileStamp
	for _, p := range paths {
		if info, err := os.Stat(p); p != "" && err == nil {
			out = append(out, fileStamp{p, info.Size(), info.ModTime()})
		}
	}
	return out
}

// readWebFile reads and checks a file.
func readWebFile(path string) (*web.Config, *tls.Config, error) {
	if err := web.Validate(path); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	c := &web.Config{HTTPConfig: web.HTTPConfig{HTTP2: true}}
	c.TLSConfig.MinVersion, c.TLSConfig.MaxVersion = tls.VersionTLS12, tls.VersionTLS13
	if err := yaml.UnmarshalStrict(b, c); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	c.TLSConfig.SetDirectory(filepath.Dir(path))
	if !c.TLSConfig.IsEnabled() {
		return c, nil, nil
	}
	t, err := web.ConfigToTLSConfig(&c.TLSConfig)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	// The certificate as it is now: the file is read again when it changes.
	cert, err := t.GetCertificate(nil)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	t.GetCertificate, t.Certificates = nil, []tls.Certificate{*cert}
	t.NextProtos = []string{"http/1.1"}
	if c.HTTPConfig.HTTP2 {
		t.NextProtos = []string{"h2", "http/1.1"}
	}
	return c, t, nil
}

// current is the file as it is in force.
func (w *webFiles) current(listener string) (*web.Config, *tls.Config) {
	f := w.files[listener]
	if f == nil {
		return nil, nil
	}
	f.look()
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.cfg, f.tls
}

// tls says whether a listener has TLS.
func (w *webFiles) tls(listener string) bool {
	_, t := w.current(listener)
	return t != nil
}

// users are those of the API's listener with the hashes of their passwords.
func (w *webFiles) users() map[string]string {
	c, _ := w.current(listenAPI)
	if c == nil {
		return nil
	}
	out := make(map[string]string, len(c.Users))
	for name, hash := range c.Users {
		out[name] = string(hash)
	}
	return out
}

// tlsConfig is what a server uses, with the file in force for each connection;
// nil: without TLS. Whether there is TLS is decided at the start.
func (w *webFiles) tlsConfig(listener string) *tls.Config {
	_, t := w.current(listener)
	if t == nil {
		return nil
	}
	out := t.Clone()
	out.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		_, now := w.current(listener)
		return now, nil // nil: as it was
	}
	return out
}

// wrap adds the headers and the rate limit of a listener's file.
func (w *webFiles) wrap(listener string, next http.Handler) http.Handler {
	f := w.files[listener]
	if f == nil {
		return next
	}
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		f.look()
		f.mu.Lock()
		headers, limit := f.cfg.HTTPConfig.Header, f.limit
		f.mu.Unlock()
		for k, v := range headers {
			rw.Header().Set(k, v)
		}
		if limit != nil && !limit.Allow() {
			rw.Header().Set("Retry-After", "1")
			http.Error(rw, "too many requests", http.StatusTooManyRequests)
			return
		}
		next.ServeHTTP(rw, r)
	})
}

// broken says which files on disk are not in force, and why.
func (w *webFiles) broken() error {
	for _, f := range w.files {
		f.look()
		f.mu.Lock()
		err := f.err
		f.mu.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}
