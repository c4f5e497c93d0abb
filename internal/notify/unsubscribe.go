package notify

import (
	"context"

	"boxoffice/internal/notifyapi"
)

// Preferences know who does not want the mails of a topic; see package prefs.
type Preferences interface {
	// Unwanted returns which of some addresses do not want an organizer's mails of a topic.
	Unwanted(ctx context.Context, topic notifyapi.Topic, organizerID string, addresses []string) (map[string]bool, error)
	// Link returns the complete address at which somebody unsubscribes; "" if there is none.
	Link(topic notifyapi.Topic, organizerID, address string) string
}

// leave gives a notice of a topic the link with which its recipient unsubscribes.
func (s *Service) leave(n *notifyapi.Notice) {
	topic, test := notifyapi.TopicOf(n.Kind), n.Data.Message != nil && n.Data.Message.Test
	if topic == "" || test || s.cfg.Preferences == nil {
		return
	}
	n.Data.Unsubscribe = s.cfg.Preferences.Link(topic, organizerOf(&n.Data), n.To)
}

// organizerOf returns the id of the organizer whom a notice is about; "": the house.
func organizerOf(d *notifyapi.Data) string {
	if d.Organizer == nil {
		return ""
	}
	return d.Organizer.ID
}
