package importer

import (
	"errors"
	"strings"

	"boxoffice/internal/codec"
	"boxoffice/internal/errs"
	"boxoffice/internal/seating"
)

// ReadPlan reads the one seating plan of a file: boxoffice's own document, by itself or
// in an import file, or pretix's. Faults are errors of the field plan.document.
func ReadPlan(file File) (*seating.PlanDocument, error) {
	var keys map[string]codec.Raw
	if codec.ReadKnown(file.Data, &keys) == nil && keys["sections"] != nil && keys["boxoffice"] == nil {
		doc, err := seating.ReadDocument(file.Data)
		if err != nil {
			if f, ok := codec.FaultOf(err); ok {
				return nil, errs.Bad("plan.document", "plan-document", "is not a seating plan: %s %s", f.Path, f.Reason)
			}
			return nil, errs.Bad("plan.document", "plan-document", "is not a seating plan")
		}
		return doc, nil
	}
	found, err := readFile(file, true)
	var fault FileError
	switch {
	case errors.As(err, &fault):
		return nil, errs.Bad("plan.document", "plan-document", "%s", strings.TrimSpace(fault.Path+" "+fault.Reason))
	case err != nil:
		return nil, err
	case len(found.Plans) != 1:
		return nil, errs.Bad("plan.document", "plan-document", "must hold one seating plan, and holds %d", len(found.Plans))
	}
	return found.Plans[0].Document, nil
}
