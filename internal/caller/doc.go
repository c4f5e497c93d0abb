// Package caller says who asks: an account with its role, or one of our own jobs,
// and what it may read, change and organize. It also finds the caller, the client's
// address and the session token in a request's context.
package caller
