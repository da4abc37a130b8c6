package forward

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/units"
	"github.com/prometheus/common/model"
	"golang.org/x/net/http/httpguts"
)

// Config is the `forward:` section: the destinations.
type Config []Destination

// The types of a Destination.
const (
	TypeElasticsearch = "elasticsearch"
	TypeOTLP          = "otlp"
)

// The protocols of an OTLP destination.
const (
	ProtocolHTTP = "http"
	ProtocolGRPC = "grpc"
)

// Kind says what a record is, in the words of `what`.
type Kind string

// The kinds of records.
const (
	KindLogs  Kind = "logs"
	KindCalls Kind = "calls"
	KindSpans Kind = "spans"
)

// Destination is a store of somebody else's that records are sent on to.
type Destination struct {
	Name     string `yaml:"name" doc:"Name of the destination: in metrics, on the status page and of its place in the journal. Under a new name it starts anew."`
	Type     string `yaml:"type" doc:"elasticsearch (also OpenSearch and what else has its _bulk API) or otlp."`
	URL      string `yaml:"url" doc:"Base URL, such as https://es.example.com:9200 or http://collector:4318. /_bulk, /v1/traces and /v1/logs are appended. For protocol grpc: http://host:4317 without TLS, https://host:4317 with it."`
	Protocol string `yaml:"protocol,omitempty" doc:"For otlp: http (protobuf) or grpc. Default http."`
	Index    string `yaml:"index,omitempty" doc:"For elasticsearch: the index, with {kind} for logs, calls or spans and %Y, %m, %d, %H of the record's time (UTC). Default pitot-{kind}-%Y.%m.%d. The name of a data stream will do as well."`

	What     []Kind   `yaml:"what,omitempty" doc:"What is sent: logs, calls, spans. Default all three."`
	Services []string `yaml:"services,omitempty" doc:"Send records of these services only. Default all."`

	Headers         map[string]string `yaml:"headers,omitempty" doc:"Headers set on every request."`
	Username        string            `yaml:"username,omitempty" doc:"User name for Basic authentication."`
	Password        string            `yaml:"password,omitempty" secret:"true" doc:"Password for Basic authentication."`
	PasswordFile    string            `yaml:"password_file,omitempty" doc:"File to read the password from."`
	BearerToken     string            `yaml:"bearer_token,omitempty" secret:"true" doc:"Token sent as Authorization: Bearer."`
	BearerTokenFile string            `yaml:"bearer_token_file,omitempty" doc:"File to read the bearer token from."`
	APIKey          string            `yaml:"api_key,omitempty" secret:"true" doc:"For elasticsearch: key sent as Authorization: ApiKey, in its encoded form."`
	APIKeyFile      string            `yaml:"api_key_file,omitempty" doc:"File to read the API key from."`
	TLS             TLS               `yaml:"tls,omitempty" doc:"TLS towards the destination."`
	Proxy           string            `yaml:"proxy,omitempty" doc:"URL of an HTTP or SOCKS5 proxy, or none; by default the environment's HTTP_PROXY, HTTPS_PROXY and NO_PROXY. For protocol grpc only none or the environment's."`

	Compression string           `yaml:"compression,omitempty" doc:"gzip or none. Default gzip."`
	Batch       Batch            `yaml:"batch,omitempty" doc:"How records are gathered into requests."`
	Timeout     model.Duration   `yaml:"timeout,omitempty" doc:"For one request. Default 30s."`
	MaxBacklog  units.Base2Bytes `yaml:"max_backlog,omitempty" doc:"Most of the journal that waits for this destination; past it the oldest records are skipped and counted as dropped. Default a quarter of storage.journal.max_disk, at most half of it."`
}

// Batch bounds one request.
type Batch struct {
	MaxRecords int              `yaml:"max_records,omitempty" doc:"Most records of one request. Default 1000 for elasticsearch, 512 for otlp."`
	MaxBytes   units.Base2Bytes `yaml:"max_bytes,omitempty" doc:"Most that the records of one request take in the journal, which is about their size before compression; a single larger record goes alone. Default 5MiB for elasticsearch, 2MiB for otlp."`
	Wait       model.Duration   `yaml:"wait,omitempty" doc:"How long the first record of a request waits for others. Default 1s."`
}

// TLS is the client side of TLS towards a destination.
type TLS struct {
	CAFile             string `yaml:"ca_file,omitempty" doc:"PEM file of certificate authorities to trust instead of the system's."`
	CertFile           string `yaml:"cert_file,omitempty" doc:"PEM file of the client certificate."`
	KeyFile            string `yaml:"key_file,omitempty" doc:"PEM file of the client certificate's key."`
	ServerName         string `yaml:"server_name,omitempty" doc:"Name to verify instead of the URL's host."`
	InsecureSkipVerify bool   `yaml:"insecure_skip_verify,omitempty" doc:"Accept any certificate. Only for tests."`
}

const (
	defaultIndex   = "pitot-{kind}-%Y.%m.%d"
	defaultTimeout = 30 * time.Second
	defaultWait    = time.Second
	// backlogShare is the part of the journal that a destination may hold by
	// default, and maxBacklogShare the most that it can be allowed.
	backlogShare, maxBacklogShare = 4, 2
	maxBatchRecords               = 10_000
	maxBatchBytes                 = 64 << 20
)

