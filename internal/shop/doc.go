// Package shop is the pages for fans, on which they find events, choose seats,
// pay, and come back for their tickets. It asks for what it shows through
// interfaces of its own; package page does what all pages have in common.
//
//	shop.go        the shop and its addresses
//	browse.go      what finding events and an event's page ask for
//	home.go        what is on; search.go: looking for something
//	event.go       one event; seats.go: the map and the list of its seats
//	structured.go  an event for programs that read pages
//	posters.go     its poster, and its picture for links
//	feeds.go       for search engines; calendar.go: for calendars
//	buy.go         seats are held; checkout.go: what is held, until it is paid
//	till.go        where buyers pay, and waiting for the answer
//	enter.go       who the buyer is: guests, signing in and up within the checkout
//	orders.go      reading orders from the services that know a part of them
//	order.go       orders, after the purchase; cancel.go: giving seats back
//	tickets.go     tickets as a page and a PDF, the calendar file
//	account.go     the account; twofactor.go: codes of an authenticator app
//	signin.go      signing in and out; mailed.go: the pages behind mailed links
package shop
