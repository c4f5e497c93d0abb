package rush

import (
	"os/exec"
	"syscall"
)

// dieWithUs lets the kernel end a process when this one ends, however it ends. The
// process is in a group of its own: Ctrl-C is for us, who still need it then.
func dieWithUs(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
