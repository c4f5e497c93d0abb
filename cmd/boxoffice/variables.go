package main

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
	"github.com/alecthomas/kong"

	"boxoffice/internal/payment/providers"
	"boxoffice/internal/settings"
)

// refuseEmpty refuses flags, arguments and variables that are given without a
// value. A shell makes them of a variable that is not set, and to leave them out
// would mean another database, all events, or a server that trusts other proxies.
func refuseEmpty(k *kong.Context) error {
	given := map[*kong.Value]bool{}
	for _, p := range k.Path {
		value := p.Positional
		if p.Flag != nil {
			value = p.Flag.Value
		}
		if value == nil {
			continue
		}
		given[value] = true
		if empty(k.Value(p)) {
			return fmt.Errorf("%s: the value is empty; give one, or leave it out", strings.Trim(value.ShortSummary(), "[] ."))
		}
	}
	for _, f := range k.Flags() {
		for _, name := range f.Envs {
			if text, set := os.LookupEnv(name); set && text == "" && !given[f.Value] {
				return fmt.Errorf("%s is set, but empty: give it a value, or unset it", name)
			}
		}
	}
	return nil
}

// given are the flags of a command that have a value of the command line, and of
// the others those that have one of a variable.
func given(k *kong.Context) (flags, variables map[string]*kong.Flag) {
	flags, variables = map[string]*kong.Flag{}, map[string]*kong.Flag{}
	for _, p := range k.Path {
		if p.Flag != nil {
			flags[p.Flag.Name] = p.Flag
		}
	}
	for _, f := range k.Flags() {
		for _, name := range f.Envs {
			if _, set := os.LookupEnv(name); set && flags[f.Name] == nil {
				variables[f.Name] = f
			}
		}
	}
	return flags, variables
}

// oneDatabase sees to it that a command has one database: a flag counts for more
// than a variable, and PostgreSQL for more than a folder, which a server keeps its
// mails in. A replica goes with its database: one of a variable is passed over where a
// flag names another database than the variable beside it. To any other command two
// flags are refused, since either may be the one that is meant.
func oneDatabase(k *kong.Context) error {
	const folder, server, replica = "data", "database-url", "replica-url"
	flags, variables := given(k)
	switch {
	case flags[server] != nil:
		if flags[folder] != nil && k.Command() != "serve" {
			return errors.New("--data and --database-url are two databases: give one of them")
		}
		if f := variables[replica]; f != nil && another(flags[server]) {
			f.Target.SetZero()
		}
	case flags[folder] != nil:
		for _, name := range []string{server, replica} {
			if f := variables[name]; f != nil {
				f.Target.SetZero()
			}
		}
	}
	return nil
}

// another reports whether a flag has another value than its variable.
func another(f *kong.Flag) bool {
	value, set := os.LookupEnv(f.Envs[0])
	return set && value != f.Target.String()
}

// ofVariable is an error about a flag's value, with the variable that has given it.
func ofVariable(k *kong.Context, err error) error {
	_, variables := given(k)
	f := variables[strings.TrimPrefix(settings.FlagOf(err), "--")]
	if f == nil {
		return err
	}
	return fmt.Errorf("%w (the value of %s)", err, f.Envs[0])
}

// empty reports whether a value is an empty text, or a list that has one or none.
func empty(v reflect.Value) bool {
	switch {
	case !v.IsValid():
		return false
	case v.Kind() == reflect.String:
		return v.Len() == 0
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.String:
		return v.Len() == 0 || slices.ContainsFunc(v.Interface().([]string), func(s string) bool { return s == "" })
	}
	return false
}

// strangers says of each variable of the environment that begins like ours and that
// no flag of any command knows that it is ignored, and which known one is nearest. It
// may be misspelt. Its value is not shown: it may be a password.
//
// They are warnings, since containers get variables that nobody has set by hand: in
// Kubernetes each container knows the addresses of services by variables that begin
// with their names, and a service is likely to be named boxoffice. Those are passed
// over.
func strangers(app *kong.Application, environ []string) (warnings []string) {
	known := providers.Variables()
	for _, cmd := range app.Leaves(true) {
		for _, group := range cmd.AllFlags(false) {
			for _, f := range group {
				known = append(known, f.Envs...)
			}
		}
	}
	slices.Sort(known) // of two that are as near, always the same
	for _, variable := range environ {
		name, value, _ := strings.Cut(variable, "=")
		if !strings.HasPrefix(name, "BOXOFFICE_") || strings.HasPrefix(name, "BOXOFFICE_TEST_") || slices.Contains(known, name) || ofPlatform(name, value) {
			continue
		}
		nearest := slices.MinFunc(known, func(a, b string) int { return distance(name, a) - distance(name, b) })
		warnings = append(warnings, fmt.Sprintf("the variable %s is ignored: it sets no flag of any command; the nearest one that does is %s", name, nearest))
	}
	slices.Sort(warnings)
	return warnings
}

// distance is how many letters of a name are wrong if another one is meant; none if
// it is only the beginning of that.
func distance(name, meant string) int {
	if strings.HasPrefix(meant, name) {
		return 0
	}
	return levenshtein.ComputeDistance(name, meant)
}

// services are the variables by which Kubernetes, and Docker's links, tell of a
// service boxoffice, or boxoffice-metrics, or of its port named http:
// BOXOFFICE_SERVICE_HOST, BOXOFFICE_SERVICE_PORT_HTTP, BOXOFFICE_METRICS_PORT_80_TCP_ADDR.
var services = regexp.MustCompile(`_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$`)

// ofPlatform reports whether a container platform has set a variable. BOXOFFICE_PORT
// is told from somebody's idea of a setting by its value, tcp://10.0.0.1:80.
func ofPlatform(name, value string) bool {
	return services.MatchString(name) || strings.HasSuffix(name, "_PORT") && strings.Contains(value, "://")
}
