package app

import (
	"errors"
	"fmt"
)

// exit is an error with the status that the process ends with.
type exit struct {
	status int
	error
}

func (e exit) Unwrap() error { return e.error }

// usage is an error of whoever gave the flags and variables.
func usage(format string, args ...any) error { return exit{2, fmt.Errorf(format, args...)} }

// ExitStatus is the status for an error: 0 without one, 2 for wrong flags, 1 for
// all else.
func ExitStatus(err error) int {
	var e exit
	switch {
	case err == nil:
		return 0
	case errors.As(err, &e):
		return e.status
	}
	return 1
}
