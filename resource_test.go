package pitot

import (
	"regexp"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
)

func TestResource(t *testing.T) {
	s := loaded(t, vars{"OTEL_RESOURCE_ATTRIBUTES": "team=a,os.type=mine", "SERVICE_NAME": "svc"}, WithEnvironment("prod"), WithResource(attribute.String("team", "b")))
	got := map[string]string{}
	for _, kv := range newResource(s).Attributes() {
		got[string(kv.Key)] = kv.Value.String()
	}
	for k, want := range map[string]string{
		"service.name": "svc", "deployment.environment.name": "prod", "team": "b", "os.type": "mine",
		"telemetry.sdk.language": "go", "telemetry.sdk.name": "opentelemetry", "telemetry.distro.name": "pitot",
	} {
		if got[k] != want {
			t.Errorf("%s=%q, want %q", k, got[k], want)
		}
	}
	for _, k := range []string{"host.name", "process.pid", "telemetry.sdk.version", "process.runtime.version"} {
		if got[k] == "" {
			t.Errorf("no %s", k)
		}
	}
	if !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(got["service.instance.id"]) {
		t.Errorf("instance %q", got["service.instance.id"])
	}
}

func TestTheServiceIsNeverUnknown(t *testing.T) {
	s := loaded(t, vars{"OTEL_SERVICE_NAME": "  "})
	v, ok := newResource(s).Set().Value("service.name")
	if !ok || v.AsString() == "" || strings.Contains(v.AsString(), "unknown") || !strings.Contains(v.AsString(), ".test") {
		t.Errorf("service %q, want the executable's name", v.AsString())
	}
}
