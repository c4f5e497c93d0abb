package rush

import (
	"os/exec"
	"syscall"
)

// dieWithUs lets the kernel end a process when this one ends, however it ends.
func dieWithUs(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
