package payment

import (
	"boxoffice/internal/payment/provider"
	"boxoffice/internal/paymentapi"
)

// Form is the pay page's form of the gateway; the zero value if it has none.
func (s *Service) Form() paymentapi.Form {
	if g, ok := s.gateway.(provider.Former); ok {
		return g.Form()
	}
	return paymentapi.Form{}
}
