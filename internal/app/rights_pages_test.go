package app

// pageRights is the status that pages answer each caller; see rights. Callers that
// are not signed in are sent to the sign-in page (303).
var pageRights = map[string]string{
	//                              nobody stranger owner organizer rival admin
	"GET /":                     "200 200 200 200 200 200",
	"GET /e/{id}":               "301 301 301 301 301 301",
	"GET /e/{id}/{slug}":        "200 200 200 200 200 200",
	"GET /developers":           "200 200 200 200 200 200",
	"GET /sign-in":              "200 200 200 200 200 200",
	"POST /sign-in":             "422 422 422 422 422 422",
	"POST /sign-out":            "303 303 303 303 303 303",
	"GET /verify":               "200 200 200 200 200 200",
	"POST /verify":              "422 422 422 422 422 422",
	"GET /reset":                "200 200 200 200 200 200",
	"POST /reset":               "422 422 422 422 422 422",
	"GET /offline":              "200 200 200 200 200 200",
	"GET /sw.js":                "200 200 200 200 200 200",
	"GET /favicon.ico":          "200 200 200 200 200 200",
	"GET /manifest.webmanifest": "200 200 200 200 200 200",
	"GET /assets/{name}":        "200 200 200 200 200 200",

	// finding events, and the page of one
	"GET /search":              "200 200 200 200 200 200",
	"GET /e/{id}/poster.svg":   "200 200 200 200 200 200",
	"GET /e/{id}/og.png":       "200 200 200 200 200 200",
	"GET /e/{id}/calendar.ics": "200 200 200 200 200 200",
	"GET /calendar.ics":        "200 200 200 200 200 200",
	"GET /robots.txt":          "200 200 200 200 200 200",
	"GET /sitemap.xml":         "200 200 200 200 200 200",

	// buying, and signing in
	"POST /e/{id}/hold":                "307 303 303 303 303 303",
	"GET /checkout/{booking}":          "303 404 200 404 404 404",
	"GET /checkout/{booking}/wait":     "303 404 303 404 404 404",
	"POST /checkout/{booking}/release": "303 404 303 404 404 404",
	"POST /checkout/{booking}/guest":   "303 404 303 404 404 404",
	"POST /checkout/{booking}/code":    "303 404 303 404 404 404",
	"POST /checkout/{booking}/resend":  "303 404 303 404 404 404",
	"POST /checkout/{booking}/phone":   "303 404 303 404 404 404",
	"POST /checkout/{booking}/sign-in": "303 404 422 404 404 404",
	"POST /checkout/{booking}/sign-up": "303 404 303 404 404 404",
	"GET /pay/{booking}":               "303 404 200 404 404 404",
	"POST /pay/{booking}":              "303 404 303 404 404 404",
	"GET /sign-up":                     "200 200 200 200 200 200",
	"POST /sign-up":                    "303 303 303 303 303 303",
	"GET /forgot":                      "200 200 200 200 200 200",
	"POST /forgot":                     "303 303 303 303 303 303",

	// after the purchase: organizers read orders for their events, and get no tickets for them
	"GET /orders":                                 "303 200 200 200 200 200",
	"GET /orders/{booking}":                       "303 404 200 200 404 200",
	"GET /orders/{booking}/enter":                 "303 404 303 404 404 303", // owners go on to cancel
	"POST /orders/{booking}/code":                 "303 404 303 404 404 303",
	"POST /orders/{booking}/enter":                "303 404 303 404 404 303",
	"GET /orders/{booking}/cancel":                "303 404 200 403 404 200",
	"POST /orders/{booking}/cancel":               "303 404 303 403 404 303",
	"POST /orders/{booking}/link":                 "303 404 303 403 404 403", // the link is its owner's alone
	"GET /orders/{booking}/tickets":               "303 404 200 404 404 404",
	"POST /orders/{booking}/tickets":              "303 404 303 404 404 404",
	"GET /orders/{booking}/tickets.pdf":           "303 404 200 404 404 404",
	"GET /orders/{booking}/tickets/phone":         "303 404 200 404 404 404",
	"POST /orders/{booking}/tickets/phone":        "303 404 422 404 404 404", // without a key
	"GET /orders/{booking}/calendar.ics":          "303 404 200 200 404 200",
	"GET /orders/{booking}/invoices":              "303 404 200 200 404 200",
	"GET /orders/{booking}/invoices/{number}.pdf": "303 404 200 200 404 200",
	"GET /orders/{booking}/invoice-details":       "303 404 200 403 404 200",
	"POST /orders/{booking}/invoice-details":      "303 404 303 403 404 303",
	"GET /gate":                                   "200 200 200 200 200 200", // its devices have rights of their own
	"GET /gate-sw.js":                             "200 200 200 200 200 200",
	"GET /tickets/keys.json":                      "200 200 200 200 200 200",
	"GET /account":                                "303 200 200 200 200 200",
	"POST /account":                               "303 303 303 303 303 303",
	"POST /account/password":                      "303 422 422 422 422 422", // the wrong one
	"POST /account/verification":                  "303 409 409 409 409 409", // no address to verify
	"POST /account/sessions":                      "303 303 303 303 303 303",
	"POST /account/emails":                        "303 403 403 403 403 403", // made in bulk: no address
	"GET /unsubscribe":                            "404 404 404 404 404 404", // no token
	"POST /unsubscribe":                           "404 404 404 404 404 404",
	"GET /account/two-factor":                     "303 200 200 200 200 200",
	"POST /account/two-factor":                    "303 422 422 422 422 422",
	"POST /account/two-factor/confirm":            "303 409 409 409 409 409", // no secret yet
	"POST /account/two-factor/end":                "303 422 422 422 422 422",
	"GET /account/export":                         "303 200 200 200 200 200",
	"GET /account/delete":                         "303 200 200 200 200 200",
	"POST /account/delete":                        "303 303 303 409 303 303", // made in bulk: no password to ask for; whoever has an event on sale stays

	"GET /orders/{booking}/tickets/{seat}.pkpass":        "303 404 404 404 404 404", // no wallet is set up; see TestPasses
	"GET /orders/{booking}/tickets/{seat}/google-wallet": "303 404 404 404 404 404",

	// the organizer's console
	"GET /organizer":                                  "303 403 403 200 200 200",
	"GET /organizer/events/new":                       "303 403 403 200 200 200",
	"POST /organizer/events/new":                      "303 403 403 422 422 422", // an empty form
	"GET /organizer/events/{event}":                   "303 403 403 200 404 200",
	"GET /organizer/events/{event}/figures":           "303 403 403 200 404 200",
	"GET /organizer/events/{event}/edit":              "303 403 403 200 404 200",
	"POST /organizer/events/{event}/edit":             "303 403 403 412 404 412", // another version
	"GET /organizer/events/{event}/sale":              "303 403 403 404 404 404", // it does not say which step
	"POST /organizer/events/{event}/sale":             "303 403 403 409 404 409", // another version
	"GET /organizer/events/{event}/cancel":            "303 403 403 200 404 200",
	"POST /organizer/events/{event}/cancel":           "303 403 403 303 404 303",
	"POST /organizer/events/{event}/seats":            "303 403 403 303 404 303",
	"POST /organizer/events/{event}/gift":             "303 403 403 404 404 404", // no such booking
	"POST /organizer/events/{event}/release":          "303 403 403 404 404 404", // no such booking
	"GET /organizer/events/{event}/attendees.csv":     "303 403 403 200 404 200",
	"GET /organizer/events/{event}/orders/{booking}":  "303 403 403 200 404 200",
	"POST /organizer/events/{event}/orders/{booking}": "303 403 403 409 404 409", // made in bulk: without an address
	"GET /organizer/events/{event}/refunds":           "303 403 403 200 404 200",
	"POST /organizer/events/{event}/refunds":          "303 403 403 303 404 303",
	"GET /organizer/events/{event}/settlement":        "303 403 403 200 404 200",
	"GET /organizer/events/{event}/settlement.csv":    "303 403 403 200 404 200",
	"GET /organizer/events/{event}/settlement.pdf":    "303 403 403 200 404 200",
	"GET /organizer/events/{event}/door":              "303 403 403 200 404 200",
	"GET /organizer/events/{event}/door/figures":      "303 403 403 200 404 200",
	"GET /organizer/events/{event}/door/settings":     "303 403 403 200 404 200",
	"POST /organizer/events/{event}/door/settings":    "303 403 403 412 404 412", // another version
	"GET /organizer/events/{event}/door/devices":      "303 403 403 200 404 200",
	"POST /organizer/events/{event}/door/devices":     "303 403 403 200 404 200", // the page with the code
	"GET /organizer/events/{event}/door/guests":       "303 403 403 200 404 200",
	"GET /organizer/events/{event}/door/log":          "303 403 403 200 404 200",
	"GET /organizer/events/{event}/door/log.csv":      "303 403 403 200 404 200",
	"GET /organizer/seller":                           "303 403 403 200 200 200",
	"POST /organizer/seller":                          "303 403 403 303 303 303",
	"GET /organizer/invoices":                         "303 403 403 200 200 200",
	"GET /organizer/invoices.csv":                     "303 403 403 200 200 200",
	"GET /organizer/webhooks":                         "303 403 403 200 200 200",
	"POST /organizer/webhooks":                        "303 403 403 303 303 303",
	"GET /organizer/webhooks/{webhook}":               "303 403 403 200 404 200",
	"POST /organizer/webhooks/{webhook}":              "303 403 403 303 404 303",
	"GET /organizer/webhooks/{webhook}/{message}":     "303 403 403 200 404 200",
	"GET /organizer/reconciliation":                   "303 403 403 404 404 200",
	"GET /organizer/reconciliation/{day}":             "303 403 403 404 404 200",

	"POST /organizer/events/{event}/orders/{booking}/refund": "303 403 403 303 404 303",
	"POST /organizer/events/{event}/orders/{booking}/seats":  "303 403 403 303 404 303",

	"POST /organizer/events/{event}/orders/{booking}/tickets": "303 403 403 303 404 303",
	"POST /organizer/events/{event}/orders/{booking}/list":    "303 403 403 303 404 303",

	"GET /organizer/events/{event}/door/attendance.csv":    "303 403 403 200 404 200",
	"GET /organizer/events/{event}/door/devices/{device}":  "303 403 403 200 404 200",
	"POST /organizer/events/{event}/door/devices/{device}": "303 403 403 303 404 303",
	"GET /organizer/events/{event}/door/guests/{booking}":  "303 403 403 200 404 200",
	"POST /organizer/events/{event}/door/guests/{booking}": "303 403 403 303 404 303",

	"GET /organizer/events/{event}/orders/{booking}/evidence.zip": "303 403 403 200 404 200",
	"GET /organizer/events/{event}/announcements":                 "303 403 403 200 404 200",
	"POST /organizer/events/{event}/announcements":                "303 403 403 303 404 303",
	"GET /organizer/events/{event}/announcements/{announcement}":  "303 403 403 200 404 200",
	"POST /organizer/events/{event}/announcements/{announcement}": "303 403 403 303 404 303",
}

