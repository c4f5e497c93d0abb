package checkinapi

import "boxoffice/internal/errs"

// Problems are the errors of the operations about the door.
var Problems = errs.Problems{
	Types:      map[string]errs.ProblemType{},
	Operations: map[string][]string{},
}
