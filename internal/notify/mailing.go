package notify

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"boxoffice/internal/codec"
	"boxoffice/internal/errs"
	"boxoffice/internal/jobs"
	"boxoffice/internal/notifyapi"
)

const (
	ordersAtOnce  = 200 // looked at for one page of a mailing
	stoppedAtOnce = 500 // notices that are stopped in one transaction

	// lateAfter is when those are told who were still paying when a mailing began: hold,
	// extension and late payment are over by then.
	lateAfter = 2 * time.Hour
	tooLate   = 24 * time.Hour // after it they are told no more, as the log that knows who was told may be gone
)

// StartMailing begins a mailing; see notifyapi.Mailings.
func (s *Service) StartMailing(ctx context.Context, m notifyapi.Mailing) error {
	if err := s.store.db.Write(ctx, func(tx *sql.Tx) error { return s.AddMailing(ctx, tx, m) }); err != nil {
		return fmt.Errorf("start mailing: %w", err)
	}
	wake(s.mailing)
	return nil
}

// AddMailing is StartMailing in a transaction of the caller, such as that of a message
// of the bus. The mailing begins within a second.
func (s *Service) AddMailing(ctx context.Context, tx *sql.Tx, m notifyapi.Mailing) error {
	if m.ID == "" || m.EventID == "" {
		return errs.New(errs.Invalid, "bad-mailing", "A mailing of kind %q has no ID or event.", m.Kind)
	}
	sample := notifyapi.Notice{Kind: m.Kind, Data: m.Data} // what lacks here would lack for each person
	sample.Data.Link, sample.Data.Order = "https://sample.example", &notifyapi.Order{Currency: "EUR"}
	if _, err := s.letters.Render(&sample); err != nil {
		return errs.New(errs.Invalid, "bad-mailing", "Mailing %s cannot be written: %s.", m.ID, err)
	}
	return s.store.startMailing(ctx, tx, &m, s.cfg.Now())
}

// StopMailing stops a mailing; see notifyapi.Mailings.
func (s *Service) StopMailing(ctx context.Context, id string) error {
	list, err := s.store.mailings(ctx, sqlMailing, id)
	if err == nil && len(list) == 0 {
		return errs.Missing("mailing")
	}
	if err == nil {
		err = s.store.exec(ctx, sqlStop1, id)
	}
	if err != nil {
		return fmt.Errorf("stop mailing: %w", err)
	}
	wake(s.mailing)
	return nil
}

