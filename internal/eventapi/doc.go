// Package eventapi holds the types of the event service that others may use.
package eventapi
