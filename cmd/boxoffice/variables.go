package main

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
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
