// Package wallet is the wallet service: passes of tickets for Apple Wallet and Google
// Wallet, and updates for those of Apple. It works if certificates are given.
//
//	keys.go      the certificates and keys, from the settings
//	service.go   makes passes; serial numbers and their tokens
//	http.go      the web service that devices ask (Apple's protocol)
//	follow.go    finds passes whose tickets may have changed: ledgers, messages, replaced tickets
//	check.go     compares these with their tickets, and tells devices
//	store.go     the tables
//	apple        the .pkpass, and notifications
//	google       the links
//
//	device registers a pass ─► its booking is followed ─► something happens to it
//	     ▲                                                        │
//	     └─ asks which, fetches the pass ◄─ notification ◄─ the pass says something else
//
// A pass that nobody has registered has no row: its serial number names booking and seat,
// and its token is a keyed hash. Passes are made anew whenever somebody asks.
package wallet
