package forward

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
)

func TestValidateSaysWhatToDo(t *testing.T) {
	good := func() Destination {
		return Destination{Name: "a", Type: TypeOTLP, URL: "http://collector:4318"}
	}
	es := func(d *Destination) { d.Type, d.URL = TypeElasticsearch, "https://es.example.com:9200/base" }
	if err := (Config{good()}).Validate(); err != nil {
		t.Fatal(err)
	}
	if err := Config(nil).Validate(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		set  func(*Destination)
		want string // empty: valid
	}{
		"no name":                {func(d *Destination) { d.Name = "" }, "forward[0].name: "},
		"capitals":               {func(d *Destination) { d.Name = "Central" }, "use lower-case"},
		"no type":                {func(d *Destination) { d.Type = "" }, "forward[0].type: missing: use elasticsearch or otlp"},
		"wrong type":             {func(d *Destination) { d.Type = "kafka" }, `type: "kafka" is unknown`},
		"opensearch":             {func(d *Destination) { d.Type = "opensearch" }, "write elasticsearch"},
		"no url":                 {func(d *Destination) { d.URL = "" }, "url: missing"},
		"no scheme":              {func(d *Destination) { d.URL = "collector:4318" }, "http://HOST:PORT"},
		"no scheme with address": {func(d *Destination) { d.URL = "127.0.0.1:4318" }, "http://HOST:PORT"},
		"other scheme":           {func(d *Destination) { d.URL = "grpc://collector:4317" }, "use http or https"},
		"no host":                {func(d *Destination) { d.URL = "http://:4318" }, "has no host"},
		"a password in the url":  {func(d *Destination) { d.URL = "http://u:TESTPASS@h:1" }, "use username and password_file"},
		"a query":                {func(d *Destination) { d.URL = "http://h:1/?token=TESTPASS" }, "without a query"},
		"the path of traces":     {func(d *Destination) { d.URL = "http://h:1/v1/traces" }, "leave /v1/traces out"},
		"the path of bulk":       {func(d *Destination) { es(d); d.URL += "/_bulk" }, "leave /_bulk out"},
		"gRPC with a path":       {func(d *Destination) { d.Protocol, d.URL = ProtocolGRPC, "http://h:4317/x" }, "gRPC has no path"},
		"gRPC without a port":    {func(d *Destination) { d.Protocol, d.URL = ProtocolGRPC, "http://h" }, "mostly 4317"},
		"gRPC":                   {func(d *Destination) { d.Protocol, d.URL = ProtocolGRPC, "https://[::1]:4317" }, ""},
		"protocol":               {func(d *Destination) { d.Protocol = "http/json" }, "use http or grpc"},
		"index for otlp":         {func(d *Destination) { d.Index = "x" }, "OTLP has no indices"},
		"API key for otlp":       {func(d *Destination) { d.APIKey = "x" }, "is for type elasticsearch"},
		"protocol for es":        {func(d *Destination) { es(d); d.Protocol = "http" }, "is for type otlp"},
		"index":                  {func(d *Destination) { es(d); d.Index = "llm-logs-%Y.%m.%d" }, ""},
		"a capital index":        {func(d *Destination) { es(d); d.Index = "LLM-%Y" }, "no capital letters"},
		"an unknown part":        {func(d *Destination) { es(d); d.Index = "llm-%q" }, `"%q" is unknown`},
		"kind":                   {func(d *Destination) { d.What = []Kind{"traces"} }, `what[0]: "traces" is unknown`},
		"header name":            {func(d *Destination) { d.Headers = map[string]string{"a b": "c"} }, "no header name"},
		"header value":           {func(d *Destination) { d.Headers = map[string]string{"a": "c\n"} }, "value of a"},
		"own header":             {func(d *Destination) { d.Headers = map[string]string{"Content-Type": "c"} }, "is set by Pitot"},
		"two ways":               {func(d *Destination) { d.Username, d.BearerToken = "u", "t" }, "more than one way"},
		"two ways by a header": {func(d *Destination) {
			d.Username, d.Headers = "u", map[string]string{"authorization": "x"}
		}, "more than one way"},
		"password alone": {func(d *Destination) { d.Password = "p" }, "needs a username"},
		"line break":     {func(d *Destination) { d.BearerToken = "t\n" }, "is there a line break"},
		"key alone":      {func(d *Destination) { d.TLS.KeyFile = "k" }, "go together"},
		"proxy":          {func(d *Destination) { d.Proxy = "proxy:3128" }, "proxy: "},
		"a socks proxy":  {func(d *Destination) { d.Proxy = "socks5://proxy:1080" }, ""},
		"gRPC proxy":     {func(d *Destination) { d.Protocol, d.Proxy = ProtocolGRPC, "http://proxy:1" }, "HTTPS_PROXY"},
		"compression":    {func(d *Destination) { d.Compression = "zstd" }, "use gzip or none"},
		"records":        {func(d *Destination) { d.Batch.MaxRecords = -1 }, "batch.max_records"},
		"bytes":          {func(d *Destination) { d.Batch.MaxBytes = 1 }, "batch.max_bytes"},
		"wait":           {func(d *Destination) { d.Batch.Wait = model.Duration(time.Hour) }, "batch.wait"},
		"timeout":        {func(d *Destination) { d.Timeout = 1 }, "timeout: "},
		"backlog":        {func(d *Destination) { d.MaxBacklog = -1 }, "max_backlog"},
	} {
		d := good()
		c.set(&d)
		err := Config{d}.Validate()
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		case err != nil && strings.Contains(err.Error(), "TESTPASS"):
			t.Errorf("%s: a secret is shown: %v", name, err)
		}
	}
	if err := (Config{good(), good()}).Validate(); err == nil || !strings.Contains(err.Error(), `forward[1].name: "a" is the name of forward[0] already`) {
		t.Errorf("the same name twice: %v", err)
	}
}

func TestIndexNames(t *testing.T) {
	at := time.Date(2026, 1, 1, 23, 30, 0, 0, time.FixedZone("", -3600)) // 2026-01-02 in UTC
	for pattern, want := range map[string]string{
		"llm-logs-%Y.%m.%d":  "llm-logs-2026.01.02",
		defaultIndex:         "pitot-spans-2026.01.02",
		"logs":               "logs",
		"a-%Y%m%d%H":         "a-2026010200",
		"a-%G.%V-%j":         "a-2026.01-002",
		"{kind}":             "spans",
		"llm-日本-{kind}-%Y-x": "llm-日本-spans-2026-x",
	} {
		p, err := parseIndex(pattern)
		if err != nil {
			t.Errorf("%s: %v", pattern, err)
			continue
		}
		if got := string(p.append(nil, KindSpans, at)); got != want {
			t.Errorf("%s: %s, want %s", pattern, got, want)
		}
	}
	for _, pattern := range []string{"", ".", "-x", "_x", "+x", "A", "a b", "a,b", "a/b", "%", "a%", "{", "{x}", "{kind", "%y", strings.Repeat("x", 201)} {
		if _, err := parseIndex(pattern); err == nil {
			t.Errorf("%q is taken", pattern)
		}
	}
}
