package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"time"

	"boxoffice/internal/jobs"
	"boxoffice/internal/notify/letter"
	"boxoffice/internal/notify/mail"
)

const (
	lookEvery      = time.Second      // for what other nodes have stored, and what is to be tried again
	sendTime       = 14 * time.Minute // for one mail; most of it is for the mail server's last answer: see package smtp
	leastClaims    = 4                // claimed at a time; it grows with the speed of the mail server
	mostClaims     = 512
	mostUnrecorded = 128              // outcomes that are being written down, and as many that wait: so many mails may be sent again after a crash
	grace          = 10 * time.Second // for mails under way when the service ends
	firstPause     = 15 * time.Second // after the first attempt, then twice as long
	longPause      = time.Hour
	logKept        = 90 * 24 * time.Hour
	forgetEvery    = time.Hour
	forgotten      = 500 // lines of the log that are deleted in one transaction
)

// Run sends what is due until ctx ends. Mails under way are then finished, if that takes
// only a moment; the others stay due.
func (s *Service) Run(ctx context.Context) error {
	defer s.cfg.Sender.Close()
	if !s.cfg.DB.Shared() { // what is claimed was claimed by this node, which died
		if err := s.store.free(ctx, s.cfg.Now()); err != nil {
			return fmt.Errorf("free notices: %w", err)
		}
	}
	sending, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(grace, cancel) })
	defer stop()

	todo, done := make(chan row), make(chan outcome, mostUnrecorded)
	var workers, recorder sync.WaitGroup
	for range max(1, s.cfg.Parallel) {
		workers.Go(func() {
			for r := range todo {
				done <- s.one(sending, r)
			}
		})
	}
	recorder.Go(func() { s.recordAll(ctx, done) })
	renewing, renewed := context.WithCancel(context.WithoutCancel(ctx))
	var keeper sync.WaitGroup
	keeper.Go(func() { s.renewAll(renewing) })
	recorder.Go(func() { s.runMailings(ctx) })
	if s.cfg.Texts != nil {
		workers.Go(func() { s.runTexts(ctx) })
	}

	var trouble jobs.Trouble
	size, forgot := leastClaims, time.Time{}
	err := jobs.Every(ctx, lookEvery, s.kicked, func(ctx context.Context) error {
		err := jobs.Catch(func() error { return s.feed(ctx, &size, todo, done) })
		trouble.Log(ctx, s.cfg.Log, slog.LevelError, "notices wait", err)
		if time.Since(forgot) > forgetEvery {
			forgot = time.Now()
			if err := s.forget(ctx); err != nil && ctx.Err() == nil {
				s.cfg.Log.ErrorContext(ctx, "old lines stay in the log of notices", "error", err)
			}
		}
		return nil
	})
	close(todo)
	workers.Wait()
	close(done)
	recorder.Wait()
	renewed()
	keeper.Wait()
	return err
}

// feed gives workers what is due, the most urgent first, until nothing is. size is how
// many notices it claims at a time: about as many as are sent in a second, so that
// urgent ones need not wait for long.
func (s *Service) feed(ctx context.Context, size *int, todo chan<- row, done chan<- outcome) error {
	for ctx.Err() == nil {
		began := time.Now()
		may, well := s.outage.over(s.cfg.Now())
		if !may {
			return nil
		}
		if !well {
			*size = leastClaims
		}
		list, err := s.claim(ctx, *size)
		if err != nil || len(list) == 0 {
			return err
		}
		for i := range list {
			if list[i].unreadable {
				done <- s.giveUp(ctx, list[i], "its row in the database cannot be read")
				continue
			}
			if until := s.waits(ctx, &list[i]); !until.IsZero() {
				done <- released(list[i], until)
				continue
			}
			if ok, later := s.pace.take(mail.Domain(list[i].notice.To), list[i].urgency, s.cfg.Now()); !ok {
				done <- released(list[i], later)
				continue
			}
			select {
			case todo <- list[i]:
			case <-ctx.Done():
				done <- released(list[i], s.cfg.Now())
			}
		}
		switch took := time.Since(began); {
		case took < 200*time.Millisecond:
			*size = min(2**size, mostClaims)
		case took > time.Second:
			*size = max(*size/2, leastClaims)
		}
	}
	return nil
}

