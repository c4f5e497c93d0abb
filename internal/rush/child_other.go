//go:build !linux

package rush

import "os/exec"

// killWithParent does nothing here: only Linux supports it.
func killWithParent(*exec.Cmd) {}
