package commands

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"boxoffice/internal/notify/dsn"
	"boxoffice/internal/notifyapi"
	"boxoffice/internal/settings"
)

// Bounces records that mails came back.
type Bounces interface {
	Bounced(ctx context.Context, list []notifyapi.Bounce, now time.Time) (n int64, err error)
}

// MailBounced reads a mail that has arrived at the address for bounces.
type MailBounced struct{ settings.Storage }

// Run says what it has recorded. Mails that report nothing are no failure: the mail server
// that hands them over would send them back.
func (m MailBounced) Run(ctx context.Context, o Office, in io.Reader, out io.Writer) error {
	list, err := dsn.Read(in)
	_, _ = io.Copy(io.Discard, in) // whoever writes it is not told that the pipe is broken
	if err != nil {
		return err
	}
	if len(list) == 0 {
		fmt.Fprintln(out, "this email reports no failure")
		return nil
	}
	if err := o.used(ctx, m.Storage); err != nil {
		return err
	}
	return o.perform(ctx, m.Storage, "mail bounced", &bouncing{list}, out, slog.Default())
}

// bouncing records reports of mails that came back.
type bouncing struct{ Reports []notifyapi.Bounce }

func (b *bouncing) Do(ctx context.Context, s *Services, out io.Writer) error {
	n, err := s.Bounces.Bounced(ctx, b.Reports, s.DB.Now())
	if err == nil {
		fmt.Fprintf(out, "%s recorded as not delivered\n", settings.Counted(n, "email is", "emails are"))
	}
	return err
}
