//go:build unix

package rush

import "syscall"

// openFiles returns how many files this process, and a server that it starts, may
// have open (Go programs raise their soft limit at start); 0 if unknown.
func openFiles() int {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return 0
	}
	return int(min(uint64(l.Cur), 1<<30))
}
