package pitot

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
)

// Names of resource attributes.
const (
	keyServiceName    = "service.name"
	keyServiceVersion = "service.version"
	keyEnvironment    = "deployment.environment.name"
)

// newResource is who sends: the settings, the build, the host, the process.
func newResource(s *settings) *resource.Resource {
	if s.service == "" {
		s.service = executableName()
	}
	if s.version == "" {
		s.version = buildVersion()
	}
	attrs := []attribute.KeyValue{
		attribute.String(keyServiceName, s.service),
		attribute.String("service.instance.id", newInstanceID()),
		attribute.String("telemetry.sdk.name", "opentelemetry"),
		attribute.String("telemetry.sdk.language", "go"),
		attribute.String("telemetry.sdk.version", otel.Version()),
		attribute.String("telemetry.distro.name", "pitot"),
		attribute.String("os.type", runtime.GOOS),
		attribute.String("host.arch", runtime.GOARCH),
		attribute.Int("process.pid", os.Getpid()),
		attribute.String("process.executable.name", executableName()),
		attribute.String("process.runtime.name", "go"),
		attribute.String("process.runtime.version", runtime.Version()),
	}
	for k, v := range map[string]string{
		keyServiceVersion: s.version, keyEnvironment: s.environment, "telemetry.distro.version": sdkVersion(),
	} {
		if v != "" {
			attrs = append(attrs, attribute.String(k, v))
		}
	}
	if host, err := os.Hostname(); err == nil {
		attrs = append(attrs, attribute.String("host.name", host))
	}
	// Of two attributes with one name the last wins.
	return resource.NewSchemaless(append(attrs, s.attrs...)...)
}

func executableName() string {
	path, err := os.Executable()
	if err != nil && len(os.Args) > 0 {
		path = os.Args[0]
	}
	name := strings.TrimSuffix(filepath.Base(path), ".exe")
	if name == "" || name == "." || name == string(filepath.Separator) {
		return "go"
	}
	return name
}

// buildVersion is the version of the program's module, or the revision that it
// was built from.
func buildVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	var revision, modified string
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			revision = s.Value
		case "vcs.modified":
			modified = s.Value
		}
	}
	if len(revision) > 12 {
		revision = revision[:12]
	}
	if revision != "" && modified == "true" {
		revision += "-dirty"
	}
	return revision
}

// sdkVersion is the version of this module in the program.
func sdkVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	if info.Main.Path == scope {
		return strings.TrimPrefix(info.Main.Version, "(devel)")
	}
	for _, dep := range info.Deps {
		if dep.Path == scope {
			if dep.Replace != nil {
				return strings.TrimPrefix(dep.Replace.Version, "(devel)")
			}
			return strings.TrimPrefix(dep.Version, "(devel)")
		}
	}
	return ""
}

func userAgent() string {
	if v := sdkVersion(); v != "" {
		return "pitot-sdk-go/" + v
	}
	return "pitot-sdk-go"
}

// newInstanceID is a random UUID: two processes of one program are two instances.
func newInstanceID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // cannot fail
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