// A notice that comes after a mailing looks again and again whether its recipient was
// told, after pauses that grow with the time that it has waited.
const (
	firstLook   = 2 * time.Second
	longestLook = 5 * time.Minute
	notBegun    = 15 * time.Minute // until then the mailing may still begin
	mostAfter   = 24 * time.Hour   // something is wrong with the mailing, and the notice is news, too
)

// waits returns when a notice that is to be sent after another one looks again whether
// that was sent; the zero time: it waits no longer. While nobody can say, it waits.
func (s *Service) waits(ctx context.Context, r *row) time.Time {
	n, now := &r.notice, s.cfg.Now()
	waited := now.Sub(r.created)
	if n.After == "" || waited >= mostAfter {
		return time.Time{}
	}
	var begun, over, waiting bool
	err := s.cfg.DB.Reader().QueryRowContext(ctx, sqlToldBefore, n.After, n.After+"/"+n.BookingID).Scan(&begun, &over, &waiting)
	if err == nil && !waiting && (over || !begun && waited >= notBegun) {
		return time.Time{}
	}
	return now.Add(min(max(waited/2, firstLook), longestLook))
}

// claim takes the most urgent notices that are due.
func (s *Service) claim(ctx context.Context, limit int) ([]row, error) {
	now := s.cfg.Now()
	for urgency := range urgencies {
		some, err := s.store.due(ctx, urgency, now)
		if err != nil {
			return nil, fmt.Errorf("look for notices: %w", err)
		}
		if !some {
			continue
		}
		list, err := s.store.claim(ctx, urgency, now, now.Add(claimLife), limit)
		if err != nil {
			return nil, fmt.Errorf("claim notices: %w", err)
		}
		if len(list) > 0 { // otherwise other nodes have them
			return list, nil
		}
	}
	return nil, nil
}

// released is the outcome of a notice that was not tried.
func released(r row, next time.Time) outcome {
	r.next = next
	return outcome{row: r, release: true}
}

// one tries one notice.
func (s *Service) one(running context.Context, r row) outcome {
	ctx, cancel := context.WithTimeout(running, sendTime)
	defer cancel()
	now := s.cfg.Now()
	switch {
	case now.After(r.next.Add(-beginTime)): // it waited so long that another node might take it over before the claim is renewed
		return released(r, now)
	case now.After(r.until):
		return s.giveUp(ctx, r, "not sent in time; "+r.answer)
	}
	if may, _ := s.outage.over(now); !may {
		return released(r, now)
	}
	s.holds.add(&r)
	var answer string
	err := jobs.Catch(func() (err error) {
		m, err := s.compose(ctx, &r)
		if err == nil {
			answer, err = s.cfg.Sender.Send(ctx, m)
		}
		return err
	})
	now = s.cfg.Now()
	var away *mail.Unavailable
	var refused *mail.Refused
	switch {
	case err == nil:
		s.outage.answered(ctx, s.cfg.Log)
		s.metrics.outage.Set(0)
		s.metrics.notices.WithLabelValues("sent").Inc()
		r.state, r.answer, r.done = sent, answer, now
		return outcome{row: r}
	case errors.As(err, &away):
		s.metrics.outage.Set(1)
		return released(r, s.outage.failed(ctx, s.cfg.Log, now, away.Cause))
	case errors.As(err, &refused):
		o := s.giveUp(ctx, r, refused.Answer)
		if refused.Dead {
			o.state = bounced
		}
		return o
	case running.Err() != nil: // this node ends
		return released(r, now)
	}
	return s.retry(ctx, r, err, now)
}

