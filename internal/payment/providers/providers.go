// Package providers is the list of the payment gateways that this program knows, and
// reads the setting that chooses one. A gateway is a folder beside this one; to add one,
// add it to Kinds.
package providers

import (
	"context"
	"slices"
	"strings"

	"boxoffice/internal/payment/provider"
	"boxoffice/internal/payment/sandbox"
	"boxoffice/internal/payment/stripe"
	"boxoffice/internal/settings"
)

// Kinds are the gateways that --payments can name.
var Kinds = []provider.Kind{sandbox.Kind, stripe.Kind}

// None is the setting of a ticket office without a gateway.
const None = "none"

// Check refuses a wrong value of --payments before anything is opened.
func Check(payments string) error {
	_, _, err := chosen(payments)
	return err
}

// Open opens the gateway that --payments names; without one the result has none.
func Open(ctx context.Context, payments string, o provider.Opening) (provider.Opened, error) {
	kind, address, err := chosen(payments)
	if err != nil || kind == nil {
		return provider.Opened{Close: func() {}}, err
	}
	o.Address = address
	opened, err := kind.Open(ctx, o)
	opened.Name = kind.Name
	return opened, err
}

// chosen is the kind that --payments names; nil: none.
func chosen(payments string) (*provider.Kind, string, error) {
	name, address, named := strings.Cut(payments, "=")
	if (name == "" || name == None) && !named {
		return nil, "", nil
	}
	i := slices.IndexFunc(Kinds, func(k provider.Kind) bool { return k.Name == name })
	if i < 0 {
		return nil, "", settings.BadFlag("--payments", "%q is not a payment gateway; give %s", name, names())
	}
	if named && address == "" {
		return nil, "", settings.BadFlag("--payments", "there is nothing after %s=", name)
	}
	if err := Kinds[i].Check(address); err != nil {
		return nil, "", settings.BadFlag("--payments", "%w", err)
	}
	return &Kinds[i], address, nil
}

// Variables are those of the environment that gateways read.
func Variables() (list []string) {
	for _, k := range Kinds {
		list = append(list, k.Variables...)
	}
	return list
}

func names() string {
	list := []string{None}
	for _, k := range Kinds {
		list = append(list, k.Name)
	}
	return strings.Join(list[:len(list)-1], ", ") + " or " + list[len(list)-1]
}
