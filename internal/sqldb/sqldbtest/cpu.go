package sqldbtest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// processTime is the processor time of a process and its children (proc(5), in
// clock ticks of 1/100 s); 0 where that cannot be read.
func processTime(pid int) time.Duration {
	total := ticks(pid, 4) // and of children that have ended
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
	return time.Duration(total) * 10 * time.Millisecond
}

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

// stat is a process's line from its state on, which is field 3.
func stat(pid int) []string {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	return strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+1:]))
}
