// Package brokers pins the servers that tests run beside the program, in a module of its
// own, so that they are no dependencies of it. They are built into Go's build cache:
//
//	go tool -n nats-server                                  builds it if need be, and prints where it is
//	go tool -n github.com/Shopify/toxiproxy/v2/cmd/server   the same of a proxy whose network fails
package brokers
