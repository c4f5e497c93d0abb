package payment

import (
	"strings"
	"testing"

	"boxoffice/internal/errs"
	"boxoffice/internal/paymentapi"
)

// Each reason for which a request is refused has a code of its own.
func TestReasonsHaveCodes(t *testing.T) {
	for code, reason := range map[string]errs.Reason{
		"": checkMethod(paymentapi.SandboxOK), "card-number": checkMethod("tok_4111111111111111"), "not-a-token": checkMethod("my card"),
		"required": checkMethod(""), "too-long": checkMethod("t" + strings.Repeat("o", maxMethod)), "not-an-id": checkBookingID("x"),
		"control-character": checkKey("a\nb"), "not-utf8": checkKey("\xff"),
	} {
		if reason.Code != code || reason.None() != (reason.Text == "") {
			t.Errorf("%q: %+v", code, reason)
		}
	}
	if r := checkOver(paymentapi.Free, 1); r.Code != "required" || r.Text != noMethod {
		t.Errorf("%+v", r)
	}
	if r := checkKey(strings.Repeat("k", maxKey+1)); r.Code != "too-long" || len(r.Args) != 1 || r.Args[0] != maxKey || r.Text != "is longer than 255 characters" {
		t.Errorf("%+v", r)
	}
}
