package errs

import "fmt"

// Reason is what is wrong with a field. The zero value is: nothing.
type Reason struct {
	Code string // such as too-long; pages have a message for it
	Args []any  // what the code is about
	Text string // both in English, to follow the field's name: "must have at most 100 characters"
}

// Why is a reason. Its arguments are those of its format.
func Why(code, format string, args ...any) Reason {
	return Reason{Code: code, Args: args, Text: fmt.Sprintf(format, args...)}
}

// None reports whether nothing is wrong.
func (r Reason) None() bool { return r.Code == "" }

// Error makes a reason an error, for functions that do not know the field.
func (r Reason) Error() string { return r.Text }

// In is a field that is wrong for this reason.
func (r Reason) In(field string) Field {
	return Field{Name: field, Reason: r.Text, Code: r.Code, Args: r.Args}
}

// Bad is an Invalid error about one field.
func (r Reason) Bad(field string) *Error {
	return &Error{Kind: Invalid, Type: "invalid-field", Detail: field + " " + r.Text + ".", Fields: []Field{r.In(field)}}
}
