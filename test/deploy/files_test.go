package deploy

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"
)

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("../../deploy", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestUnit checks the systemd unit, by systemd itself where it is installed.
func TestUnit(t *testing.T) {
	text := read(t, "systemd/pitot.service")
	section := regexp.MustCompile(`^\[(\w+)\]$`)
	setting := regexp.MustCompile(`^([A-Z]\w+)=(.*)$`)
	values := map[string][]string{}
	at := ""
	for i, line := range strings.Split(text, "\n") {
		switch m := section.FindStringSubmatch(line); {
		case line == "" || strings.HasPrefix(line, "#"):
		case m != nil:
			at = m[1]
		default:
			s := setting.FindStringSubmatch(line)
			if s == nil || at == "" {
				t.Fatalf("line %d is no setting: %q", i+1, line)
			}
			values[at+"."+s[1]] = append(values[at+"."+s[1]], s[2])
		}
	}
	for name, want := range map[string]string{
		"Service.DynamicUser": "yes", "Service.NoNewPrivileges": "yes", "Service.CapabilityBoundingSet": "", "Service.ProtectSystem": "strict", "Service.MemoryDenyWriteExecute": "yes",
		"Service.StateDirectory": "pitot", "Service.KillMode": "mixed", "Install.WantedBy": "multi-user.target",
	} {
		if !slices.Equal(values[name], []string{want}) {
			t.Errorf("%s is %q, want %q", name, values[name], want)
		}
	}
	drain := regexp.MustCompile(`--drain-timeout (\S+)`).FindStringSubmatch(text)
	if drain == nil {
		t.Fatal("there is no --drain-timeout")
	}
	calls, err := time.ParseDuration(drain[1])
	if err != nil {
		t.Fatal(err)
	}
	stop, err := time.ParseDuration(strings.TrimSuffix(values["Service.TimeoutStopSec"][0], "in"))
	if err != nil || stop <= calls+30*time.Second {
		t.Errorf("the unit has %v to stop and its calls %v (%v)", stop, calls, err)
	}
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not installed")
	}
	// The program need not be installed where this is checked.
	dir := t.TempDir()
	unit := filepath.Join(dir, "pitot.service")
	if err := os.WriteFile(unit, []byte(strings.ReplaceAll(text, "/usr/local/bin/pitot", "/bin/true")), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), analyze, "verify", "--man=no", unit).CombinedOutput(); err != nil || strings.Contains(string(out), "pitot.service") {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
	out, err := exec.CommandContext(t.Context(), analyze, "security", "--offline=true", "--threshold=20", unit).CombinedOutput()
	if err != nil {
		t.Errorf("systemd-analyze security: %v\n%s", err, out)
	}
}

// TestCompose checks what one promises of the compose file.
func TestCompose(t *testing.T) {
	var file struct {
		Services map[string]struct {
			Ports    []string
			Volumes  []string
			ReadOnly bool     `json:"read_only"`
			CapDrop  []string `json:"cap_drop"`
			Grace    string   `json:"stop_grace_period"`
			Build    struct{ Context, Dockerfile string }
		}
		Volumes map[string]any
	}
	if err := yaml.Unmarshal([]byte(read(t, "compose.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	s, ok := file.Services["pitot"]
	if !ok || !s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"}) {
		t.Errorf("service %+v", s)
	}
	for _, p := range s.Ports {
		if !strings.HasPrefix(p, "127.0.0.1:") {
			t.Errorf("the port %s is for everybody, and there is no login", p)
		}
	}
	if grace, err := time.ParseDuration(s.Grace); err != nil || grace <= 10*time.Minute {
		t.Errorf("the container has %s to stop, its calls 10 minutes (%v)", s.Grace, err)
	}
	if _, err := os.Stat(filepath.Join("../../deploy", s.Build.Context, s.Build.Dockerfile)); err != nil {
		t.Error(err)
	}
	for _, v := range s.Volumes {
		if name, _, _ := strings.Cut(v, ":"); file.Volumes[name] == nil && !hasKey(file.Volumes, name) {
			t.Errorf("no volume %s", name)
		}
	}
}

func hasKey(m map[string]any, k string) bool { _, ok := m[k]; return ok }

// TestContainer runs the binary as the container does: in a root of its own that
// it cannot write, as nobody. TestImage builds one.
func TestContainer(t *testing.T) {
	own, release := read(t, "Containerfile"), read(t, "Containerfile.release")
	for _, want := range []string{"\nFROM scratch\n", "USER 65532:65532", "STOPSIGNAL SIGTERM", `ENTRYPOINT ["/pitot"]`} {
		if !strings.Contains(own, want) || !strings.Contains(release, want) {
			t.Errorf("a container file has no %q", want)
		}
	}
	if a, b := own[strings.Index(own, "USER "):], release[strings.Index(release, "USER "):]; a != b {
		t.Errorf("the two container files make different images:\n%s\n%s", a, b)
	}
	binary := os.Getenv("PITOT_BIN")
	if binary == "" {
		t.Skip("PITOT_BIN names no binary")
	}
	if os.Getuid() != 0 {
		t.Skip("it takes root to change the root")
	}
	root := t.TempDir()
	for dir, mode := range map[string]os.FileMode{"data": 0o700, "tmp": 0o777 | os.ModeSticky, "proc": 0o555} {
		if err := os.Mkdir(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(filepath.Join(root, dir), mode); err != nil {
			t.Fatal(err)
		}
	}
	data := t.TempDir()
	for _, dir := range []string{data, filepath.Dir(data), filepath.Dir(root)} {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chown(data, 65532, 65532); err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "pitot"), program, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	runInRoot(t, root, data, true)
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if want := []string{"data", "pitot", "proc", "tmp"}; !slices.Equal(got, want) {
		t.Errorf("the root has %v, want %v", got, want)
	}
	if made, err := os.ReadDir(data); err != nil || len(made) < 3 {
		t.Errorf("the data directory has %v, %v", made, err)
	}
	fmt.Fprintln(t.Output(), "ran in a root of its own")
}
