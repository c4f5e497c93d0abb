package announce

import (
	"strings"
	"unicode/utf8"

	"boxoffice/internal/errs"
	"boxoffice/internal/notify/letter"
	"boxoffice/internal/notifyapi"
	"boxoffice/internal/safetext"
)

// check returns what an organizer writes as it is stored, or what is wrong with it.
func check(t notifyapi.AnnouncementText) (notifyapi.AnnouncementText, error) {
	t.Subject = strings.TrimSpace(t.Subject)
	t.Text = strings.TrimSpace(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(t.Text))
	var bad []errs.Field
	subject := safetext.LineFault(t.Subject, 1, notifyapi.MaxAnnouncementSubject)
	if subject.None() && safetext.Hidden(t.Subject) {
		subject = safetext.HiddenReason
	}
	if !subject.None() {
		bad = append(bad, subject.In("subject"))
	}
	if text := textFault(t.Text); !text.None() {
		bad = append(bad, text.In("text"))
	}
	return t, errs.Fields(bad)
}

func textFault(text string) errs.Reason {
	links, bad := letter.Links(text)
	switch {
	case text == "":
		return errs.Why("required", "is required")
	case utf8.RuneCountInString(text) > notifyapi.MaxAnnouncementText:
		return errs.Why("too-long", "must have at most %d characters", notifyapi.MaxAnnouncementText)
	case !utf8.ValidString(text):
		return errs.Why("not-utf8", "is not UTF-8")
	case safetext.HiddenInLines(text):
		return safetext.HiddenReason
	case bad != "":
		return errs.Why("not-a-link", "has the address %s, which cannot be a link: it must begin with https:// and name a host", bad)
	case len(links) > notifyapi.MaxAnnouncementLinks:
		return errs.Why("too-many-links", "must have at most %d links", notifyapi.MaxAnnouncementLinks)
	}
	return errs.Reason{}
}
