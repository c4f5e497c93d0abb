// Package errs is the application's one error type. An error carries a kind,
// which the front door maps to an HTTP status, a stable slug that clients may
// decide on, and, for bad input, the fields at fault. Everything that is not an
// *Error is an internal error: the reader sees an id, the log sees the cause.
package errs

import (
	"errors"
	"fmt"
	"time"
)

// Kind says what went wrong in terms that a caller can act upon.
type Kind uint8

// The kinds, each with the HTTP status that the front door gives it.
const (
	Internal        Kind = iota // 500
	Malformed                   // 400: not JSON, broken UTF-8, unreadable parameter
	Unauthenticated             // 401
	PaymentRequired             // 402: the card was declined
	Forbidden                   // 403
	NotFound                    // 404: also for things that belong to somebody else
	Conflict                    // 409: the state of things forbids it
	Precondition                // 412: If-Match named another version
	TooLarge                    // 413
	Unsupported                 // 415: a body that is not JSON
	Invalid                     // 422: a field is wrong
	TooMany                     // 429
	Unavailable                 // 503: try again
)

// Field is one input that is wrong, named as in the request ("seats[2]"). Its code
// and arguments are for those who say it in another language.
type Field struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
	Code   string `json:"-"`
	Args   []any  `json:"-"`
}

// Error is an application error.
type Error struct {
	Kind       Kind
	Type       string         // stable slug, the end of the problem's type URI
	Detail     string         // a sentence for a person; never secrets
	Fields     []Field        // inputs at fault
	RetryAfter time.Duration  // when trying again may help
	Extra      map[string]any // further members of the problem document
	Err        error          // cause, for the log only
}

func (e *Error) Error() string {
	s := e.Type + ": " + e.Detail
	for _, f := range e.Fields {
		s += fmt.Sprintf(" [%s: %s]", f.Name, f.Reason)
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// New makes an error of a kind.
func New(k Kind, slug, format string, args ...any) *Error {
	return &Error{Kind: k, Type: slug, Detail: fmt.Sprintf(format, args...)}
}

// Bad is an Invalid error about one field; see Why.
func Bad(field, code, format string, args ...any) *Error {
	return Why(code, format, args...).Bad(field)
}

// Fields collects several bad fields into one error; nil when there are none.
func Fields(fields []Field) error {
	if len(fields) == 0 {
		return nil
	}
	return &Error{Kind: Invalid, Type: "invalid-field", Detail: fields[0].Name + " " + fields[0].Reason + ".", Fields: fields}
}

// Missing says that a thing does not exist for this caller.
func Missing(what string) *Error {
	return New(NotFound, "not-found", "There is no such %s.", what)
}

// With adds a member to the problem document.
func (e *Error) With(key string, v any) *Error {
	if e.Extra == nil {
		e.Extra = map[string]any{}
	}
	e.Extra[key] = v
	return e
}

// After sets RetryAfter.
func (e *Error) After(d time.Duration) *Error {
	e.RetryAfter = d
	return e
}

// KindOf is the kind of the first *Error in the chain, else Internal.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}

// Lasting reports whether an error does not change by waiting, such as that of an order
// that does not exist.
func Lasting(err error) bool {
	switch KindOf(err) {
	case NotFound, Malformed, Forbidden, TooLarge, Unsupported, Invalid:
		return true
	}
	return false
}

// Of is the first *Error in the chain; nil when there is none.
func Of(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}

// Is reports whether err is an application error with that slug.
func Is(err error, slug string) bool {
	var e *Error
	return errors.As(err, &e) && e.Type == slug
}
