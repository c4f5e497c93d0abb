// Package sms sends text messages through a provider with an HTTP API of the shape of
// Twilio's: one request for each message, and calls back about what became of it.
//
//	sms.go       a message, the client, and what its errors mean
//	answers.go   what the provider's codes mean
//	status.go    the provider's calls about what became of a message
//	segments.go  what a message costs
//
// The API has no key that makes a request once. A message whose request broke off may
// have been taken, so the next attempt asks the provider first.
package sms
