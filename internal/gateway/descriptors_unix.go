//go:build unix

package gateway

import "syscall"

// descriptors is how many files and connections the process may have open; 0
// when that is not known.
func descriptors() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0
	}
	return int(min(uint64(limit.Cur), 1<<20)) //nolint:unconvert // signed on some systems
}
