package notify

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"time"

	"boxoffice/internal/jobs"
	"boxoffice/internal/notify/letter"
	"boxoffice/internal/notify/sms"
	"boxoffice/internal/notifyapi"
)

// Texting says how text messages are sent.
type Texting struct {
	Sender    Texter
	PerSecond int // messages that this node hands over in a second
}

// Texter hands text messages over to a provider: *sms.Client.
type Texter interface {
	Send(ctx context.Context, m *sms.Message) (sms.Taken, error)
	Report(ref string, form url.Values, signature string) (r sms.Report, ok bool)
	Close()
}

// A text message is a row of notices of its own, beside that of the mail with the same
// news. Its urgency is one that mails never have: a queue of its own, which an outage of
// the mail server does not stop, and which nodes of versions without text messages leave
// alone.
const (
	byText      = "sms" // column channel; mails have none
	textUrgency = 1000  // column urgency
	delivered   = string(notifyapi.StateDelivered)

	soon          = 48 * time.Hour // an event whose change is told by text, too
	stillNews     = 2 * time.Hour  // after the event should have begun
	textsADay     = 5              // to one number
	textsAtOnce   = 8              // requests of a node
	textClaimLife = 2 * time.Minute
	recordTime    = 30 * time.Second // of a claim, for writing down what became of a message
	longTextPause = 5 * time.Minute
)

// withTexts adds the text messages that say the same as some of the notices, where that
// is urgent: an event that begins within 48 hours was cancelled or moved. The event is also
// as a mailing tells of it, which is not what all recipients know: they were told another
// day yesterday, say, and read the new one somewhere else.
func (s *Service) withTexts(rows []row, event *notifyapi.Event) []row {
	if s.cfg.Texts == nil {
		return rows
	}
	for i := range len(rows) {
		if text, ok := textOf(&rows[i], event); ok {
			rows = append(rows, text)
		}
	}
	return rows
}

// textOf returns the text message that says the same as a new notice. Somebody with several
// orders gets one for a mailing.
func textOf(r *row, event *notifyapi.Event) (text row, ok bool) {
	n := &r.notice
	last, urgent := urgentUntil(n, event, r.created)
	if n.Phone == "" || !urgent || r.channel != "" {
		return row{}, false
	}
	text = *r
	text.beside = n.ID
	text.notice.ID = n.ID + "/sms"
	if r.mailing != "" && n.UserID != "" {
		text.notice.ID = r.mailing + "/sms/" + n.UserID
	}
	text.notice.To, text.channel, text.urgency = n.Phone, byText, textUrgency
	text.state, text.answer, text.done = queued, "", time.Time{} // of the mail, if its address is none
	if until := last.Add(stillNews); until.Before(text.until) {
		text.until = until
	}
	return text, true
}

// urgentUntil reports whether a notice tells of an event that begins, or was to begin,
// within 48 hours, and the last of its times. What its mailing tells of the event counts,
// too; nil: there is none.
func urgentUntil(n *notifyapi.Notice, told *notifyapi.Event, now time.Time) (last time.Time, urgent bool) {
	if n.Kind != notifyapi.EventCancelled && n.Kind != notifyapi.EventMoved {
		return last, false
	}
	for _, e := range []*notifyapi.Event{n.Data.Event, n.Data.Before, told} {
		if e == nil {
			continue
		}
		from, to := e.Starts, e.Starts
		if from.IsZero() { // only its day is known
			zone, err := time.LoadLocation(e.Zone)
			if err != nil {
				continue
			}
			if from, err = time.ParseInLocation(time.DateOnly, e.Date, zone); err != nil {
				continue
			}
			to = from.AddDate(0, 0, 1)
		}
		urgent = urgent || to.After(now.Add(-stillNews)) && !from.After(now.Add(soon))
		if to.After(last) {
			last = to
		}
	}
	return last, urgent
}

const (
	// By notices_texts. Those that failed have disturbed nobody.
	sqlTextsTo = `SELECT count(*) FROM notices WHERE recipient = $1 AND channel = 'sms' AND done_at > $2 AND state IN ('sent', 'delivered')`

	// By primary key. The provider's calls may come twice, in any order, and before what
	// they are about was recorded.
	sqlTextDelivered = `UPDATE notices SET state = 'delivered', answer = $1, done_at = CASE WHEN done_at = 0 THEN $2 ELSE done_at END, data = '', claim = ''
		WHERE id = $3 AND channel = 'sms' AND state <> 'delivered'`
	sqlTextLost = `UPDATE notices SET state = 'failed', answer = $1, done_at = CASE WHEN done_at = 0 THEN $2 ELSE done_at END, data = '', claim = ''
		WHERE id = $3 AND channel = 'sms' AND state IN ('queued', 'sent')`
	sqlTextTaken = `UPDATE notices SET state = 'sent', answer = $1, done_at = $2, data = '', claim = '' WHERE id = $3 AND channel = 'sms' AND state = 'queued'`
)

// runTexts sends text messages that are due until ctx ends.
func (s *Service) runTexts(ctx context.Context) {
	defer s.cfg.Texts.Sender.Close()
	sending, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(grace, cancel) })
	defer stop()
	var trouble jobs.Trouble
	_ = jobs.Every(ctx, lookEvery, s.textKicked, func(ctx context.Context) error {
		err := jobs.Catch(func() error { return s.feedTexts(ctx, sending) })
		trouble.Log(ctx, s.cfg.Log, slog.LevelError, "text messages wait", err)
		return nil // ctx alone ends it
	})
}

