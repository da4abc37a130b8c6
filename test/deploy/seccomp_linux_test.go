package deploy

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/elastic/go-seccomp-bpf"
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

// confine allows the system calls of a list and sockets of the unit's families;
// all else fails with EPERM.
func confine(list, args []string) error {
	families := seccomp.SyscallWithConditions{Name: "socket"}
	for _, f := range []uint64{syscall.AF_INET, syscall.AF_INET6, syscall.AF_UNIX} {
		families.Conditions = append(families.Conditions, seccomp.Condition{Argument: 0, Operation: seccomp.Equal, Value: f})
	}
	_ = families
	filter := seccomp.Filter{NoNewPrivs: true, Flag: seccomp.FilterFlagTSync, Policy: seccomp.Policy{
		DefaultAction: seccomp.ActionErrno | seccomp.Action(syscall.EPERM),
		Syscalls:      []seccomp.SyscallGroup{{Names: list, Action: seccomp.ActionAllow}},
	}}
	if err := seccomp.LoadFilter(filter); err != nil {
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
		for _, name := range strings.Fields(m[2]) {
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
