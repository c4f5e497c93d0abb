package stripe

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"boxoffice/internal/payment/provider"
)

// The variables that hold the settings. A secret can also be in a file, which the variable
// with _FILE at its end names. No flag has them: command lines can be read by others.
const (
	varSecretKey      = "BOXOFFICE_STRIPE_SECRET_KEY"
	varPublishableKey = "BOXOFFICE_STRIPE_PUBLISHABLE_KEY"
	varWebhookSecret  = "BOXOFFICE_STRIPE_WEBHOOK_SECRET" // several with commas or spaces between them
	varAccountsFile   = "BOXOFFICE_STRIPE_ACCOUNTS_FILE"  // lines with an organizer's id and their account
	varTest           = "BOXOFFICE_STRIPE_TEST"           // true: test keys will do
	varURL            = "BOXOFFICE_STRIPE_URL"            // of another API than Stripe's, for tests
)

// Kind is Stripe as --payments names it: "stripe".
var Kind = provider.Kind{
	Name: "stripe", Check: check, Open: open,
	Variables: []string{varSecretKey, varSecretKey + "_FILE", varPublishableKey, varWebhookSecret, varWebhookSecret + "_FILE", varAccountsFile, varTest, varURL},
}

func check(address string) error {
	if address != "" {
		return errors.New("stripe has no address here; its keys are variables, such as " + varSecretKey)
	}
	return nil
}

func open(ctx context.Context, o provider.Opening) (provider.Opened, error) {
	s, err := read(os.Getenv)
	if err != nil {
		return provider.Opened{}, err
	}
	g, err := New(s)
	if err != nil {
		return provider.Opened{}, err
	}
	if s.Test() && !o.Demo && os.Getenv(varTest) != "true" {
		return provider.Opened{}, fmt.Errorf("stripe: the keys are test keys, by which no money moves; give live keys, or set %s=true", varTest)
	}
	if len(s.WebhookSecrets) == 0 {
		o.Log.WarnContext(ctx, "stripe's webhooks are refused, so that disputes are noticed late: "+varWebhookSecret+" is not set")
	}
	return provider.Opened{Gateway: g, Test: s.Test(), Close: func() {}}, nil
}

// read reads the settings from variables and the files that they name.
func read(variable func(string) string) (Settings, error) {
	s := Settings{PublishableKey: variable(varPublishableKey), URL: variable(varURL)}
	var err error
	if s.SecretKey, err = secret(variable, varSecretKey); err != nil {
		return s, err
	}
	if s.SecretKey == "" {
		return s, fmt.Errorf("stripe: %s or %s_FILE is not set", varSecretKey, varSecretKey)
	}
	hooks, err := secret(variable, varWebhookSecret)
	s.WebhookSecrets = strings.FieldsFunc(hooks, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' })
	if err != nil || variable(varAccountsFile) == "" {
		return s, err
	}
	s.Accounts, err = readAccounts(variable(varAccountsFile))
	return s, err
}

// readAccounts reads lines with an organizer's id and their account. Empty ones, and what
// follows a #, are for people.
func readAccounts(file string) (map[string]string, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("stripe: %s: %w", varAccountsFile, err)
	}
	accounts := map[string]string{}
	for n, line := range strings.Split(string(raw), "\n") {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		if len(fields) != 2 || accounts[fields[0]] != "" {
			return nil, fmt.Errorf("stripe: line %d of %s is not an organizer's id and their account, or names an organizer again", n+1, file)
		}
		accounts[fields[0]] = fields[1]
	}
	return accounts, nil
}

// secret reads a variable, or the file that is named in its place.
func secret(variable func(string) string, name string) (string, error) {
	value, file := variable(name), variable(name+"_FILE")
	switch {
	case file == "":
		return strings.TrimSpace(value), nil
	case value != "":
		return "", fmt.Errorf("stripe: %s and %s_FILE are both set", name, name)
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("stripe: %s_FILE: %w", name, err)
	}
	return strings.TrimSpace(string(raw)), nil
}
