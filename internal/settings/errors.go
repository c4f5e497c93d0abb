package settings

import (
	"errors"
	"fmt"

	"boxoffice/internal/id"
)

// Error is an error with the exit status of the process and, if it concerns one, the
// flag.
type Error struct {
	Status int
	Flag   string // such as --data; "": none, or several
	Err    error
}

func (e Error) Error() string { return e.Err.Error() }

func (e Error) Unwrap() error { return e.Err }

// Exit statuses.
const (
	failed     = 1
	WrongUsage = 2 // wrong flags, arguments or variables
)

// Usage is an error in the flags and variables as a whole.
func Usage(format string, args ...any) error {
	return Error{Status: WrongUsage, Err: fmt.Errorf(format, args...)}
}

// BadFlag is an error about the value of a flag or its variable; its text begins
// with the flag.
func BadFlag(flag, format string, args ...any) error {
	return Error{WrongUsage, flag, fmt.Errorf(flag+": "+format, args...)}
}

// ExitStatus returns the exit status for an error: 0 without one, 2 for wrong flags,
// 1 for most others.
func ExitStatus(err error) int {
	var e Error
	switch {
	case err == nil:
		return 0
	case errors.As(err, &e):
		return e.Status
	}
	return failed
}

// FlagOf returns the flag that an error concerns, such as --data; "" if it concerns
// none or several.
func FlagOf(err error) string {
	var e Error
	errors.As(err, &e)
	return e.Flag
}

// CheckID refuses a text that cannot be the id of an event or an account; "" is
// allowed.
func CheckID(flag, text string) error {
	if text != "" && !id.Valid(text) {
		return BadFlag(flag, "%q is not an id, which has %d letters and digits, such as %s", text, id.Len, id.FromSource("event", "example"))
	}
	return nil
}

// Counted formats a number of things: "1 event", "2 events".
func Counted[N ~int | ~int32 | ~int64](n N, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
