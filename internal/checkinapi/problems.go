package checkinapi

import "boxoffice/internal/errs"

// Problems are the errors of the operations about the door.
var Problems = errs.Problems{
	Types: map[string]errs.ProblemType{
		"no-tickets":         {Kind: errs.Conflict, Says: "The booking has no tickets: it is not paid, or it was cancelled."},
		"replaced-too-often": {Kind: errs.Conflict, Says: "The ticket of a seat was replaced as often as that is possible."},
	},
	Operations: map[string][]string{
		"reissue-tickets": {"no-tickets", "replaced-too-often"},
	},
}
