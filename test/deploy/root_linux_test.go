package deploy

import (
	"bufio"
	"context"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

var upLine = regexp.MustCompile(`msg="pitot is up" .*?\bapi=(\S+)`)

// runInRoot starts the server in a root, as nobody, asks it until it is ready,
// and stops it.
// Without tmp nothing but the data directory can be written.
func runInRoot(t *testing.T, root, data string, tmp bool) {
	t.Helper()
	// A container runtime does the same: namespaces of its own for mounts, the root
	// read-only, /proc, /tmp and a volume.
	script := `set -e
mount --bind "$0" "$0"
mount --bind /proc "$0/proc"
TMP
mount --bind "$1" "$0/data"
mount -o remount,bind,ro "$0"
exec chroot --userspec=65532:65532 "$0" /pitot serve --data=/data --listen.api=127.0.0.1:0 --listen.gateway=127.0.0.1:0 --listen.otlp-grpc= --listen.otlp-http=`
	script = strings.Replace(script, "TMP", map[bool]string{true: `mount -t tmpfs none "$0/tmp"`, false: ""}[tmp], 1)
	if out, err := exec.CommandContext(t.Context(), "unshare", "-m", "true").CombinedOutput(); err != nil {
		t.Skipf("mounts of its own are not allowed here: %v %s", err, out)
	}
	cmd := exec.Command("unshare", "-m", "sh", "-c", script, root, data) //nolint:noctx // it is stopped in order
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill() }()
	addr := make(chan string, 1)
	var log strings.Builder
	read := make(chan struct{})
	go func() {
		defer close(read)
		for sc := bufio.NewScanner(stderr); sc.Scan(); {
			log.WriteString(sc.Text() + "\n")
			if m := upLine.FindStringSubmatch(sc.Text()); m != nil {
				addr <- m[1]
			}
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var api string
	select {
	case api = <-addr:
	case <-read:
		t.Fatalf("it ended:\n%s", &log)
	case <-ctx.Done():
		t.Fatal("it does not come up")
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+api+"/-/ready", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				break
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("it does not become ready: the event engine does not run as nobody in an empty root")
		}
	}
	inRoot(t, root, "health", "--server="+api)
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-read
	if err := cmd.Wait(); err != nil {
		t.Errorf("it ended with %v:\n%s", err, &log)
	}
}

// inRoot runs a command of the program in a root, as nobody.
func inRoot(t *testing.T, root string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "chroot", append([]string{"--userspec=65532:65532", root, "/pitot"}, args...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("pitot %v in a root of its own: %v: %s", args, err, out)
	}
}
