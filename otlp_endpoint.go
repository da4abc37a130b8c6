package pitot

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// exportSettings is where telemetry goes, and how.
type exportSettings struct {
	option exportOption

	signals [signalCount]signalConfig
	spans   batchSettings
	logs    batchSettings
	metrics metricExport

	parents     bool // sampling follows remote parents
	propagators []string
}

// exportOption is what the program said about the export by options.
type exportOption struct {
	endpoint string
	protocol Protocol
	headers  map[string]string
}

// signalConfig is the export of one signal.
type signalConfig struct {
	otlp     bool
	console  bool
	url      string
	protocol Protocol
	headers  http.Header
	timeout  time.Duration
	gzip     bool
	tls      *tls.Config
}

// metricExport is how metrics are collected for the export.
type metricExport struct {
	interval    time.Duration
	timeout     time.Duration
	temporality sdkmetric.TemporalitySelector
	aggregation sdkmetric.AggregationSelector
	ownReader   bool // not what MetricsHandler can share: not cumulative, or other buckets
}

// The ports of OTLP.
const (
	portHTTP = "4318"
	portGRPC = "4317"
)

func (p Protocol) port() string {
	if p == GRPC {
		return portGRPC
	}
	return portHTTP
}

// parseEndpoint reads an endpoint: a URL, or a bare host[:port], whose port is
// that of the protocol.
func parseEndpoint(s string) (*url.URL, error) {
	s = strings.TrimSpace(s)
	if !strings.Contains(s, "://") {
		s = "http://" + s
	}
	u, err := url.Parse(s)
	if err != nil {
		return nil, errors.New("not a URL")
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" {
		return nil, errors.New("must be http://host:port, https://host:port or host:port")
	}
	return u, nil
}

// endpointURL is the URL that a signal is sent to. own says that the endpoint is
// the signal's own and not the base of all; tls that a bare host is reached by TLS.
func endpointURL(endpoint string, own, tls bool, p Protocol, s otlpSignal) (string, error) {
	u, err := parseEndpoint(endpoint)
	if err != nil {
		return "", err
	}
	if !strings.Contains(endpoint, "://") {
		if u.Port() == "" {
			u.Host = net.JoinHostPort(u.Hostname(), p.port())
		}
		if tls {
			u.Scheme = "https"
		}
	}
	u.Fragment = ""
	if p == GRPC {
		u.Path, u.RawPath, u.RawQuery = s.grpcPath(), "", ""
		return u.String(), nil
	}
	if own {
		if u.Path == "" {
			u.Path = "/"
		}
		return u.String(), nil
	}
	base := strings.TrimRight(u.Path, "/")
	for _, suffix := range []string{"/v1/traces", "/v1/metrics", "/v1/logs"} {
		base = strings.TrimSuffix(base, suffix)
	}
	u.Path, u.RawPath = base+"/v1/"+s.String(), ""
	return u.String(), nil
}

// shownURL is a URL without secrets.
func shownURL(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return "?"
	}
	return fmt.Sprintf("%s://%s", u.Scheme, u.Host)
}

// validHeader reports whether net/http would send the header.
func validHeader(name, value string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r) }) &&
		!strings.ContainsAny(value, "\r\n\x00")
}

func cumulative(sdkmetric.InstrumentKind) metricdata.Temporality {
	return metricdata.CumulativeTemporality
}

func delta(k sdkmetric.InstrumentKind) metricdata.Temporality {
	switch k {
	case sdkmetric.InstrumentKindUpDownCounter, sdkmetric.InstrumentKindObservableUpDownCounter:
		return metricdata.CumulativeTemporality
	default:
		return metricdata.DeltaTemporality
	}
}

func lowMemory(k sdkmetric.InstrumentKind) metricdata.Temporality {
	switch k {
	case sdkmetric.InstrumentKindCounter, sdkmetric.InstrumentKindHistogram:
		return metricdata.DeltaTemporality
	default:
		return metricdata.CumulativeTemporality
	}
}

// exponential is the default aggregation with exponential histograms.
func exponential(k sdkmetric.InstrumentKind) sdkmetric.Aggregation {
	if k == sdkmetric.InstrumentKindHistogram {
		return sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 20}
	}
	return sdkmetric.DefaultAggregationSelector(k)
}
