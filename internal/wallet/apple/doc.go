// Package apple makes passes for Apple Wallet, and tells devices that one has changed.
//
//	identity.go  the certificates: read and checked
//	pass.go      Pass: pass.json and the other files of a .pkpass, signed and packed
//	content.go   what pass.json says about a ticket
//	push.go      the notification that a pass has changed, over APNs
//
// After Apple's documentation "Wallet Passes": "Building a Pass" (manifest, signature),
// "Pass" and "Pass.EventTicket" (pass.json), "PassFieldContent" (fields, change messages),
// and "Adding a Web Service to Update Passes"; all below
// https://developer.apple.com/documentation/walletpasses.
package apple
