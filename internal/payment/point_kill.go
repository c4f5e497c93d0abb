//go:build killpoints

package payment

import (
	"os"
	"syscall"
)

// point kills the process, as a power cut would, at the point that BOXOFFICE_KILL_AT
// names: before or after a step of a payment, or once a state is durable, such as "after
// capture" and "is captured". Only test/system builds the program with it.
func point(when, what string) {
	if os.Getenv("BOXOFFICE_KILL_AT") == when+" "+what {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}
