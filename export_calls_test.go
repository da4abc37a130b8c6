package pitot

import (
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/pitot-dev/pitot/internal/llm"
)

// RecordForTest turns the SDK on for a test and returns what takes the spans
// that have ended since the last time.
func RecordForTest(t testing.TB, opts ...Option) (take func() []sdktrace.ReadOnlySpan) {
	t.Helper()
	_, rec := testCore(t, opts...)
	return func() []sdktrace.ReadOnlySpan {
		ended := rec.spans.Ended()
		rec.spans.Reset()
		return ended
	}
}

// ApplyContentForTest applies the content policy of the running SDK.
func ApplyContentForTest(c *llm.Call) { current().content.call(c) }

// KnownHostForTest says whether a host is that of a provider.
func KnownHostForTest(host string) bool {
	_, ok := (&core{cfg: &settings{}}).endpointOf(host)
	return ok
}

// EndpointForTest is what the SDK knows of one of the gateway's upstreams, by its
// name and by its host.
func EndpointForTest(name, host string) (byName, byHost [3]string) {
	n, h := gatewayNames[name], knownHosts[host]
	if e, ok := (&core{cfg: &settings{}}).endpointOf(host); ok {
		h = e
	}
	return [3]string{string(n.dialect), n.provider, n.region}, [3]string{string(h.dialect), h.provider, h.region}
}

// NewNamesForTest switches the newer names of the convention on.
func NewNamesForTest() Option {
	return func(s *settings) error {
		s.newNames = true
		return nil
	}
}
