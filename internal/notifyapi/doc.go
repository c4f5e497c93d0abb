// Package notifyapi is the contract of the Notification Service, which tells people by
// email what happened to their accounts and orders.
//
// A Notice says what is to be told, not in which words: the service chooses the words,
// the language's forms of dates and amounts, and how it reaches the person. Whoever has
// something to tell keeps it due in its own database until Notify has taken it.
package notifyapi
