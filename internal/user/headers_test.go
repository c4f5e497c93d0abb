package user

import (
	"testing"

	"boxoffice/internal/errs"
)

// A DELETE has the password and the code in headers: what is wrong with them names
// the headers.
func TestFaultsOfHeaders(t *testing.T) {
	err := inHeaders(errs.Fields([]errs.Field{{Name: "current_password", Reason: "is wrong"}, {Name: "code", Reason: "is wrong"}, {Name: "name", Reason: "is odd"}}))
	if got := errs.Of(err).Fields; got[0].Name != "X-Current-Password" || got[1].Name != "X-Code" || got[2].Name != "name" {
		t.Errorf("%+v", got)
	}
	if err := inHeaders(nil); err != nil {
		t.Error(err)
	}
}
