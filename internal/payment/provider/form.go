package provider

import "boxoffice/internal/paymentapi"

// Former is implemented by gateways that buyers can choose a method of on the pay page.
type Former interface {
	Form() paymentapi.Form
}
