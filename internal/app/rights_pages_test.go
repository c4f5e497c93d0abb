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

	// finding events, and the page of one
	"GET /search":            "200 200 200 200 200 200",
	"GET /e/{id}/poster.svg": "200 200 200 200 200 200",
	"GET /e/{id}/og.png":     "200 200 200 200 200 200",
	"GET /robots.txt":        "200 200 200 200 200 200",
	"GET /sitemap.xml":       "200 200 200 200 200 200",
}

// pagesOnDrafts is the same for an event that is a draft, where it makes a
// difference.
var pagesOnDrafts = map[string]string{
	"GET /e/{id}/{slug}":               "404 404 404 200 404 200",
	"GET /e/{id}/poster.svg":           "404 404 404 200 404 200",
	"GET /e/{id}/og.png":               "404 404 404 200 404 200",
	"POST /e/{id}/hold":                "307 303 303 303 303 303",
	"GET /checkout/{booking}":          "303 404 200 404 404 404",
	"GET /checkout/{booking}/wait":     "303 404 303 404 404 404",
	"POST /checkout/{booking}/release": "303 404 303 404 404 404",
	"POST /checkout/{booking}/guest":   "303 404 303 404 404 404",
	"POST /checkout/{booking}/code":    "303 404 303 404 404 404",
	"POST /checkout/{booking}/resend":  "303 404 303 404 404 404",
	"POST /checkout/{booking}/sign-in": "303 404 422 404 404 404",
	"POST /checkout/{booking}/sign-up": "303 404 303 404 404 404",
	"GET /pay/{booking}":               "303 404 200 404 404 404",
	"POST /pay/{booking}":              "303 404 303 404 404 404",
	"GET /sign-up":                     "200 200 200 200 200 200",
	"POST /sign-up":                    "303 303 303 303 303 303",
	"GET /forgot":                      "200 200 200 200 200 200",
	"POST /forgot":                     "303 303 303 303 303 303",
}

// pageForms are what is posted to pages.
var pageForms = map[string]string{
	"POST /sign-in": "name=nobody&password=wrong+password",
	"POST /verify":  "token=x",
	"POST /reset":   "token=x&password=velvet+curtain",

	"POST /e/{id}/hold":                "quantity=1",
	"POST /checkout/{booking}/guest":   "name=Gus&email=$mail",
	"POST /checkout/{booking}/code":    "code=000000",
	"POST /checkout/{booking}/sign-in": "name=nobody&password=wrong+password",
	"POST /checkout/{booking}/sign-up": "name=Ann&email=$mail&password=velvet+curtain",
	"POST /pay/{booking}":              "token=tok_ok",
	"POST /sign-up":                    "name=Ann&email=$mail&password=velvet+curtain",
	"POST /forgot":                     "email=nobody@example.org",
}
