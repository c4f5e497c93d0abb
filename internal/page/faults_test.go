package page

import (
	"bytes"
	"net/http/httptest"
	"strings"
	"testing"

	"boxoffice/internal/errs"
)

// Faults stand beside their inputs, in the reader's language.
func TestFaults(t *testing.T) {
	k, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	bad := errs.Fields([]errs.Field{{Name: "email", Code: "not-an-address"}, {Name: "name", Reason: "is odd"}, {Name: "current", Code: "wrong-password"}})
	r := httptest.NewRequest("POST", "/x", nil)
	r.Header.Set("Accept-Language", "de")
	v := k.visit(httptest.NewRecorder(), r)
	f, ok := v.Faults(bad)
	if !ok || v.status != 422 || f.Text != "Bitte prüfen Sie die markierten Felder." || f.Of("email") != "Bitte geben Sie eine gültige E\u2011Mail-Adresse ein." ||
		f.Of("name") != "Diese Angabe stimmt nicht: is odd." || f.Of("current") != "Dieses Passwort ist falsch." || f.Of("other") != "" || !f.First("email") || f.First("name") {
		t.Errorf("%v %d %+v", ok, v.status, f)
	}
	if _, ok := v.Faults(errs.Missing("event")); ok {
		t.Error("an error that no form is to blame for is shown in one")
	}

	one, err := k.errors.byLang["de"]["error"].Clone()
	if err != nil {
		t.Fatal(err)
	}
	if one, err = one.Parse(`{{define "two"}}{{template "field" (dict "Name" "email" "Type" "email" "Label" "E" "In" "a-" "Value" "<x" "Faults" .F "Hint" "h")}}{{template "field" (dict "Name" "note" "Label" "N" "Optional" true)}}{{end}}`); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := one.ExecuteTemplate(&out, "two", map[string]any{"F": f}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`id="f-a-email"`, `type="text" inputmode="email"`, `id="f-note"`, `value="&lt;x"`, `aria-invalid="true"`, `aria-describedby="f-a-email-fault f-a-email-hint"`, "autofocus", `<p class="fault" id="f-a-email-fault">Bitte geben Sie eine gültige`} {
		if strings.Count(out.String(), want) != 1 {
			t.Errorf("not once %s in %s", want, out.String())
		}
	}
	if strings.Count(out.String(), "required") != 1 {
		t.Errorf("one is required, one is not: %s", out.String())
	}
}