// feedTexts sends what is due, at most as many a second as configured.
func (s *Service) feedTexts(ctx, sending context.Context) error {
	for ctx.Err() == nil {
		now := s.cfg.Now()
		if may, _ := s.textOutage.over(now); !may {
			return nil
		}
		some, err := s.store.due(ctx, textUrgency, now)
		if err != nil || !some {
			return err
		}
		began := time.Now()
		list, err := s.store.claim(ctx, textUrgency, now, now.Add(textClaimLife), max(1, s.cfg.Texts.PerSecond))
		if err != nil || len(list) == 0 {
			return err
		}
		done := make(chan outcome, len(list))
		numbers := map[string][]row{} // those to one number are sent one after the other, since few may be
		for i := range list {
			to := list[i].notice.To
			numbers[to] = append(numbers[to], list[i])
		}
		todo := make(chan []row, len(numbers))
		for _, same := range numbers {
			todo <- same
		}
		close(todo)
		var workers sync.WaitGroup
		for range min(textsAtOnce, len(numbers)) {
			workers.Go(func() {
				for same := range todo {
					taken := 0
					for _, r := range same {
						o := released(r, s.cfg.Now())
						if ctx.Err() == nil {
							o = s.oneText(sending, r, taken)
						}
						if o.state == sent {
							taken++
						}
						done <- o
					}
				}
			})
		}
		workers.Wait()
		close(done)
		s.recordAll(ctx, done)
		select {
		case <-ctx.Done():
		case <-time.After(time.Second - time.Since(began)):
		}
	}
	return nil
}

// oneText tries one text message. So many to its number were taken that are not written
// down yet.
func (s *Service) oneText(running context.Context, r row, taken int) outcome {
	now := s.cfg.Now()
	n := &r.notice
	switch {
	case now.After(r.next.Add(-sms.SendTime - recordTime)): // another node might take it over meanwhile
		return released(r, now)
	case r.unreadable:
		return s.giveUpText(running, r, "its row in the database cannot be read")
	case now.After(r.until):
		return s.giveUpText(running, r, "not sent in time; "+r.answer)
	case !letter.Known(n.Kind): // a later version, on another node, knows it
		r.next = now.Add(longTextPause)
		return outcome{row: r}
	}
	if may, _ := s.textOutage.over(now); !may {
		return released(r, now)
	}
	text, err := s.letters.Text(n)
	if err != nil {
		return s.giveUpText(running, r, err.Error())
	}
	if r.tries == 1 {
		if enough, err := s.store.textedEnough(running, n.To, taken, now); err != nil {
			return released(r, now.Add(lookEvery))
		} else if enough {
			return s.giveUpText(running, r, fmt.Sprintf("not sent: %d text messages a day are the most for a number", textsADay))
		}
	}
	return s.handOverText(running, r, text)
}

// handOverText hands one text message over to the provider.
func (s *Service) handOverText(running context.Context, r row, text string) outcome {
	n := &r.notice
	var taken sms.Taken
	err := jobs.Catch(func() (err error) {
		taken, err = s.cfg.Texts.Sender.Send(running, &sms.Message{Ref: n.ID, To: n.To, Text: text, Until: r.until, Tried: r.tries > 1, Since: r.created})
		return err
	})
	now := s.cfg.Now()
	var away *sms.Unavailable
	var refused *sms.Refused
	switch {
	case err == nil && taken.Status.Lost():
		return s.giveUpText(running, r, taken.ID+" "+sms.Explained(taken.Code))
	case err == nil:
		s.textOutage.answered(running, s.cfg.Log)
		s.metrics.textOutage.Set(0)
		s.metrics.texts.WithLabelValues("sent").Inc()
		r.state, r.answer, r.done = sent, taken.ID+" "+string(taken.Status), now
		return outcome{row: r}
	case errors.As(err, &away):
		s.metrics.textOutage.Set(1)
		next := s.textOutage.failed(running, s.cfg.Log, now, away.Cause)
		if wished := now.Add(away.After); wished.After(next) {
			next = s.textOutage.wait(wished)
		}
		return released(r, next)
	case errors.As(err, &refused):
		return s.giveUpText(running, r, refused.Answer)
	}
	r.answer = err.Error()
	if r.next = now.Add(min(firstPause<<min(r.tries-1, 16), longTextPause)); r.next.After(r.until) {
		return s.giveUpText(running, r, r.answer)
	}
	s.metrics.texts.WithLabelValues("retried").Inc()
	return outcome{row: r}
}

// giveUpText ends a text message without success.
func (s *Service) giveUpText(ctx context.Context, r row, answer string) outcome {
	s.metrics.texts.WithLabelValues("failed").Inc()
	s.cfg.Log.WarnContext(ctx, "a text message was given up", "notice", r.notice.ID, "kind", r.notice.Kind, "answer", strings.ReplaceAll(answer, r.notice.To, "…"))
	r.state, r.answer, r.done = failed, answer, s.cfg.Now()
	return outcome{row: r}
}

// textedEnough reports whether a number has got as many text messages as it may in a day,
// with some that are not written down yet.
func (s store) textedEnough(ctx context.Context, number string, more int, now time.Time) (bool, error) {
	var n int
	err := s.db.Reader().QueryRowContext(ctx, sqlTextsTo, number, micros(now.Add(-24*time.Hour))).Scan(&n)
	return n+more >= textsADay, err
}

// heardOfText records what the provider says has become of a text message.
func (s store) heardOfText(ctx context.Context, ref string, r sms.Report, now time.Time) error {
	query, answer := sqlTextTaken, r.ID+" "+string(r.Status)
	switch {
	case r.Status.Delivered():
		query = sqlTextDelivered
	case r.Status.Lost():
		query = sqlTextLost
		if r.Code != 0 {
			answer = r.ID + " " + sms.Explained(r.Code)
		}
	}
	return s.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, query, storable(answer), micros(now), ref)
		return err
	})
}
