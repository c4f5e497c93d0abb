package notifyapi

import (
	"context"
	"time"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
)

// Limits of announcements.
const (
	MaxAnnouncementSubject = 100  // characters
	MaxAnnouncementText    = 5000 // characters
	MaxAnnouncementLinks   = 3
	MaxDrafts              = 20 // of an event
	EventAnnouncements     = 3  // sent in 24 hours for one event
	OrganizerAnnouncements = 10 // sent in 24 hours by one organizer

	// AnnounceAfter is how long after an event its organizer may still write.
	AnnounceAfter = 14 * 24 * time.Hour
)

// AnnouncementText is what an organizer writes: plain text. Complete addresses with https
// become links.
type AnnouncementText struct{ Subject, Text string }

// EventAnnouncement is a message of an organizer to everybody who has tickets for an event.
type EventAnnouncement struct {
	ID, EventID string
	AnnouncementText
	AuthorID string // the account that made the draft
	Version  int64  // of the draft; it grows with each change
	Created  time.Time
	Sent     time.Time // zero: it is a draft
	SenderID string    // the account that sent it

	// Progress is what has become of its mails; nil: it is a draft, or was sent so long ago
	// that this was forgotten.
	Progress *Progress
}

// The statuses of an announcement.
const (
	AnnouncementDraft   = "draft"
	AnnouncementSending = "sending"
	AnnouncementSent    = "sent"
	AnnouncementStopped = "stopped"
)

// Status is one of the statuses.
func (a *EventAnnouncement) Status() string {
	switch {
	case a.Sent.IsZero():
		return AnnouncementDraft
	case a.Progress != nil && a.Progress.State == Running:
		return AnnouncementSending
	case a.Progress != nil && a.Progress.State == Stopped:
		return AnnouncementStopped
	}
	return AnnouncementSent
}

// Preview is an announcement as its recipients get it, but for their names and links.
type Preview struct{ Subject, Text, HTML string }

// Announcer lets organizers write to everybody who has tickets. Events of others are
// NotFound, except for admins. Callers without a session get Unauthenticated
// (sign-in-required).
type Announcer interface {
	// Announcements lists those of an event, the newest first.
	Announcements(ctx context.Context, c caller.Caller, eventID string) ([]EventAnnouncement, error)
	Announcement(ctx context.Context, c caller.Caller, eventID, id string) (EventAnnouncement, error)
	// PreviewAnnouncement writes an announcement in the language of the request.
	PreviewAnnouncement(ctx context.Context, c caller.Caller, eventID, id string) (Preview, error)
	// Draft makes a draft. Invalid names the fields subject and text. Conflict:
	// too-many-drafts.
	Draft(ctx context.Context, c caller.Caller, eventID string, t AnnouncementText) (EventAnnouncement, error)
	// ChangeDraft changes a draft, and DropDraft deletes one. Conflict: announcement-sent.
	ChangeDraft(ctx context.Context, c caller.Caller, eventID, id string, t AnnouncementText) (EventAnnouncement, error)
	DropDraft(ctx context.Context, c caller.Caller, eventID, id string) error
	// TestAnnouncement mails an announcement to the caller alone: the same one once a
	// minute. Forbidden: address-not-verified.
	TestAnnouncement(ctx context.Context, c caller.Caller, eventID, id string) error
	// SendAnnouncement sends a draft to everybody who has tickets now. One that was sent
	// already stays as it is. Precondition (changed-meanwhile): version is not the draft's.
	// Conflict: event-not-published, event-over. TooMany: too-many-announcements.
	// Forbidden: address-not-verified.
	SendAnnouncement(ctx context.Context, c caller.Caller, eventID, id string, version int64) (EventAnnouncement, error)
	// StopAnnouncement stops what is not sent yet. Conflict: announcement-not-sent.
	StopAnnouncement(ctx context.Context, c caller.Caller, eventID, id string) (EventAnnouncement, error)
}

// AnnouncementProblems are the errors of the operations about announcements.
var AnnouncementProblems = errs.Problems{
	Types: map[string]errs.ProblemType{
		"announcement-sent":      {Kind: errs.Conflict, Says: "The announcement was sent, so it cannot be changed or deleted."},
		"announcement-not-sent":  {Kind: errs.Conflict, Says: "The announcement was not sent, so there is nothing to stop."},
		"event-not-published":    {Kind: errs.Conflict, Says: "The event is a draft, so nobody has tickets. Publish it first."},
		"event-over":             {Kind: errs.Conflict, Says: "The event was over more than two weeks ago, so announcements can no longer be sent."},
		"too-many-announcements": {Kind: errs.TooMany, Says: "Three announcements for this event, or ten of its organizer, were sent within 24 hours. Retry-After says when there may be another."},
		"too-many-drafts":        {Kind: errs.Conflict, Says: "The event has 20 drafts of announcements. Delete one first."},
	},
	Operations: map[string][]string{
		"create-announcement": {"too-many-drafts"},
		"update-announcement": {"announcement-sent"},
		"delete-announcement": {"announcement-sent"},
		"test-announcement":   {"address-not-verified"},
		"send-announcement":   {"address-not-verified", "changed-meanwhile", "event-not-published", "event-over", "too-many-announcements"},
		"stop-announcement":   {"announcement-not-sent"},
	},
}

// Numbers are the mails of a mailing, by what has become of them.
type Numbers struct{ Waiting, Sent, Failed, Unwanted, Stopped int64 }

// Numbers counts them.
func (p *Progress) Numbers() Numbers {
	c := p.Counts
	return Numbers{Waiting: c["queued"], Sent: c["sent"], Failed: c["failed"] + c["bounced"], Unwanted: c["unwanted"], Stopped: c["stopped"]}
}

// Over is how many mails are sent, given up, or never were to be sent.
func (p *Progress) Over() int64 { return p.Total - p.Counts["queued"] }
