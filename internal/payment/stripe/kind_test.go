package stripe

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"boxoffice/internal/payment/provider"
)

// Settings come from variables and files, and test keys only where that is wanted.
func TestOpen(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte("sk_live_fromafile\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	accounts := func(text string) string {
		name := filepath.Join(t.TempDir(), "accounts")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	for name, test := range map[string]struct {
		set        map[string]string
		demo       bool
		want       string // part of the error
		test, form bool
	}{
		"nothing":          {want: varSecretKey},
		"live":             {set: map[string]string{varSecretKey: "sk_live_a", varPublishableKey: "pk_live_a", varWebhookSecret: "whsec_a, whsec_b"}, form: true},
		"a file":           {set: map[string]string{varSecretKey + "_FILE": file}},
		"both":             {set: map[string]string{varSecretKey + "_FILE": file, varSecretKey: "sk_live_a"}, want: "both"},
		"no file":          {set: map[string]string{varSecretKey + "_FILE": file + "x"}, want: "_FILE"},
		"test keys":        {set: map[string]string{varSecretKey: "sk_test_a"}, want: varTest},
		"wanted test keys": {set: map[string]string{varSecretKey: "sk_test_a", varTest: "true"}, test: true},
		"a demo":           {set: map[string]string{varSecretKey: "sk_test_a"}, demo: true, test: true},
		"accounts":         {set: map[string]string{varSecretKey: "sk_live_a", varAccountsFile: accounts("# theatres\n\no1 acct_1\no2\tacct_2 # new\n")}},
		"one field":        {set: map[string]string{varSecretKey: "sk_live_a", varAccountsFile: accounts("\no1\n")}, want: "line 2"},
		"twice":            {set: map[string]string{varSecretKey: "sk_live_a", varAccountsFile: accounts("o1 acct_1\no1 acct_2\n")}, want: "line 2"},
		"no account":       {set: map[string]string{varSecretKey: "sk_live_a", varAccountsFile: accounts("o1 ba_1")}, want: "o1"},
		"wrong secret":     {set: map[string]string{varSecretKey: "sk_live_a", varWebhookSecret: "whsec_a,b"}, want: "whsec_"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, v := range Kind.Variables {
				t.Setenv(v, test.set[v])
			}
			o, err := Kind.Open(t.Context(), provider.Opening{Demo: test.demo, Log: slog.New(slog.DiscardHandler)})
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Fatalf("%v, want %q", err, test.want)
			}
			if err != nil {
				return
			}
			defer o.Close()
			if a := o.Gateway.(provider.Accounts).Accounts(); name == "accounts" && (len(a) != 2 || a["o2"] != "acct_2") {
				t.Errorf("accounts %v", a)
			}
			f := o.Gateway.(provider.Former).Form()
			if o.Test != test.test || (f.Fields != nil) != test.form || len(f.Buttons) != 1 || f.Simulated {
				t.Errorf("test %t, form %+v", o.Test, f)
			}
		})
	}
	if Kind.Check("") != nil || Kind.Check("http://127.0.0.1") == nil {
		t.Error("an address is not checked")
	}
}
