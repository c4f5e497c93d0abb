package simulate

import (
	"strings"

	"github.com/pquerna/otp/totp"
)

func accountOps() map[string]*op {
	return map[string]*op{
		"sign up":         {api: "sign-up", weight: 2, make: makeSignUp, ask: askSignUp, told: toldSignUp, again: true},
		"verify":          {api: "verify-email", weight: 4, make: ofPerson, ask: askVerify, told: toldVerify, again: true},
		"ask to verify":   {api: "send-verification", weight: 1, make: ofPerson, ask: own("POST", "/verification"), told: toldNothing, again: true},
		"log in":          {api: "log-in", weight: 3, make: ofPerson, ask: askLogIn, told: toldLogIn, again: true},
		"log out":         {api: "log-out", weight: 1, make: ofPerson, ask: askLogOut, told: toldLogOut},
		"forget password": {api: "forgot-password", weight: 1, make: ofPerson, ask: askForgot, told: toldNothing, again: true},
		"reset password":  {api: "reset-password", weight: 1, make: ofPerson, ask: askReset, told: toldReset},
		"come as guest":   {api: "enter-as-guest", weight: 4, make: makeGuest, ask: askGuest, told: toldGuest},
		"ask for code":    {api: "send-guest-code", weight: 1, make: ofPerson, ask: fixed("POST", "/users/guest/code"), told: toldNothing, again: true},
		"show code":       {api: "verify-guest", weight: 4, make: makeShowCode, ask: askShowCode, told: toldShowCode, again: true},
		"edit account":    {api: "update-user", weight: 3, make: makeEdit, ask: askEdit, told: toldEdit},
		"choose emails":   {api: "update-email-preferences", weight: 1, make: makeChooseEmails, ask: askChooseEmails, told: toldChooseEmails, again: true},
		"delete account":  {api: "delete-user", weight: 1, make: makeDelete, ask: askDelete, told: toldMatching(toldDelete, ofAccount), again: true},
		"end session":     {api: "end-session", weight: 1, make: ofPerson, ask: askEndSession, told: toldEndSession},
		"end others":      {api: "end-other-sessions", weight: 1, make: ofPerson, ask: own("DELETE", "/sessions"), told: toldNothing, again: true},
		"begin totp":      {api: "begin-two-factor", weight: 1, make: ofPerson, ask: askBeginTOTP, told: toldBeginTOTP},
		"confirm totp":    {api: "confirm-two-factor", weight: 1, make: ofPerson, ask: askConfirmTOTP, told: toldConfirmTOTP},
		"reset totp":      {weight: 1, make: makeResetTOTP, do: doResetTOTP, again: true},
		"end totp":        {api: "end-two-factor", weight: 1, make: ofPerson, ask: askEndTOTP, told: toldEndTOTP},
	}
}

func toldNothing(*world, *Step, *reply) {}

// ofPerson is a step of somebody about their own account.
func ofPerson(g *gen, s *Step) bool {
	s.As = g.person()
	g.trouble(s)
	return s.As != ""
}

// own asks something about the caller's own account.
func own(method, path string) func(w *world, s *Step) *request {
	return func(w *world, s *Step) *request {
		p := w.people[s.As]
		if p == nil || p.token == "" {
			return nil
		}
		return &request{token: p.token, method: method, path: "/users/" + p.id + path}
	}
}

func fixed(method, path string) func(w *world, s *Step) *request {
	return func(w *world, s *Step) *request {
		p := w.people[s.As]
		if p == nil || p.token == "" {
			return nil
		}
		return &request{token: p.token, method: method, path: path}
	}
}

const password = "velvet curtain "

func makeSignUp(g *gen, s *Step) bool {
	s.Name = g.name("u")
	s.Set = map[string]any{"email": s.Name + "@example.org"}
	if g.chance(2) { // an address that can be spelled in several ways
		s.Set["email"] = s.Name + "é@" + unicodeDomain
	}
	g.trouble(s)
	return true
}

