// Package shop serves the pages for fans, on which they find events, select seats, pay,
// and return for their tickets. It gets its data through interfaces that it declares
// itself; package page holds what all pages share.
//
//	shop.go        the shop and its routes
//	browse.go      the interfaces for finding events and showing an event
//	home.go        the home page; search.go: searching
//	event.go       one event; seats.go: the map and the list of its seats
//	structured.go  structured data about an event, for search engines
//	posters.go     an event's poster, and its preview picture
//	feeds.go       site maps for search engines; calendar.go: calendar feeds
//	buy.go         holding seats; checkout.go: a purchase until it is paid
//	pay.go         paying, and waiting for the result
//	enter.go       identifying the buyer in the checkout: guests, log-in, sign-up
//	orders.go      reading orders from the services that know parts of them
//	order.go       orders after the purchase; cancel.go: cancelling seats
//	tickets.go     tickets as a page and a PDF, the calendar file
//	account.go     the account; twofactor.go: codes of an authenticator app
//	signin.go      signing in and out; mailed.go: the pages behind mailed links
package shop
