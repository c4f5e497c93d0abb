package app

import (
	"html"
	"regexp"
	"strings"
	"testing"
)

// A mailed link that confirms an address gives it to the account of whoever is
// signed in to it, and to nobody else's: a reader without the password chooses a
// new one, and the stranger who has signed up with the address is out.
func TestVerifyPages(t *testing.T) {
	f := newFair(t)
	const stranger = "name=Call+0900+123&email=dora@example.org&password=crimson+curtain"
	them := newBrowser(t, f.base)
	them.get(t, "/sign-up?next=/developers").submit(t, "/sign-up", stranger).at(t, 200, "/developers", "Check your email")
	link := f.post.find(t, "dora@example.org", `(/verify\?token=\S+)`)
	dora := newBrowser(t, f.base)
	late := newBrowser(t, f.base)
	late.get(t, link).at(t, 200, "/verify", "Somebody has entered your email address")
	dora.get(t, link).at(t, 200, "/verify", "Somebody has entered your email address")
	dora.post(t, link, "").at(t, 200, "/verify", "Somebody has entered your email address") // back to the choice
	dora.submit(t, "/verify", "password=password1").at(t, 422, "/verify", "This password is easy to guess")
	dora.submit(t, "/verify", "password="+password).at(t, 200, "/verify", "Your address is confirmed")
	dora.get(t, link).at(t, 200, "/verify", "This link has expired or was already used")
	late.submit(t, "/verify", "password="+password)
	if n := strings.Count(late.text, "has expired or was already used"); n != 1 {
		t.Errorf("a used link is refused %d times on a page:\n%s", n, late.text)
	}
	them.get(t, "/account").at(t, 200, "/sign-in", "Sign in")
	dora.get(t, "/sign-in?next=/account").submit(t, "/sign-in", "name=dora@example.org&password="+password).at(t, 200, "/account", "dora@example.org")
	dora.get(t, link).at(t, 200, "/verify", "Your address is already confirmed")

	// Whoever has signed up opens the link elsewhere: signing in leads back to it.
	eve := newBrowser(t, f.base)
	eve.get(t, "/sign-up?next=/developers").submit(t, "/sign-up", "name=Eve&email=eve@example.org&password="+password).at(t, 200, "/developers", "Check your email")
	link = f.post.find(t, "eve@example.org", `(/verify\?token=\S+)`)
	phone := newBrowser(t, f.base)
	phone.get(t, link).at(t, 200, "/verify", "I created this account")
	next := regexp.MustCompile(`/sign-in\?next=[^"]*verify[^"]*`).FindString(phone.text)
	phone.get(t, html.UnescapeString(next)).submit(t, "/sign-in", "name=eve@example.org&password="+password).at(t, 200, "/verify", "Confirm that this address is yours")
	phone.submit(t, "/verify", "").at(t, 200, "/verify", "Your address is confirmed")
}