func askSignUp(w *world, s *Step) *request {
	return &request{method: "POST", path: "/users", body: map[string]any{"email": text(s.Set["email"]), "name": s.Name, "password": password + s.Name}}
}

func toldSignUp(w *world, s *Step, r *reply) {
	if r.ok() && w.people[s.Name] == nil {
		w.people[s.Name] = &person{name: s.Name, id: text(r.doc["id"]), email: text(s.Set["email"]), password: password + s.Name, role: "customer"}
	}
}

func (w *world) mailed(p *person, mark string, n int) string {
	return w.post.find(p.email, mark, n)
}

func askVerify(w *world, s *Step) *request {
	p := w.people[s.As]
	if p == nil {
		return nil
	}
	token := w.mailed(p, "/verify?token=", 26)
	if token == "" {
		return nil
	}
	body := map[string]any{"token": token}
	if p.anew = p.token == ""; p.anew { // without a session it takes a password
		body["new_password"] = p.password
	}
	return &request{token: p.token, method: "POST", path: "/users/verify", body: body}
}

func toldVerify(w *world, s *Step, r *reply) {
	p := w.people[s.As]
	if p.anew && p.token != "" && (r.ok() || r.status == 0) { // a session that began meanwhile may have ended
		p.unclear, p.token = true, ""
	}
	if r.ok() && canon(text(r.doc["email"])) == canon(p.email) {
		w.shown(p)
	}
}

func askLogIn(w *world, s *Step) *request {
	p := w.people[s.As]
	if p == nil || p.guest || p.password == "" {
		return nil
	}
	body := map[string]any{"email": p.email, "password": p.password}
	if p.twoFactor {
		body["code"], _ = totp.GenerateCode(p.secret, w.clock.now())
	}
	return &request{method: "POST", path: "/users/login", body: body}
}

func toldLogIn(w *world, s *Step, r *reply) {
	p := w.people[s.As]
	if r.ok() {
		if p.gone && !p.unclear {
			w.fail("who is gone is gone", "%s logs in after the account was deleted", p.name)
		}
		p.token = text(r.doc["token"])
		return
	}
	if r.status == 401 && w.alone && !p.unclear && !p.gone && !p.twoFactor {
		w.fail("a password opens the account", "%s cannot log in: %s", p.name, r)
	}
}

func askLogOut(w *world, s *Step) *request { return fixed("POST", "/users/logout")(w, s) }

func toldLogOut(w *world, s *Step, r *reply) {
	p := w.people[s.As]
	if r.ok() || r.status == 0 {
		if r.ok() {
			p.ended = append(p.ended, p.token)
		}
		p.token = ""
	}
}

func askForgot(w *world, s *Step) *request {
	p := w.people[s.As]
	if p == nil || p.guest {
		return nil
	}
	return &request{method: "POST", path: "/users/password-reset", body: map[string]any{"email": p.email}}
}

func askReset(w *world, s *Step) *request {
	p := w.people[s.As]
	if p == nil || p.guest {
		return nil
	}
	token := w.mailed(p, "/reset?token=", 26)
	if token == "" {
		return nil
	}
	return &request{method: "POST", path: "/users/password-reset/confirm", body: map[string]any{"token": token, "password": password + "again"}}
}

func toldReset(w *world, s *Step, r *reply) {
	p := w.people[s.As]
	switch {
	case r.status == 0:
		p.unclear = true
	case r.ok():
		p.ended = append(p.ended, p.token)
		p.password, p.token = password+"again", ""
	}
}

func makeGuest(g *gen, s *Step) bool {
	s.Name = g.name("g")
	s.Set = map[string]any{"email": s.Name + "@example.org"}
	if g.chance(2) { // an address that has an account, or a guest
		if p := g.w.people[g.person()]; p != nil {
			s.Set["email"] = g.spelled(p.email)
		}
	}
	return true
}