// pagesOnDrafts is the same for an event that is a draft, where it makes a
// difference.
var pagesOnDrafts = map[string]string{
	"GET /e/{id}/{slug}":       "404 404 404 200 404 200",
	"GET /e/{id}/poster.svg":   "404 404 404 200 404 200",
	"GET /e/{id}/og.png":       "404 404 404 200 404 200",
	"GET /e/{id}/calendar.ics": "404 404 404 200 404 200",
}

// pageForms are what is posted to pages.
var pageForms = map[string]string{
	"POST /sign-in": "name=nobody&password=wrong+password",
	"POST /verify":  "token=x",
	"POST /reset":   "token=x&password=velvet+curtain",

	"POST /account":                                               "name=Ann",
	"POST /account/password":                                      "current_password=wrong+one&password=velvet+curtain",
	"POST /account/two-factor":                                    "current_password=wrong+one",
	"POST /account/two-factor/confirm":                            "code=000000",
	"POST /account/two-factor/end":                                "current_password=wrong+one&code=000000",
	"POST /organizer/events/new":                                  "do=save",
	"POST /organizer/events/{event}/edit":                         "do=save&version=77&tiers%5B0%5D.name=A&tiers%5B0%5D.price=5",
	"POST /organizer/events/{event}/sale":                         "to=pause&version=77",
	"POST /organizer/events/{event}/cancel":                       "title=gala",
	"POST /organizer/events/{event}/refunds":                      "do=resume",
	"POST /organizer/events/{event}/seats":                        "kind=block&quantity=2",
	"POST /organizer/events/{event}/gift":                         "booking=x&name=Ada&email=ada@example.org",
	"POST /organizer/events/{event}/release":                      "booking=x",
	"POST /organizer/events/{event}/announcements":                "subject=Snow&text=Come+early.",
	"POST /organizer/events/{event}/announcements/{announcement}": "do=save&subject=Hail&text=Come+early.",
	"POST /organizer/events/{event}/door/settings":                "version=77&entrances%5B0%5D.id=main&entrances%5B0%5D.name=Main&reentry=never&alone=admit",
	"POST /organizer/events/{event}/door/devices":                 "name=Left+door",
	"POST /organizer/events/{event}/door/guests/{booking}":        "seat=$seat&kind=in&reason=The+code+was+torn.",
	"POST /organizer/seller":                                      "name=Hall&street=Theaterplatz+1&city=Berlin&country=de&tax_rate=7&time_zone=Europe%2FBerlin",
	"POST /organizer/events/{event}/orders/{booking}/refund":      "do=back&amount=1&left=5000&reason=Bad+view.",
	"POST /organizer/events/{event}/orders/{booking}/seats":       "seats=$seat&reason=Closed.",
	"POST /organizer/events/{event}/orders/{booking}/tickets":     "reason=Lost.",
	"POST /organizer/events/{event}/orders/{booking}/list":        "list=Press",
	"POST /organizer/webhooks":                                    "url=https://example.org/other",
	"POST /organizer/webhooks/{webhook}":                          "do=off",
	"POST /e/{id}/hold":                                           "quantity=1",
	"POST /checkout/{booking}/guest":                              "name=Gus&email=$mail",
	"POST /checkout/{booking}/code":                               "code=000000",
	"POST /orders/{booking}/enter":                                "code=000000",
	"POST /checkout/{booking}/phone":                              "phone=",
	"POST /checkout/{booking}/sign-in":                            "name=nobody&password=wrong+password",
	"POST /checkout/{booking}/sign-up":                            "name=Ann&email=$mail&password=velvet+curtain",
	"POST /pay/{booking}":                                         "token=tok_ok",
	"POST /sign-up":                                               "name=Ann&email=$mail&password=velvet+curtain",
	"POST /forgot":                                                "email=nobody@example.org",
}
