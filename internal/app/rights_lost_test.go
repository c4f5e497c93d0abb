package app

import (
	"crypto/sha256"
	"maps"
	"strconv"
	"strings"
	"testing"
	"time"

	"boxoffice/internal/settings"
	"boxoffice/internal/userapi"
)

// Who has lost the right to organize, or has not shown the second factor that it
// needs, is on every route what a stranger is: by the API and on pages alike,
// their own events included.
func TestLostRights(t *testing.T) {
	if testing.Short() {
		t.Skip("asks everything, one after the other")
	}
	for _, c := range []struct {
		name   string
		strict bool
		person int    // of who
		lose   string // what happens to the account
	}{
		{"organizer whose role was taken away", false, 3, `UPDATE users SET role = 'customer', version = version + 1 WHERE id = $1`},
		{"organizer without the second factor", true, 3, `UPDATE users SET totp_active = FALSE WHERE id = $1`},
		{"admin whose role was taken away", false, 5, `UPDATE users SET role = 'customer', version = version + 1 WHERE id = $1`},
		{"admin without the second factor", true, 5, `UPDATE users SET totp_active = FALSE WHERE id = $1`},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t, func(s *settings.Server) { s.TwoFactor = c.strict })
			h.twoFactor = c.strict
			h.lostMatrix(t, c.person, c.lose)
		})
	}
}

func (h *house) lostMatrix(t *testing.T, person int, lose string) {
	t.Helper()
	for _, status := range []string{"on_sale", "draft"} {
		want := maps.Clone(rights)
		maps.Copy(want, pageRights)
		if status == "draft" {
			want = maps.Clone(onDrafts)
			maps.Copy(want, pagesOnDrafts)
		}
		for route, answers := range want {
			stranger, before := strings.Fields(answers)[1], strings.Fields(answers)[person]
			if before == stranger || route == "POST /account/delete" { // whose the events are, not what one may
				continue
			}
			method, _, _ := strings.Cut(route, " ")
			s := h.scene(t, route, status)
			path := s.path(route)
			who := h.lost(t, s.people[person], lose)
			if w := h.ask(t, who, method, path, s.body(h, route)); stranger != strconv.Itoa(w.Code) {
				t.Errorf("%s (%s): %d %s, want %s as for strangers", route, status, w.Code, w.Body, stranger)
			}
		}
	}
}

// lost is an account that something has happened to, with a session after it.
func (h *house) lost(t *testing.T, who userapi.Fan, change string) userapi.Fan {
	t.Helper()
	who.Token += "later"
	hash := sha256.Sum256([]byte(who.Token))
	now := time.Now()
	h.write(t, change, who.UserID)
	h.write(t, `INSERT INTO sessions (token_hash, user_id, created_at, expires_at) VALUES ($1, $2, $3, $4)`,
		hash[:], who.UserID, now.UnixMicro(), now.Add(time.Hour).UnixMicro())
	return who
}
