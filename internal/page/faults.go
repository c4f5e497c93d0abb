package page

import "boxoffice/internal/errs"

// Faults describe what is wrong with a form that was sent, in the reader's language:
// one text for the whole form, and one for each faulty input. The zero value is a
// form without faults.
type Faults struct {
	Text   string
	fields []errs.Field
}

// Of returns what is wrong with an input; "" if nothing is.
func (f Faults) Of(name string) string {
	for _, one := range f.fields {
		if one.Name == name {
			return one.Reason
		}
	}
	return ""
}

// First reports whether an input is the first faulty one, which gets the focus.
func (f Faults) First(name string) bool { return len(f.fields) > 0 && f.fields[0].Name == name }

// Any reports whether there are faults.
func (f Faults) Any() bool { return f.Text != "" }

// Faults is Reason together with the faults of single inputs. The form is shown
// again with them; ok is false for errors that are not for pages.
func (v *Visit) Faults(err error) (f Faults, ok bool) {
	if f.Text, ok = v.Reason(err); !ok {
		return Faults{}, false
	}
	e := errs.Of(err)
	for _, one := range e.Fields {
		f.fields = append(f.fields, errs.Field{Name: one.Name, Reason: v.Fault(one)})
	}
	if e.Type == "invalid-field" {
		f.Text = v.T("fault.some")
	}
	return f, true
}

// Fault describes what is wrong with a field as a sentence in the reader's language:
// the message of its code, with the arguments filled in as A, B and so on. Codes
// that occur in no form have no message; their English reason is quoted.
func (v *Visit) Fault(f errs.Field) string {
	pairs := make([]any, 0, 2*len(f.Args))
	for i, arg := range f.Args {
		pairs = append(pairs, string(rune('A'+i)), arg)
	}
	key := "fault." + f.Code
	if text := v.T(key, pairs...); text != key {
		return text
	}
	return v.T("fault.other", "Reason", f.Reason)
}
