package app

// pageRights is what each of who is answered by pages; see rights. Who is not
// signed in is sent to the sign-in page (303).
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

	"GET /organizer":                              "303 403 403 200 200 200",
	"GET /organizer/events/new":                   "303 403 403 200 200 200",
	"POST /organizer/events/new":                  "303 403 403 422 422 422", // an empty form
	"GET /organizer/events/{event}":               "303 403 403 200 404 200",
	"GET /organizer/events/{event}/figures":       "303 403 403 200 404 200",
	"GET /organizer/events/{event}/edit":          "303 403 403 200 404 200",
	"POST /organizer/events/{event}/edit":         "303 403 403 412 404 412", // another version
	"GET /organizer/events/{event}/sale":          "303 403 403 404 404 404", // it does not say which step
	"POST /organizer/events/{event}/sale":         "303 403 403 409 404 409", // another version
	"GET /organizer/events/{event}/cancel":        "303 403 403 200 404 200",
	"POST /organizer/events/{event}/cancel":       "303 403 403 303 404 303",
	"POST /organizer/events/{event}/seats":        "303 403 403 303 404 303",
	"POST /organizer/events/{event}/release":      "303 403 403 404 404 404", // no such booking
	"GET /organizer/events/{event}/attendees.csv": "303 403 403 200 404 200",
}

// pageForms are what is posted to pages.
var pageForms = map[string]string{
	"POST /sign-in": "name=nobody&password=wrong+password",
	"POST /verify":  "token=x",
	"POST /reset":   "token=x&password=velvet+curtain",

	"POST /organizer/events/new":             "do=save",
	"POST /organizer/events/{event}/edit":    "do=save&version=77&tiers%5B0%5D.name=A&tiers%5B0%5D.price=5",
	"POST /organizer/events/{event}/sale":    "to=pause&version=77",
	"POST /organizer/events/{event}/cancel":  "title=gala",
	"POST /organizer/events/{event}/seats":   "kind=block&quantity=2",
	"POST /organizer/events/{event}/release": "booking=x",
}
