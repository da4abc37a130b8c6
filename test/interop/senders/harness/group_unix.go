//go:build unix

package harness

import (
	"os/exec"
	"syscall"
)

// endGroup makes the command lead a process group of its own, which ends with it.
func endGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
