package rush

import (
	"os/exec"
	"syscall"
)

// killWithParent makes the kernel kill a process when this one ends, however it
// ends. The process gets a group of its own, so that Ctrl-C reaches only this
// process, which still needs it then.
func killWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
