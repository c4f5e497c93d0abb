package rush

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const tick = 10 * time.Millisecond // USER_HZ is 100

// CPUTime returns the processor time of a process and its children, including those
// that have ended (proc(5): utime, stime, cutime, cstime, in clock ticks of 1/100
// s); 0 if it cannot be read.
func CPUTime(pid int) time.Duration {
	total := ticks(pid, 4)
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, name := range stats {
		child, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		if err != nil {
			continue
		}
		if fields := stat(child); len(fields) > 14 && fields[1] == strconv.Itoa(pid) {
			total += ticks(child, 2)
		}
	}
	return time.Duration(total) * tick
}

// ownTime returns the processor time of a process without its children.
func ownTime(pid int) time.Duration { return time.Duration(ticks(pid, 2)) * tick }

// ticks adds up the first n of utime, stime, cutime and cstime.
func ticks(pid, n int) int64 {
	fields := stat(pid)
	if len(fields) < 15 {
		return 0
	}
	var sum int64
	for _, f := range fields[11 : 11+n] {
		v, _ := strconv.ParseInt(f, 10, 64)
		sum += v
	}
	return sum
}

// stat returns the fields of a process's stat line from its state, field 3, on.
func stat(pid int) []string {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	return strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+1:]))
}

// postmaster returns the main process of a PostgreSQL server on this machine, given
// one of its other processes; 0 if that is not one.
func postmaster(backend int) int {
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", backend))
	if err != nil || !strings.HasPrefix(string(name), "postgres") {
		return 0
	}
	fields := stat(backend)
	if len(fields) < 2 {
		return 0
	}
	parent, _ := strconv.Atoi(fields[1])
	return parent
}
