package console

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/notifyapi"
	"boxoffice/internal/page"
)

// announcementForm is the form of an announcement, as it is stored or was sent.
type announcementForm struct {
	notifyapi.AnnouncementText
	Faults page.Faults
}

func announcementFormOf(v *page.Visit) announcementForm {
	return announcementForm{AnnouncementText: notifyapi.AnnouncementText{Subject: v.PostFormValue("subject"), Text: v.PostFormValue("text")}}
}

// announcements lists the announcements of an event, and drafts one.
func (c *Console) announcements(v *page.Visit, e *eventapi.Event) error {
	var form announcementForm
	if v.Method == http.MethodPost {
		form = announcementFormOf(v)
		made, err := c.Announcements.Draft(v.Context(), v.Caller, e.ID, form.AnnouncementText)
		if err == nil {
			return v.Go(announcementAt(e, made.ID))
		}
		var ok bool
		if form.Faults, ok = v.Faults(err); !ok {
			return err
		}
	}
	list, err := c.Announcements.Announcements(v.Context(), v.Caller, e.ID)
	if err != nil {
		return err
	}
	zone := zoneOf(e)
	for i := range list {
		list[i].Created, list[i].Sent = list[i].Created.In(zone), list[i].Sent.In(zone)
	}
	mailings, err := c.Mails.Mailings(v.Context(), v.Caller, e.ID)
	if err != nil {
		return err
	}
	var others []mailingRow
	for i := range mailings {
		if m := mailings[i]; m.Kind != notifyapi.Announcement && (m.Total > 0 || m.State == notifyapi.Running && !m.Begins.IsZero()) {
			m.Created = m.Created.In(zone)
			if !m.Begins.IsZero() {
				m.Begins = m.Begins.In(zone)
			}
			others = append(others, mailingRow{m, m.Numbers()})
		}
	}
	return v.Show(c.set, "announcements", page.Meta{Title: v.T("announcements.title"), NoIndex: true}, map[string]any{"Event": e, "List": list, "Form": &form, "Others": others})
}

// mailingRow is a message to all who have tickets that nobody had to write.
type mailingRow struct {
	notifyapi.Progress
	N notifyapi.Numbers
}

// What names what it tells.
func (r *mailingRow) What() string { return kindName(r.Kind) }

// Became names its state, in the words for announcements.
func (r *mailingRow) Became() string {
	switch r.State {
	case notifyapi.Running:
		if !r.Begins.IsZero() {
			return "waiting"
		}
		return "sending"
	case notifyapi.Stopped:
		return "stopped"
	}
	return "sent"
}

// announcementAt is the address of an announcement's page.
func announcementAt(e *eventapi.Event, id string) string {
	return at(e, "/announcements/"+url.PathEscape(id))
}

// announcement shows an announcement, and carries out what its forms ask for.
func (c *Console) announcement(v *page.Visit, e *eventapi.Event) error {
	a, err := c.Announcements.Announcement(v.Context(), v.Caller, e.ID, v.PathValue("announcement"))
	if err != nil {
		return err
	}
	a.Created, a.Sent = a.Created.In(zoneOf(e)), a.Sent.In(zoneOf(e)) // a zero time stays zero
	form := announcementForm{AnnouncementText: a.AnnouncementText}
	var problem string
	if v.Method == http.MethodPost {
		notice, to, err := c.changeAnnouncement(v, e, &a, &form)
		if err == nil {
			v.Notice(notice)
			return v.Go(to)
		}
		faults, ok := v.Faults(err)
		if !ok {
			return err
		}
		if v.PostFormValue("do") == "save" {
			form.Faults = faults
		} else if problem = faults.Text; faults.Of("sure") != "" {
			problem = faults.Of("sure")
		}
	}
	return c.showAnnouncement(v, e, &a, &form, problem)
}

// changeAnnouncement carries out what a form asks for. It returns the notice and the
// address of the next page.
func (c *Console) changeAnnouncement(v *page.Visit, e *eventapi.Event, a *notifyapi.EventAnnouncement, form *announcementForm) (notice, to string, err error) {
	ctx, here := v.Context(), announcementAt(e, a.ID)
	switch v.PostFormValue("do") {
	case "save":
		*form = announcementFormOf(v)
		_, err := c.Announcements.ChangeDraft(ctx, v.Caller, e.ID, a.ID, form.AnnouncementText)
		return "announcement-saved", here, err
	case "delete":
		return "announcement-deleted", at(e, "/announcements"), c.Announcements.DropDraft(ctx, v.Caller, e.ID, a.ID)
	case "stop":
		_, err := c.Announcements.StopAnnouncement(ctx, v.Caller, e.ID, a.ID)
		return "announcement-stopped", here, err
	case "test":
		return "announcement-tested", here, c.Announcements.TestAnnouncement(ctx, v.Caller, e.ID, a.ID)
	case "send":
		if v.PostFormValue("sure") == "" {
			return "", "", errs.Bad("sure", "not-sure", "must be ticked")
		}
		version, err := strconv.ParseInt(v.PostFormValue("version"), 10, 64)
		if err != nil {
			version = -1 // no draft has this version
		}
		_, err = c.Announcements.SendAnnouncement(ctx, v.Caller, e.ID, a.ID, version)
		return "announcement-sent", here, err
	}
	return "", "", errs.Missing("page")
}

func (c *Console) showAnnouncement(v *page.Visit, e *eventapi.Event, a *notifyapi.EventAnnouncement, form *announcementForm, problem string) error {
	preview, err := c.Announcements.PreviewAnnouncement(caller.Speaking(v.Context(), v.Lang), v.Caller, e.ID, a.ID)
	if err != nil {
		return err
	}
	preview.Text = strings.ReplaceAll(preview.Text, "\n  ", "\n\u2003") // pages show no spaces at the beginning of a line
	var orders int64
	var numbers *notifyapi.Numbers
	if a.Progress != nil {
		n := a.Progress.Numbers()
		numbers = &n
	}
	if a.Sent.IsZero() {
		_, figures, err := c.sold(v, e)
		if err != nil {
			return err
		}
		orders = figures.Bookings
	}
	return v.Show(c.set, "announcement", page.Meta{Title: v.T("announcement.title"), NoIndex: true}, map[string]any{
		"Event": e, "A": a, "Form": form, "Problem": problem, "Preview": preview, "Orders": orders, "Numbers": numbers,
	})
}
