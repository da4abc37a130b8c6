package deploy

import (
	"bufio"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
)

// confineEnv makes the test binary confine itself as the unit would, and become
// the program.
const confineEnv = "PITOT_TEST_CONFINE"

func TestMain(m *testing.M) {
	if list := os.Getenv(confineEnv); list != "" {
		fmt.Fprintln(os.Stderr, confine(strings.Fields(list), os.Args[1:]))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// confine gives up root, allows the system calls of a list and sockets of other
// families than those that the unit refuses, and executes a program. All else fails with EPERM.
func confine(list, args []string) error {
	const refuseExecGain, setMDWE, user = 1, 65, 65532
	if err := errors.Join(syscall.Setgroups(nil), syscall.Setgid(user), syscall.Setuid(user)); err != nil {
		return err
	}
	// MemoryDenyWriteExecute; older kernels cannot.
	_, _, _ = syscall.RawSyscall6(syscall.SYS_PRCTL, setMDWE, refuseExecGain, 0, 0, 0, 0)
	known, err := arch.GetInfo("")
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(name string) bool {
		_, ok := known.SyscallNames[name]
		return !ok
	})
	var families []seccomp.NameWithConditions
	for _, f := range []uint64{syscall.AF_NETLINK, syscall.AF_PACKET} {
		families = append(families, seccomp.NameWithConditions{Name: "socket", Conditions: []seccomp.Condition{{Argument: 0, Operation: seccomp.Equal, Value: f}}})
	}
	calls := []seccomp.SyscallGroup{{NamesWithCondtions: families, Action: seccomp.ActionErrno}, {Names: list, Action: seccomp.ActionAllow}}
	err = seccomp.LoadFilter(seccomp.Filter{NoNewPrivs: true, Flag: seccomp.FilterFlagTSync, Policy: seccomp.Policy{
		DefaultAction: seccomp.ActionErrno, Syscalls: calls, // EPERM
	}})
	if err != nil {
		return err
	}
	return syscall.Exec(args[0], args, slices.DeleteFunc(os.Environ(), func(kv string) bool { return strings.HasPrefix(kv, confineEnv) }))
}

// allowed are the system calls that the unit leaves, as systemd spreads its
// groups out.
func allowed(t *testing.T, unit string) []string {
	t.Helper()
	groups := map[string][]string{}
	at := ""
	out, err := exec.CommandContext(t.Context(), "systemd-analyze", "--no-pager", "syscall-filter").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		switch word := strings.TrimSpace(line); {
		case word == "" || strings.HasPrefix(word, "#"):
		case strings.HasPrefix(line, "@"):
			at = word
		default:
			groups[at] = append(groups[at], word)
		}
	}
	left := map[string]bool{}
	var set func(name string, to bool)
	set = func(name string, to bool) {
		if !strings.HasPrefix(name, "@") {
			left[name] = to
		}
		for _, n := range groups[name] {
			set(n, to)
		}
	}
	set("@default", true)
	for _, m := range regexp.MustCompile(`(?m)^SystemCallFilter=(~?)(.*)$`).FindAllStringSubmatch(unit, -1) {
		for name := range strings.FieldsSeq(m[2]) {
			if strings.HasPrefix(name, "@") && len(groups[name]) == 0 {
				t.Fatalf("systemd knows no %s", name)
			}
			set(name, m[1] == "")
		}
	}
	var names []string
	for name, yes := range left {
		if yes {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// TestUnitLetsItWork runs the server with what the unit takes away: the event
// engine, too, gets ready, with its lower priority.
func TestUnitLetsItWork(t *testing.T) {
	binary := os.Getenv("PITOT_BIN")
	if binary == "" {
		t.Skip("PITOT_BIN names no binary")
	}
	if _, err := exec.LookPath("systemd-analyze"); err != nil || os.Getuid() != 0 {
		t.Skip("it takes systemd-analyze and root")
	}
	dir := t.TempDir()
	program, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "pitot"), program, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	data := filepath.Join(dir, "data")
	if err := errors.Join(os.Mkdir(data, 0o700), os.Chown(data, 65532, 65532)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], dir+"/pitot", "serve", "--data="+data, "--listen.api=127.0.0.1:0", "--listen.gateway=127.0.0.1:0", "--listen.otlp-grpc=127.0.0.1:0", "--listen.otlp-http=127.0.0.1:0")
	cmd.Env = append(os.Environ(), confineEnv+"="+strings.Join(allowed(t, read(t, "systemd/pitot.service")), " "))
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill() }()
	up, engine := make(chan string, 1), make(chan string, 4)
	var log strings.Builder
	done := make(chan struct{})
	go func() {
		defer close(done)
		for sc := bufio.NewScanner(stderr); sc.Scan(); {
			log.WriteString(sc.Text() + "\n")
			if m := upLine.FindStringSubmatch(sc.Text()); m != nil {
				up <- m[1]
			}
			if m := regexp.MustCompile(`msg="engine is ready" .*pid=(\d+)`).FindStringSubmatch(sc.Text()); m != nil {
				engine <- m[1]
			}
		}
	}()
	var api, pid string
	for api == "" || pid == "" {
		select {
		case api = <-up:
		case pid = <-engine:
		case <-done:
			t.Fatalf("it ended:\n%s", &log)
		case <-time.After(long):
			t.Fatal("it does not get ready")
		}
	}
	resp, err := http.Get("http://" + api + "/-/ready") //nolint:noctx // it answers at once
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("%v %v", resp, err)
	}
	status, err := os.ReadFile("/proc/" + pid + "/stat")
	if f := strings.Fields(string(status)); err != nil || len(f) < 19 || f[18] != "10" {
		t.Errorf("the engine has the priority of everybody: %s %v", status, err)
	}
	mode, err := os.ReadFile("/proc/" + pid + "/status")
	if err != nil || !strings.Contains(string(mode), "Seccomp:\t2") || !strings.Contains(string(mode), "NoNewPrivs:\t1") {
		t.Errorf("the engine is not confined: %v", err)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-done
	if err := cmd.Wait(); err != nil || strings.Contains(log.String(), "level=ERROR") || strings.Contains(log.String(), "not permitted") {
		t.Errorf("%v:\n%s", err, &log)
	}
}
