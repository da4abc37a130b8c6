package pitot

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
)

// environment reads settings from variables, and collects everything that is
// wrong with them. An empty variable is as one that is not set.
type environment struct {
	lookup func(string) (string, bool)
	s      *settings
	errs   []error
}

func (e *environment) get(name string) (string, bool) {
	v, ok := e.lookup(name)
	v = strings.TrimSpace(v)
	return v, ok && v != ""
}

// first is the first variable of names that is set.
func (e *environment) first(names ...string) (name, value string, ok bool) {
	for _, n := range names {
		if v, ok := e.get(n); ok {
			return n, v, true
		}
	}
	return "", "", false
}

func (e *environment) bad(name, value, allowed string) {
	e.errs = append(e.errs, fmt.Errorf("%s=%q: must be %s", name, value, allowed))
}

// badSecret is bad for a variable whose value is not shown.
func (e *environment) badSecret(name, allowed string) {
	e.errs = append(e.errs, fmt.Errorf("%s (its value is not shown): must be %s", name, allowed))
}

// err is everything that is wrong, each once: a variable of all signals is read
// for each of them.
func (e *environment) err() error {
	said := map[string]bool{}
	var errs []error
	for _, err := range e.errs {
		if !said[err.Error()] {
			said[err.Error()] = true
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// boolean reads a variable; ok is false where none of names is set.
func (e *environment) boolean(names ...string) (v, ok bool) {
	name, text, ok := e.first(names...)
	if !ok {
		return false, false
	}
	switch strings.ToLower(text) {
	case "true", "1", "yes", "on":
		return true, true
	case "false", "0", "no", "off":
		return false, true
	}
	e.bad(name, text, "true or false")
	return false, false
}

// number reads a number from 0 to high.
func (e *environment) number(into *float64, high float64, allowed string, names ...string) bool {
	name, text, ok := e.first(names...)
	if !ok {
		return false
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || !(v >= 0 && v <= high) {
		e.bad(name, text, allowed)
		return false
	}
	*into = v
	return true
}

// integer reads a whole number from 1.
func (e *environment) integer(into *int, name string) {
	text, ok := e.get(name)
	if !ok {
		return
	}
	v, err := strconv.Atoi(text)
	if err != nil || v < 1 || v > math.MaxInt32 {
		e.bad(name, text, "a whole number from 1")
		return
	}
	*into = v
}

func (e *environment) millis(into *time.Duration, names ...string) {
	if name, _, ok := e.first(names...); ok {
		ms := int(*into / time.Millisecond)
		e.integer(&ms, name)
		*into = time.Duration(ms) * time.Millisecond
	}
}

// oneOf reads a word; its spelling is that of allowed.
func (e *environment) oneOf(allowed []string, names ...string) (string, bool) {
	name, text, ok := e.first(names...)
	if !ok {
		return "", false
	}
	for _, a := range allowed {
		if strings.EqualFold(a, text) {
			return a, true
		}
	}
	e.bad(name, text, "one of "+strings.Join(allowed, ", "))
	return "", false
}

// enabled says whether the environment turns the SDK on.
func (e *environment) enabled() bool {
	on, _ := e.boolean("PITOT_ENABLED", "ENABLE_TELEMETRY")
	return on
}

// disabled says whether OpenTelemetry as a whole is turned off.
func (e *environment) disabled() bool {
	off, _ := e.boolean("OTEL_SDK_DISABLED")
	return off
}

// read fills the settings but for those of the export.
func (e *environment) read() {
	s := e.s
	e.resource()
	if mode, ok := e.oneOf([]string{string(ContentFull), string(ContentSummary), string(ContentMetrics)}, "MONITORING_TRACE_CONTENT_MODE"); ok {
		s.contentMode = ContentMode(mode)
	}
	e.integer(&s.maxChars, "MONITORING_TRACE_MAX_CHARS")
	e.integer(&s.maxItems, "MONITORING_TRACE_MAX_ITEMS")
	slowSeconds := s.slowRequest.Seconds()
	if e.number(&slowSeconds, 1e6, "a number of seconds, 0 for never", "LLM_SLOW_REQUEST_THRESHOLD_SECONDS") {
		s.slowRequest = time.Duration(slowSeconds * float64(time.Second))
	}
	e.number(&s.slowTokenRate, 1e9, "a number of tokens per second, 0 for never", "LLM_SLOW_TOKEN_RATE_THRESHOLD")
	if v, ok := e.get("PROMETHEUS_PORT"); ok {
		if port, err := strconv.Atoi(v); err != nil || port < 1 || port > 65535 {
			e.bad("PROMETHEUS_PORT", v, "a port from 1 to 65535")
		} else {
			s.prometheusAddr = net.JoinHostPort("", v)
		}
	}
	if v, ok := e.get("OTEL_SEMCONV_STABILITY_OPT_IN"); ok {
		for word := range strings.SplitSeq(v, ",") {
			if strings.TrimSpace(word) == "gen_ai_latest_experimental" {
				s.newNames = true
			}
		}
	}
	e.sampling()
	if v, ok := e.get("OTEL_PROPAGATORS"); ok {
		s.export.propagators = splitList(v)
	}
}

func (e *environment) sampling() {
	s := e.s
	s.export.parents = true
	if e.number(&s.sampleRate, 1, "a share from 0 to 1", "TELEMETRY_SAMPLE_RATE") {
		return
	}
	name, ok := e.oneOf([]string{
		"always_on", "always_off", "traceidratio", "parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio",
	}, "OTEL_TRACES_SAMPLER")
	if !ok {
		return
	}
	kind, parents := strings.CutPrefix(name, "parentbased_")
	s.export.parents = parents
	switch kind {
	case "always_on":
		s.sampleRate = 1
	case "always_off":
		s.sampleRate = 0
	case "traceidratio":
		e.number(&s.sampleRate, 1, "a share from 0 to 1", "OTEL_TRACES_SAMPLER_ARG")
	}
}

// resource reads what says who the program is.
func (e *environment) resource() {
	s := e.s
	if v, ok := e.get("OTEL_RESOURCE_ATTRIBUTES"); ok {
		for pair := range strings.SplitSeq(v, ",") {
			key, value, found := strings.Cut(pair, "=")
			key = strings.TrimSpace(key)
			if strings.TrimSpace(pair) == "" {
				continue
			}
			plain, err := url.PathUnescape(strings.TrimSpace(value))
			if !found || key == "" || err != nil {
				e.bad("OTEL_RESOURCE_ATTRIBUTES", v, "key=value pairs with commas between them, values percent-encoded")
				return
			}
			switch key {
			case keyServiceName:
				s.service = plain
			case keyServiceVersion:
				s.version = plain
			case keyEnvironment, "deployment.environment":
				s.environment = plain
			default:
				s.attrs = append(s.attrs, attribute.String(key, plain))
			}
		}
	}
	if _, v, ok := e.first("OTEL_SERVICE_NAME", "SERVICE_NAME"); ok {
		s.service = v
	}
	if v, ok := e.get("MONITORING_PROJECT_NAME"); ok {
		s.attrs = append(s.attrs, attribute.String("project.name", v))
	}
}

// export fills the settings of the export. It comes after the options, which
// win over it.
func (e *environment) export() {
	x := &e.s.export
	x.spans = batchSettings{queue: 2048, batch: 512, delay: 5 * time.Second, timeout: 30 * time.Second}
	e.batch(&x.spans, "OTEL_BSP_")
	x.logs = batchSettings{queue: 2048, batch: 512, delay: time.Second, timeout: 30 * time.Second}
	e.batch(&x.logs, "OTEL_BLRP_")
	e.metrics(&x.metrics)
	for s := range signalCount {
		e.signal(&x.signals[s], otlpSignal(s))
	}
}

func (e *environment) batch(b *batchSettings, prefix string) {
	e.millis(&b.delay, prefix+"SCHEDULE_DELAY")
	e.millis(&b.timeout, prefix+"EXPORT_TIMEOUT")
	e.integer(&b.queue, prefix+"MAX_QUEUE_SIZE")
	b.batch = min(b.batch, b.queue)
	e.integer(&b.batch, prefix+"MAX_EXPORT_BATCH_SIZE")
	b.batch = min(b.batch, b.queue)
}

func (e *environment) metrics(m *metricExport) {
	m.interval, m.timeout = time.Minute, 30*time.Second
	e.millis(&m.interval, "OTEL_METRIC_EXPORT_INTERVAL")
	e.millis(&m.timeout, "OTEL_METRIC_EXPORT_TIMEOUT")
	m.temporality, m.aggregation = cumulative, sdkmetric.DefaultAggregationSelector
	switch t, _ := e.oneOf([]string{"cumulative", "delta", "lowmemory"}, "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"); t {
	case "delta":
		m.temporality, m.ownReader = delta, true
	case "lowmemory":
		m.temporality, m.ownReader = lowMemory, true
	}
	const explicitBuckets, exponentialBuckets = "explicit_bucket_histogram", "base2_exponential_bucket_histogram"
	if a, _ := e.oneOf([]string{explicitBuckets, exponentialBuckets}, "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION"); a == exponentialBuckets {
		m.aggregation, m.ownReader = exponential, true
	}
}

// names are a signal's variable and the one for all signals.
func otlpVariables(s otlpSignal, what string) []string {
	return []string{"OTEL_EXPORTER_OTLP_" + s.variable() + "_" + what, "OTEL_EXPORTER_OTLP_" + what}
}

func (e *environment) signal(c *signalConfig, s otlpSignal) {
	e.exporters(c, s)
	if !c.otlp {
		return
	}
	c.protocol = HTTPProtobuf
	if p, ok := e.oneOf([]string{string(HTTPProtobuf), string(HTTPJSON), string(GRPC), "http"}, otlpVariables(s, "PROTOCOL")...); ok && p != "http" {
		c.protocol = Protocol(p)
	}
	if provider, _ := e.get("MONITORING_PROVIDER"); c.protocol == GRPC && slices.Contains([]string{"phoenix", "langfuse", "langsmith"}, strings.ToLower(provider)) {
		c.protocol = HTTPProtobuf // they take nothing else
	}
	if p := e.s.export.option.protocol; p != "" {
		c.protocol = p
	}
	c.timeout = 10 * time.Second
	e.millis(&c.timeout, otlpVariables(s, "TIMEOUT")...)
	compression, _ := e.oneOf([]string{"gzip", "none"}, otlpVariables(s, "COMPRESSION")...)
	c.gzip = compression == "gzip"
	e.endpoint(c, s)
	e.headers(c, s)
	e.tls(c, s)
}

// exporters reads which exporters a signal has.
func (e *environment) exporters(c *signalConfig, s otlpSignal) {
	c.otlp = true
	allowed := []string{"otlp", "console", "none"}
	if s == signalMetrics {
		allowed = append(allowed, "prometheus")
		if on, ok := e.boolean("OTEL_EXPORTER_OTLP_METRICS_ENABLED"); ok && !on {
			c.otlp = false
		}
	}
	name := "OTEL_" + s.variable() + "_EXPORTER"
	v, ok := e.get(name)
	if !ok {
		return
	}
	c.otlp = false
	for _, word := range splitList(v) {
		switch {
		case !slices.Contains(allowed, word):
			e.bad(name, v, "one of "+strings.Join(allowed, ", "))
		case word == "otlp":
			c.otlp = true
		case word == "console":
			c.console = true
		case word == "prometheus" && e.s.prometheusAddr == "":
			host, port := "localhost", "9464"
			if h, ok := e.get("OTEL_EXPORTER_PROMETHEUS_HOST"); ok {
				host = h
			}
			if p, ok := e.get("OTEL_EXPORTER_PROMETHEUS_PORT"); ok {
				port = p
			}
			e.s.prometheusAddr = net.JoinHostPort(host, port)
		}
	}
}

func splitList(v string) []string {
	var out []string
	for word := range strings.SplitSeq(v, ",") {
		if word = strings.ToLower(strings.TrimSpace(word)); word != "" && !slices.Contains(out, word) {
			out = append(out, word)
		}
	}
	return out
}

// endpoint finds where a signal goes: what the program said, the signal's
// variable, that for all signals, an older variable, Pitot on this host.
func (e *environment) endpoint(c *signalConfig, s otlpSignal) {
	insecure, said := e.boolean(otlpVariables(s, "INSECURE")...)
	bareTLS := said && !insecure
	own := "OTEL_EXPORTER_OTLP_" + s.variable() + "_ENDPOINT"
	name, value := "WithEndpoint", e.s.export.option.endpoint
	if value == "" {
		candidates := []string{own}
		if s == signalTraces {
			candidates = append(candidates, "LANGSMITH_OTLP_TRACES_ENDPOINT")
		}
		candidates = append(candidates, "OTEL_EXPORTER_OTLP_ENDPOINT", "JAEGER_ENDPOINT")
		var ok bool
		if name, value, ok = e.first(candidates...); !ok {
			name, value = "", "http://127.0.0.1:"+c.protocol.port()
		}
	}
	if name == "JAEGER_ENDPOINT" {
		value = e.jaeger(value, c.protocol, s)
	}
	ofSignal := name == own || name == "LANGSMITH_OTLP_TRACES_ENDPOINT"
	u, err := endpointURL(value, ofSignal, bareTLS, c.protocol, s)
	if err != nil {
		e.bad(name, value, strings.TrimPrefix(err.Error(), "must be "))
		return
	}
	c.url = u
}

// jaeger is the OTLP endpoint on the host of a Jaeger endpoint, which speaks
// another protocol.
func (e *environment) jaeger(value string, p Protocol, s otlpSignal) string {
	u, err := parseEndpoint(value)
	if err != nil {
		return value
	}
	endpoint := u.Scheme + "://" + net.JoinHostPort(u.Hostname(), p.port())
	if s == signalTraces {
		e.s.logger.Warn("JAEGER_ENDPOINT names a Jaeger collector; telemetry is sent as OTLP to its host",
			"use_instead", "OTEL_EXPORTER_OTLP_ENDPOINT="+endpoint)
	}
	return endpoint
}

// headers collects what goes along with every request of a signal.
func (e *environment) headers(c *signalConfig, s otlpSignal) {
	h := http.Header{}
	h.Set("User-Agent", userAgent())
	if v, ok := e.get("OTEL_EXPORTER_OTLP_AUTHORIZATION"); ok {
		e.header(h, "OTEL_EXPORTER_OTLP_AUTHORIZATION", "Authorization", v)
	}
	// LANGSMITH_API_KEY is set for other purposes too: it goes nowhere else.
	key := []string{"OTEL_EXPORTER_OTLP_X_API_KEY"}
	if e.toLangSmith(c) {
		key = append(key, "LANGSMITH_API_KEY")
		if v, ok := e.get("LANGSMITH_PROJECT"); ok {
			e.header(h, "LANGSMITH_PROJECT", "Langsmith-Project", v)
		}
	}
	if name, v, ok := e.first(key...); ok {
		e.header(h, name, "X-Api-Key", v)
	}
	if v, ok := e.get("OTEL_EXPORTER_OTLP_LANGFUSE_INGESTION_VERSION"); ok {
		e.header(h, "OTEL_EXPORTER_OTLP_LANGFUSE_INGESTION_VERSION", "X-Langfuse-Ingestion-Version", v)
	}
	names := otlpVariables(s, "HEADERS")
	slices.Reverse(names) // the signal's win
	for _, name := range names {
		v, ok := e.get(name)
		if !ok {
			continue
		}
		for pair := range strings.SplitSeq(v, ",") {
			key, value, found := strings.Cut(pair, "=")
			plain, err := url.PathUnescape(strings.TrimSpace(value))
			if strings.TrimSpace(pair) == "" {
				continue
			}
			if !found || err != nil {
				e.badSecret(name, "key=value pairs with commas between them, values percent-encoded")
				break
			}
			e.header(h, name, strings.TrimSpace(key), plain)
		}
	}
	for k, v := range e.s.export.option.headers {
		h.Set(k, v)
	}
	c.headers = h
}

func (e *environment) header(h http.Header, variable, name, value string) {
	if !validHeader(name, value) {
		e.badSecret(variable, "headers that can be sent")
		return
	}
	h.Set(name, value)
}

func (e *environment) toLangSmith(c *signalConfig) bool {
	provider, _ := e.get("MONITORING_PROVIDER")
	u, err := url.Parse(c.url)
	if err != nil {
		return false
	}
	host := u.Hostname()
	if endpoint, ok := e.get("LANGSMITH_OTLP_TRACES_ENDPOINT"); ok {
		if own, err := parseEndpoint(endpoint); err == nil && own.Host == u.Host {
			return true
		}
	}
	return strings.EqualFold(provider, "langsmith") || host == "smith.langchain.com" || strings.HasSuffix(host, ".smith.langchain.com")
}

// tls reads certificates.
func (e *environment) tls(c *signalConfig, s otlpSignal) {
	caName, caFile, hasCA := e.first(otlpVariables(s, "CERTIFICATE")...)
	certName, certFile, hasCert := e.first(otlpVariables(s, "CLIENT_CERTIFICATE")...)
	keyName, keyFile, hasKey := e.first(otlpVariables(s, "CLIENT_KEY")...)
	if !hasCA && !hasCert && !hasKey {
		return
	}
	c.tls = &tls.Config{MinVersion: tls.VersionTLS12}
	if hasCA {
		pem, err := os.ReadFile(caFile)
		pool := x509.NewCertPool()
		if err != nil || !pool.AppendCertsFromPEM(pem) {
			e.bad(caName, caFile, "a readable file with certificates in PEM")
			return
		}
		c.tls.RootCAs = pool
	}
	switch {
	case hasCert && hasKey:
		cert, err := tls.LoadX509KeyPair(certFile, keyFile)
		if err != nil {
			e.errs = append(e.errs, fmt.Errorf("%s=%q, %s=%q: %w", certName, certFile, keyName, keyFile, err))
			return
		}
		c.tls.Certificates = []tls.Certificate{cert}
	case hasCert:
		e.bad(certName, certFile, "set together with "+otlpVariables(s, "CLIENT_KEY")[1])
	case hasKey:
		e.bad(keyName, keyFile, "set together with "+otlpVariables(s, "CLIENT_CERTIFICATE")[1])
	}
}