// MailingsOf returns the mailings of an event; see notifyapi.Mailings.
func (s *Service) MailingsOf(ctx context.Context, eventID string) ([]notifyapi.Progress, error) {
	list, err := s.store.mailings(ctx, sqlMailingsOf, eventID)
	out := make([]notifyapi.Progress, len(list))
	for i := range list {
		if out[i] = list[i].Progress; err == nil {
			out[i].Counts, err = s.store.counts(ctx, list[i].ID)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("mailings: %w", err)
	}
	return out, nil
}

// runMailings carries out mailings until ctx ends. Of several nodes, one does so.
func (s *Service) runMailings(ctx context.Context) {
	if s.cfg.Holders == nil {
		return
	}
	defer func() { s.lease.Release(context.WithoutCancel(ctx)) }()
	later := jobs.Retries{First: lookEvery, Longest: time.Minute, Most: 1000}
	var trouble jobs.Trouble
	_ = jobs.Every(ctx, lookEvery, s.mailing, func(ctx context.Context) error {
		err := jobs.Catch(func() error {
			if !s.lease.Held(ctx) {
				later.Forget()
				return jobs.ErrNotOver
			}
			return later.Outcome(s.mailingRound(ctx, &later))
		})
		trouble.Log(ctx, s.cfg.Log, slog.LevelError, "mailings wait", err)
		return nil
	})
}

// mailingRound writes all pages that are due, one of each mailing in turn, and ends the
// mailings that are over. It returns one of the failures.
func (s *Service) mailingRound(ctx context.Context, later *jobs.Retries) (failed error) {
	end := later.Round()
	for more := true; more && ctx.Err() == nil; {
		now := s.cfg.Now()
		list, err := s.store.mailings(ctx, sqlPassing, micros(now))
		if err == nil { // after the mailings that replace others, so that no page takes what they stop for told
			err = s.stopQueued(ctx)
		}
		if err != nil {
			return err
		}
		more = false
		for i := range list {
			id := list[i].ID
			if !later.Due(id, now) {
				continue
			}
			err := jobs.Catch(func() error { return s.writePage(ctx, &list[i]) })
			switch {
			case errors.Is(err, errPassed): // look again
			case err != nil:
				failed = fmt.Errorf("mailing %s: %w", id, err)
				later.Failed(id, s.cfg.Now())
				continue
			}
			later.Done(id)
			more = true
		}
		if more && !s.lease.Held(ctx) {
			return failed
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	end()
	return errors.Join(failed, s.endMailings(ctx))
}

// writePage writes the notices of one page of a mailing.
func (s *Service) writePage(ctx context.Context, m *mailing) error {
	now := s.cfg.Now()
	var list []notifyapi.Notice
	var last string
	if m.MadeUntil.Add(tooLate).After(now) || !m.Complete {
		var err error
		if list, last, err = s.cfg.Holders(ctx, &m.Mailing, m.after, ordersAtOnce); err != nil {
			return err
		}
	}
	rows := make([]row, len(list))
	for i := range list {
		var err error
		if rows[i], err = m.row(&list[i], now); err != nil {
			return err
		}
	}
	if err := s.leaveOut(ctx, m, rows, now); err != nil {
		return err
	}
	next := now
	if last == "" { // the pass is over
		next = time.Time{}
		if late := m.MadeUntil.Add(lateAfter); m.passAt.Before(late) {
			next = late
		}
	}
	if err := s.store.page(ctx, m, s.withTexts(rows, m.Data.Event), last, next, last == ""); err != nil {
		return err
	}
	s.Wake()
	return nil
}

// leaveOut ends the notices of those who have unsubscribed from such mails, and of
// addresses from which mails came back. Those about the order itself go there all the same.
func (s *Service) leaveOut(ctx context.Context, m *mailing, rows []row, now time.Time) error {
	topic := notifyapi.TopicOf(m.Kind)
	if topic == "" || len(rows) == 0 {
		return nil
	}
	to := make([]string, len(rows))
	for i := range rows {
		to[i] = rows[i].notice.To
	}
	dead, err := s.store.dead(ctx, to)
	if err != nil {
		return err
	}
	for i := range rows {
		if r := &rows[i]; dead[r.notice.To] && r.state == queued {
			r.state, r.answer, r.done = failed, "not sent: an email to this address came back", now
		}
	}
	if s.cfg.Preferences == nil {
		return nil
	}
	left, err := s.cfg.Preferences.Unwanted(ctx, topic, organizerOf(&m.Data), to)
	if err != nil {
		return err
	}
	for i := range rows {
		if r := &rows[i]; left[r.notice.To] && r.state == queued {
			r.state, r.done = unwanted, now
		}
	}
	return nil
}

// row returns the row of a mailing's notice.
func (m *mailing) row(n *notifyapi.Notice, now time.Time) (row, error) {
	own := n.Data
	raw, err := codec.Marshal(own)
	if err != nil {
		return row{}, err
	}
	if n.Data, err = laidOver(m.common, raw); err != nil {
		return row{}, err
	}
	n.ID, n.Kind, n.EventID, n.Until = m.ID+"/"+n.BookingID, m.Kind, m.EventID, m.Until
	if m.PerAddress {
		sum := sha256.Sum256([]byte(strings.ToLower(n.To)))
		n.ID = m.ID + "/" + hex.EncodeToString(sum[:12])
	}
	r, err := newRow(n, now)
	r.mailing, r.own, r.urgency = m.ID, &own, bulk
	return r, err
}

// stopQueued stops what is queued of stopped mailings, but for what is being sent.
func (s *Service) stopQueued(ctx context.Context) error {
	stopping, err := s.store.mailings(ctx, sqlStopping)
	if err != nil {
		return err
	}
	for i := range stopping {
		for n := int64(stoppedAtOnce); n == stoppedAtOnce && ctx.Err() == nil; {
			if n, err = s.store.stopNotices(ctx, stopping[i].ID, s.cfg.Now(), stoppedAtOnce); err != nil {
				return err
			}
		}
	}
	return nil
}

// endMailings ends mailings of which nothing is queued any more.
func (s *Service) endMailings(ctx context.Context) error {
	open, err := s.store.mailings(ctx, sqlOpen, micros(s.cfg.Now()))
	if err != nil {
		return err
	}
	for i := range open {
		m := &open[i]
		ended, err := s.store.endMailing(ctx, m.ID, s.cfg.Now())
		if err != nil {
			return err
		}
		if ended && m.Total > 0 {
			s.cfg.Log.InfoContext(ctx, "a mailing has ended", "mailing", m.ID, "stopped", m.State == notifyapi.Stopped, "notices", m.Total, "for", s.cfg.Now().Sub(m.Created).Round(time.Millisecond))
		}
	}
	return nil
}
