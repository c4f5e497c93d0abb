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
	"GET /e/{id}/{slug}":     "404 404 404 200 404 200",
	"GET /e/{id}/poster.svg": "404 404 404 200 404 200",
	"GET /e/{id}/og.png":     "404 404 404 200 404 200",
}

// pageForms are what is posted to pages.
var pageForms = map[string]string{
	"POST /sign-in": "name=nobody&password=wrong+password",
	"POST /verify":  "token=x",
	"POST /reset":   "token=x&password=velvet+curtain",
}
