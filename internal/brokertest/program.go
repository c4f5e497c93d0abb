// Package brokertest runs programs that stand beside this one in tests. They are pinned
// by the module in test/brokers and built into Go's build cache.
//
//	program.go    builds a program
//	port.go       finds ports that servers can have
//	toxiproxy.go  makes the network fail
package brokertest

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// Program returns the path of a tool of the module in test/brokers, and builds it first if
// need be.
func Program(tool string) (string, error) { return ProgramOf("brokers", tool) }

// ProgramOf does the same for another module in test.
func ProgramOf(module, tool string) (string, error) {
	mod, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("go env: %w", err)
	}
	dir := filepath.Join(filepath.Dir(strings.TrimSpace(string(mod))), "test", module)
	out, err := exec.Command("go", "-C", dir, "tool", "-n", tool).Output()
	if err != nil {
		var said string
		if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
			said = string(exit.Stderr)
		}
		return "", fmt.Errorf("build %s in %s: %w: %s", tool, dir, err, said)
	}
	return strings.TrimSpace(string(out)), nil
}
