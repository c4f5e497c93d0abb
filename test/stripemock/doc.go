// Package stripemock pins Stripe's own stub server, which checks requests against the
// published description of its API, in a module of its own: it is no dependency of the
// program. Tests of internal/payment/stripe run it.
//
//	go tool -n stripe-mock   builds it if need be, and prints where it is
package stripemock
