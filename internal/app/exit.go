package app

import (
	"errors"
	"fmt"
)

// exit is an error with the status that the process ends with, and the flag that it
// is about, if it is about one.
type exit struct {
	status int
	flag   string // such as --data
	error
}

func (e exit) Unwrap() error { return e.error }

// usage is an error of whoever gave the flags and variables.
func usage(format string, args ...any) error { return exit{2, "", fmt.Errorf(format, args...)} }

// badFlag is an error of whoever gave a flag its value, on the command line or by its
// variable.
func badFlag(flag, format string, args ...any) error {
	return exit{2, flag, fmt.Errorf(flag+": "+format, args...)}
}

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

// FlagOf is the flag that an error is about, such as --data; "" when it is about
// none, or about several.
func FlagOf(err error) string {
	var e exit
	errors.As(err, &e)
	return e.flag
}