// compose writes the mail of a notice.
func (s *Service) compose(ctx context.Context, r *row) (*mail.Mail, error) {
	n := &r.notice
	if !letter.Known(n.Kind) {
		return nil, fmt.Errorf("this version knows no notices of kind %q", n.Kind) // a later one, on another node, does
	}
	s.leave(n)
	l, err := s.letters.Render(n)
	if err != nil {
		return nil, &mail.Refused{Answer: err.Error()}
	}
	m := &mail.Mail{ID: n.ID, Local: s.ids.of(n.ID), To: n.To, Lang: l.Lang, Subject: l.Subject, Text: l.Text, HTML: l.HTML, Date: s.cfg.Now(), Unsubscribe: n.Data.Unsubscribe}
	if s.cfg.Files != nil {
		if m.Files, err = s.cfg.Files(ctx, n); err != nil {
			return nil, fmt.Errorf("attachments: %w", err)
		}
	}
	return m, nil
}

// retry puts a notice off, or gives it up if its time is over.
func (s *Service) retry(ctx context.Context, r row, err error, now time.Time) outcome {
	r.answer = err.Error()
	if p, ok := err.(*jobs.Panic); ok {
		s.cfg.Log.ErrorContext(ctx, "a mail cannot be written", "notice", r.notice.ID, "kind", r.notice.Kind, "error", p, "stack", p.Stack)
	}
	r.next = now.Add(min(firstPause<<min(r.tries-1, 16), longPause))
	if r.next.After(r.until) {
		return s.giveUp(ctx, r, r.answer)
	}
	s.metrics.notices.WithLabelValues("retried").Inc()
	return outcome{row: r}
}

// giveUp ends a notice without success.
func (s *Service) giveUp(ctx context.Context, r row, answer string) outcome {
	s.metrics.notices.WithLabelValues("failed").Inc()
	s.cfg.Log.WarnContext(ctx, "a mail was given up", "notice", r.notice.ID, "kind", r.notice.Kind, "answer", anonymous(answer, r.notice.To))
	r.state, r.answer, r.done = failed, answer, s.cfg.Now()
	return outcome{row: r}
}

var addresses = regexp.MustCompile(`[^\s<>()\[\]"',;:]+@[^\s<>()\[\]"',;:]+`)

// anonymous leaves addresses out of an answer, and the name before the recipient's at
// sign.
func anonymous(answer, to string) string {
	if name, _, ok := strings.Cut(to, "@"); ok && len(name) > 1 {
		answer = regexp.MustCompile(`(?i)`+regexp.QuoteMeta(to)).ReplaceAllString(answer, "…")
		answer = addresses.ReplaceAllString(answer, "…")
		return regexp.MustCompile(`(?i)(^|[^\pL\pN])`+regexp.QuoteMeta(name)+`($|[^\pL\pN])`).ReplaceAllString(answer, "$1…$2")
	}
	return addresses.ReplaceAllString(answer, "…")
}

// recordAll writes outcomes down, all that have come since the last time together. While
// the database cannot be reached it goes on trying, and nothing more is sent; once ctx
// has ended it does so for a moment only.
func (s *Service) recordAll(ctx context.Context, done <-chan outcome) {
	var trouble jobs.Trouble
	for first := range done {
		list := []outcome{first}
		for more := true; more && len(list) < mostUnrecorded; {
			select {
			case o, ok := <-done:
				if more = ok; ok {
					list = append(list, o)
				}
			default:
				more = false
			}
		}
		for pause := 50 * time.Millisecond; ; pause = min(2*pause, time.Second) {
			writing, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
			err := s.store.record(writing, list)
			cancel()
			trouble.Log(ctx, s.cfg.Log, slog.LevelError, "what became of notices cannot be recorded", err)
			if err == nil || ctx.Err() != nil {
				s.holds.done(list)
				break
			}
			select {
			case <-ctx.Done():
			case <-time.After(pause):
			}
		}
	}
}

// forget deletes old lines of the log.
func (s *Service) forget(ctx context.Context) error {
	for ctx.Err() == nil {
		n, err := s.store.forget(ctx, s.cfg.Now().Add(-logKept), forgotten)
		if err != nil {
			return err
		}
		if n < forgotten {
			return errors.Join(s.store.exec(ctx, sqlForgetMailings, micros(s.cfg.Now().Add(-logKept))), s.store.exec(ctx, sqlForgetAgain, micros(s.cfg.Now().Add(-24*time.Hour))))
		}
	}
	return nil
}