func askGuest(w *world, s *Step) *request {
	return &request{method: "POST", path: "/users/guest", body: map[string]any{"email": text(s.Set["email"]), "name": "Guest " + s.Name}}
}

func toldGuest(w *world, s *Step, r *reply) {
	if r.ok() {
		w.people[s.Name] = &person{name: s.Name, id: text(object(r.doc["user"])["id"]), email: text(s.Set["email"]), token: text(r.doc["token"]), role: "guest", guest: true}
	}
}

func makeShowCode(g *gen, s *Step) bool {
	for range 5 {
		if p := g.w.people[g.person()]; p != nil && p.role == "guest" {
			s.As = p.name
			g.trouble(s)
			return true
		}
	}
	return false
}

func askShowCode(w *world, s *Step) *request {
	p := w.people[s.As]
	if p == nil || p.token == "" {
		return nil
	}
	code, _, _ := strings.Cut(w.mailed(p, "your code is ", 12), ".")
	if code == "" {
		return nil
	}
	return &request{token: p.token, method: "POST", path: "/users/guest/verify", body: map[string]any{"code": code}}
}

func toldShowCode(w *world, s *Step, r *reply) {
	p := w.people[s.As]
	if !r.ok() {
		return
	}
	u := object(r.doc["user"])
	p.id, p.token, p.role = text(u["id"]), text(r.doc["token"]), text(u["role"])
	w.shown(p)
}

func makeEdit(g *gen, s *Step) bool {
	s.As, s.Set = g.person(), map[string]any{}
	switch g.n(6) {
	case 0:
		s.Set["email"] = g.name("m") + "@example.org"
	case 1:
		s.Set["password"] = password + "new"
	case 2:
		s.Of, s.As = s.As, "admin"
		s.Set["role"] = []string{"customer", "organizer"}[g.n(2)]
	case 3:
		s.Of, s.As = s.As, "admin"
		s.Set["disabled"] = g.chance(2)
	default:
		s.Set["name"] = "Somebody else"
	}
	g.trouble(s)
	return true
}

func askEdit(w *world, s *Step) *request {
	p, of := w.people[s.As], w.people[s.As]
	if s.Of != "" {
		of = w.people[s.Of]
	}
	if p == nil || of == nil || p.token == "" || of.role == "admin" {
		return nil
	}
	body := map[string]any{}
	for k, v := range s.Set {
		body[k] = v
	}
	if s.Of == "" && (s.Set["email"] != nil || s.Set["password"] != nil) {
		body["current_password"] = p.password
		if s.Set["email"] != nil && p.twoFactor {
			body["code"], _ = totp.GenerateCode(p.secret, w.clock.now())
		}
	}
	return &request{token: p.token, method: "PUT", path: "/users/" + of.id, body: body}
}

func toldEdit(w *world, s *Step, r *reply) {
	p := w.people[s.As]
	if s.Of != "" {
		p = w.people[s.Of]
	}
	if r.status == 0 {
		p.unclear = true
		p.token = ""
		return
	}
	if !r.ok() {
		return
	}
	if e := text(s.Set["email"]); e != "" {
		p.email, p.verified = e, false
	}
	if pw := text(s.Set["password"]); pw != "" {
		p.ended = append(p.ended, p.token)
		p.password, p.token = pw, ""
	}
	if d, ok := s.Set["disabled"].(bool); ok {
		p.gone = d || p.deleted
		if d {
			p.ended = append(p.ended, p.token)
			p.token = ""
		}
	}
	if role := text(s.Set["role"]); role != "" {
		p.role = role
	}
}

func makeChooseEmails(g *gen, s *Step) bool {
	s.Set = map[string]any{[]string{"announcements", "reminders"}[g.n(2)]: g.chance(2)}
	return ofPerson(g, s)
}