var destinationName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,55}$`)

// Validate reports everything that is wrong with the section.
func (c Config) Validate() error {
	var errs []error
	seen := map[string]int{}
	for i, d := range c {
		at := fmt.Sprintf("forward[%d]", i)
		if j, dup := seen[d.Name]; dup && d.Name != "" {
			errs = append(errs, fmt.Errorf("%s.name: %q is the name of forward[%d] already: give each destination its own", at, d.Name, j))
		} else {
			seen[d.Name] = i
		}
		for _, err := range d.problems() {
			errs = append(errs, fmt.Errorf("%s.%w", at, err))
		}
	}
	return errors.Join(errs...)
}

// problems returns what is wrong with the destination; each begins with the
// name of the field.
func (d *Destination) problems() (errs []error) {
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if !destinationName.MatchString(d.Name) {
		bad("name: %q: use lower-case letters, digits, '_' and '-', such as central-logs", d.Name)
	}
	switch d.Type {
	case TypeElasticsearch, TypeOTLP:
	case "":
		bad("type: missing: use %s or %s", TypeElasticsearch, TypeOTLP)
	case "opensearch":
		bad("type: %q: write %s, OpenSearch has the same API", d.Type, TypeElasticsearch)
	default:
		bad("type: %q is unknown: use %s or %s", d.Type, TypeElasticsearch, TypeOTLP)
	}
	if err := d.checkURL(); err != nil {
		bad("url: %w", err)
	}
	errs = append(errs, d.checkType()...)
	for i, k := range d.What {
		if !slices.Contains(allKinds(), k) {
			bad("what[%d]: %q is unknown: use logs, calls and spans", i, k)
		}
	}
	for name, v := range d.Headers {
		switch {
		case !httpguts.ValidHeaderFieldName(name):
			bad("headers: %q is no header name", name)
		case !httpguts.ValidHeaderFieldValue(v):
			bad("headers: the value of %s has characters that a header cannot have", name)
		case slices.Contains(ownHeaders, strings.ToLower(name)):
			bad("headers: %s is set by Pitot: leave it out", name)
		}
	}
	errs = append(errs, d.checkAuth()...)
	if (d.TLS.CertFile == "") != (d.TLS.KeyFile == "") {
		bad("tls: cert_file and key_file go together")
	}
	if err := d.checkProxy(); err != nil {
		bad("proxy: %w", err)
	}
	return append(errs, d.checkLimits()...)
}

// ownHeaders are those that a user cannot set.
var ownHeaders = []string{"content-type", "content-encoding", "content-length", "transfer-encoding", "connection", "host", "te", "user-agent"}

func allKinds() []Kind { return []Kind{KindLogs, KindCalls, KindSpans} }

func (d *Destination) checkURL() error {
	if d.URL == "" {
		return errors.New("missing: where should the records go, such as http://collector:4318")
	}
	u, err := url.Parse(d.URL)
	switch {
	case err != nil || u.Host == "" && !strings.Contains(d.URL, "://"):
		return fmt.Errorf("%q: write it as http://HOST:PORT or https://HOST:PORT", redacted(d.URL))
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("%q: the scheme is %q: use http or https", redacted(d.URL), u.Scheme)
	case u.Hostname() == "":
		return fmt.Errorf("%q has no host", redacted(d.URL))
	case u.User != nil:
		return errors.New("has a user name in it: use username and password_file, which are not shown")
	case u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("%q: give the base URL, without a query", redacted(d.URL))
	}
	if d.Protocol == ProtocolGRPC {
		if u.Path != "" && u.Path != "/" {
			return fmt.Errorf("%q: gRPC has no path: give http://HOST:PORT or https://HOST:PORT", redacted(d.URL))
		}
		if u.Port() == "" {
			return fmt.Errorf("%q has no port: for OTLP over gRPC that is mostly 4317", redacted(d.URL))
		}
	}
	for _, end := range []string{"/_bulk", "/v1/traces", "/v1/logs"} {
		if strings.HasSuffix(strings.TrimSuffix(u.Path, "/"), end) {
			return fmt.Errorf("%q: leave %s out, Pitot appends it", redacted(d.URL), end)
		}
	}
	return nil
}

// redacted is a URL without what may be secret in it.
func redacted(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "the URL"
	}
	if u.User != nil {
		u.User = url.User("...")
	}
	u.RawQuery, u.Fragment = "", ""
	return u.String()
}

// checkType checks what only one of the types has.
func (d *Destination) checkType() (errs []error) {
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if d.Type == TypeOTLP {
		if d.Protocol != "" && d.Protocol != ProtocolHTTP && d.Protocol != ProtocolGRPC {
			bad("protocol: %q is unknown: use %s or %s", d.Protocol, ProtocolHTTP, ProtocolGRPC)
		}
		if d.Index != "" {
			bad("index: OTLP has no indices: leave it out, or use type: %s", TypeElasticsearch)
		}
		if d.APIKey != "" || d.APIKeyFile != "" {
			bad("api_key: is for type elasticsearch: use headers or bearer_token")
		}
		return errs
	}
	if d.Protocol != "" {
		bad("protocol: is for type otlp: leave it out")
	}
	if d.Index != "" {
		if _, err := parseIndex(d.Index); err != nil {
			bad("index: %w", err)
		}
	}
	return errs
}

func (d *Destination) checkAuth() (errs []error) {
	ways := 0
	for _, set := range []bool{
		d.Username != "", d.BearerToken != "" || d.BearerTokenFile != "", d.APIKey != "" || d.APIKeyFile != "", hasAuthorization(d.Headers),
	} {
		if set {
			ways++
		}
	}
	if ways > 1 {
		errs = append(errs, errors.New("username: more than one way to authenticate: keep one of username, bearer_token, api_key and an Authorization header"))
	}
	if d.Username == "" && (d.Password != "" || d.PasswordFile != "") {
		errs = append(errs, errors.New("password: needs a username"))
	}
	for name, v := range map[string]string{"username": d.Username, "password": d.Password, "bearer_token": d.BearerToken, "api_key": d.APIKey} {
		if !httpguts.ValidHeaderFieldValue(v) {
			errs = append(errs, fmt.Errorf("%s: has characters that a header cannot have: is there a line break in it?", name))
		}
	}
	return errs
}

func hasAuthorization(headers map[string]string) bool {
	for name := range headers {
		if strings.EqualFold(name, "authorization") {
			return true
		}
	}
	return false
}

func (d *Destination) checkProxy() error {
	if d.Proxy == "" || d.Proxy == proxyNone {
		return nil
	}
	if d.Protocol == ProtocolGRPC {
		return errors.New("gRPC takes the environment's HTTPS_PROXY, or none")
	}
	u, err := url.Parse(d.Proxy)
	if err != nil || u.Host == "" {
		return errors.New("write it as http://HOST:PORT or socks5://HOST:PORT")
	}
	if !slices.Contains([]string{"http", "https", "socks5", "socks5h"}, u.Scheme) {
		return fmt.Errorf("the scheme is %q: use http, https or socks5", u.Scheme)
	}
	return nil
}

func (d *Destination) checkLimits() (errs []error) {
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if d.Compression != "" && d.Compression != compressGzip && d.Compression != compressNone {
		bad("compression: %q: use %s or %s", d.Compression, compressGzip, compressNone)
	}
	if n := d.Batch.MaxRecords; n < 0 || n > maxBatchRecords {
		bad("batch.max_records: %d: use 1 to %d", n, maxBatchRecords)
	}
	if n := d.Batch.MaxBytes; n < 0 || n > maxBatchBytes || n > 0 && n < 64<<10 {
		bad("batch.max_bytes: %d: use 64KiB to 64MiB", n)
	}
	if w := time.Duration(d.Batch.Wait); w < 0 || w > time.Minute {
		bad("batch.wait: %v: use 1ms to 1m", d.Batch.Wait)
	}
	if t := time.Duration(d.Timeout); t < 0 || t > 10*time.Minute || t > 0 && t < 100*time.Millisecond {
		bad("timeout: %v: use 100ms to 10m", d.Timeout)
	}
	if d.MaxBacklog < 0 {
		bad("max_backlog: %d: must not be negative", d.MaxBacklog)
	}
	return errs
}

// withDefaults returns the destination with what the user left out filled in.
// journal is the size of the journal.
func (d Destination) withDefaults(journal int64) (Destination, error) {
	records, size := 1000, units.Base2Bytes(5<<20)
	if d.Type == TypeOTLP {
		records, size = 512, 2<<20
	}
	setDefault(&d.Protocol, ProtocolHTTP)
	setDefault(&d.Index, defaultIndex)
	setDefault(&d.Compression, compressGzip)
	setDefault(&d.Batch.MaxRecords, records)
	setDefault(&d.Batch.MaxBytes, size)
	setDefault(&d.Batch.Wait, model.Duration(defaultWait))
	setDefault(&d.Timeout, model.Duration(defaultTimeout))
	setDefault(&d.MaxBacklog, units.Base2Bytes(journal/backlogShare))
	if len(d.What) == 0 {
		d.What = allKinds()
	}
	if limit := journal / maxBacklogShare; int64(d.MaxBacklog) > limit {
		return d, fmt.Errorf("max_backlog: %d bytes: use at most half of the journal, which is %d (storage.journal.max_disk), "+
			"or a destination that is down fills it", d.MaxBacklog, limit)
	}
	// A batch is dropped as a whole where the backlog is reached.
	d.Batch.MaxBytes = min(d.Batch.MaxBytes, d.MaxBacklog/4)
	return d, nil
}

func setDefault[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

// hostPort is the address of a gRPC destination, and whether it has TLS.
func (d *Destination) hostPort() (addr string, tls bool, err error) {
	u, err := url.Parse(d.URL)
	if err != nil {
		return "", false, err
	}
	return net.JoinHostPort(u.Hostname(), u.Port()), u.Scheme == "https", nil
}
