package deploy

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// TestImage builds the image of a release, with no daemon and no other image, and
// runs what is in it.
func TestImage(t *testing.T) {
	binary := os.Getenv("PITOT_BIN")
	if binary == "" {
		t.Skip("PITOT_BIN names no binary")
	}
	if _, err := exec.LookPath("buildah"); err != nil || os.Getuid() != 0 {
		t.Skip("it takes buildah and root")
	}
	dir := t.TempDir()
	command := func(name string, args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), name, args...)
		cmd.Dir = "../.."
		out, err := cmd.Output()
		if err != nil {
			detail := ""
			if e, ok := errors.AsType[*exec.ExitError](err); ok {
				detail = string(e.Stderr)
			}
			t.Fatalf("%s %v: %v\n%s%s", name, args, err, out, detail)
		}
		return strings.TrimSpace(string(out))
	}
	buildah := func(args ...string) string {
		t.Helper()
		return command("buildah", append([]string{"--storage-driver=vfs", "--root=" + dir + "/storage", "--runroot=" + dir + "/run"}, args...)...)
	}
	command("go", "run", "./deploy/release", "-version=v0.0.0", "-systems=", "-out="+dir+"/dist")
	command("cp", binary, dir+"/dist/pitot_linux_"+runtime.GOARCH)
	buildah("build", "--isolation=chroot", "--format=docker", "--file=deploy/Containerfile.release", "--build-arg=TARGETARCH="+runtime.GOARCH, "--tag=pitot", dir)
	checkImage(t, buildah("inspect", "--type=image", "pitot"))

	root := buildah("mount", buildah("from", "--name=pitot", "pitot"))
	defer buildah("umount", "pitot")
	checkTree(t, root)
	for d := root; len(d) > len(os.TempDir()); d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	data := t.TempDir()
	for _, d := range []string{data, filepath.Dir(data)} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chown(data, 65532, 65532); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(root, "proc"), 0o555); err != nil { // the runtime makes it
		t.Fatal(err)
	}
	runInRoot(t, root, data, false)
	// Time zones of budgets are in the program: the image has none.
	file := filepath.Join(root, "zones.yml")
	if err := os.WriteFile(file, []byte("budgets:\n  - {name: all, limit: 10, time_zone: Asia/Shanghai}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	inRoot(t, root, "check", "/zones.yml")
}

// checkImage checks what a runtime is told.
func checkImage(t *testing.T, text string) {
	t.Helper()
	var got struct {
		Docker struct {
			Config struct {
				User, WorkingDir, StopSignal string
				Entrypoint, Cmd              []string
				Volumes                      map[string]any
				Healthcheck                  struct{ Test []string }
			}
		}
	}
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	c := got.Docker.Config
	_, volume := c.Volumes["/data"]
	if c.User != "65532:65532" || !volume || strings.Join(c.Entrypoint, " ") != "/pitot" || len(c.Cmd) == 0 || c.Cmd[0] != "serve" || strings.Join(c.Healthcheck.Test, " ") != "CMD /pitot health" {
		t.Errorf("the image says %+v", c)
	}
}

// checkTree checks that an image holds what it should and nothing else.
func checkTree(t *testing.T, root string) {
	t.Helper()
	want := map[string]fs.FileMode{
		"data": fs.ModeDir | 0o700, "etc": fs.ModeDir | 0o755, "etc/group": 0o644, "etc/passwd": 0o644, "pitot": 0o755, "tmp": fs.ModeDir | fs.ModeSticky | 0o777,
	}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(root, path)
		if mode, ok := want[name]; !ok || info.Mode() != mode {
			t.Errorf("the image has %s with mode %v, want %v", name, info.Mode(), mode)
		}
		delete(want, name)
		if owner := info.Sys().(*syscall.Stat_t).Uid; (owner == 65532) != (name == "data") {
			t.Errorf("%s belongs to %d", name, owner)
		}
		return nil
	})
	if err != nil || len(want) > 0 {
		t.Errorf("the image lacks %v (%v)", want, err)
	}
}