func askChooseEmails(w *world, s *Step) *request {
	q := own("PUT", "/email-preferences")(w, s)
	if q != nil {
		q.body = s.Set
	}
	return q
}

func toldChooseEmails(w *world, s *Step, r *reply) {
	for name, want := range s.Set {
		if r.ok() && w.alone && r.doc[name] != want {
			w.fail("what somebody chooses is so", "%s chose %s: %v, and is told %s", s.As, name, want, r)
		}
	}
}

func makeDelete(g *gen, s *Step) bool {
	g.seenVersion(s)
	return ofPerson(g, s)
}

func askDelete(w *world, s *Step) *request {
	p := w.people[s.As]
	if p == nil || p.role == "admin" || s.As == "org" {
		return nil
	}
	q := own("DELETE", "")(w, s)
	if q == nil {
		return nil
	}
	if p.version = 0; s.Match || s.Stale {
		seen := own("GET", "")(w, s)
		seen.node = s.Node
		r := w.ask(*seen)
		p.version = versionOf(r.header.Get("ETag"))
	}
	if q.headers = match(s, p.version); q.headers == nil {
		q.headers = map[string]string{}
	}
	if p.password != "" {
		q.headers["X-Current-Password"] = p.password
	}
	return q
}

func toldDelete(w *world, s *Step, r *reply) {
	p := w.people[s.As]
	switch {
	case r.status == 0:
		p.unclear, p.leaving, p.token = true, true, ""
	case r.ok():
		p.leaving, p.ended = true, append(p.ended, p.token)
		p.gone, p.deleted, p.token = true, true, ""
	}
}

func askEndSession(w *world, s *Step) *request {
	q := own("GET", "/sessions")(w, s)
	if q == nil {
		return nil
	}
	q.node = s.Node
	r := w.ask(*q)
	items := list(r.doc["items"])
	if len(items) == 0 {
		return nil
	}
	return own("DELETE", "/sessions/"+text(object(items[len(items)-1])["id"]))(w, s)
}

func toldEndSession(w *world, s *Step, r *reply) { w.people[s.As].token = w.stillIn(s) }

// stillIn is the caller's token, if it opens anything.
func (w *world) stillIn(s *Step) string {
	q := own("GET", "")(w, s)
	q.node = s.Node
	r := w.ask(*q)
	if r.status == 401 {
		return ""
	}
	return q.token
}

func askBeginTOTP(w *world, s *Step) *request {
	q := own("POST", "/totp")(w, s)
	if q != nil {
		q.body = map[string]any{"current_password": w.people[s.As].password}
	}
	return q
}

func toldBeginTOTP(w *world, s *Step, r *reply) {
	if r.ok() {
		w.people[s.As].secret = text(r.doc["secret"])
	}
}

func askConfirmTOTP(w *world, s *Step) *request {
	q := own("PUT", "/totp")(w, s)
	if q == nil || w.people[s.As].secret == "" {
		return nil
	}
	code, _ := totp.GenerateCode(w.people[s.As].secret, w.clock.now())
	q.body = map[string]any{"code": code}
	return q
}

func toldConfirmTOTP(w *world, s *Step, r *reply) {
	p := w.people[s.As]
	if r.status == 0 {
		p.unclear = true
	}
	if r.ok() {
		p.twoFactor = true
	}
}

func askEndTOTP(w *world, s *Step) *request {
	p := w.people[s.As]
	q := own("DELETE", "/totp")(w, s)
	if q == nil || !p.twoFactor {
		return nil
	}
	code, _ := totp.GenerateCode(p.secret, w.clock.now())
	q.headers = map[string]string{"X-Current-Password": p.password, "X-Code": code}
	return q
}

func toldEndTOTP(w *world, s *Step, r *reply) {
	p := w.people[s.As]
	if r.status == 0 {
		p.unclear = true
	}
	if r.ok() {
		p.twoFactor = false
	}
}
