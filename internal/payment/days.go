package payment

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"boxoffice/internal/caller"
	"boxoffice/internal/codec"
	"boxoffice/internal/errs"
	"boxoffice/internal/jobs"
	"boxoffice/internal/payment/reconcile"
	"boxoffice/internal/paymentapi"
)

const (
	// All by the primary key.
	sqlKeepDay = `INSERT INTO payments_days (day, at, report, findings) VALUES ($1, $2, $3, $4)
		ON CONFLICT (day) DO UPDATE SET at = excluded.at, report = excluded.report, findings = excluded.findings`
	sqlDays    = `SELECT day, at, report FROM payments_days ORDER BY day DESC LIMIT $1`
	sqlDay     = `SELECT day, at, report, findings FROM payments_days WHERE day = $1`
	sqlAllDays = `SELECT day, CASE WHEN report LIKE '%"` + string(reconcile.NotCompared) + `"%' THEN at ELSE 0 END FROM payments_days`
)

const (
	dayForm    = time.DateOnly
	dayOver    = 2 * time.Hour      // after a day, when it is compared: what was unclear at its end is clear by then
	tryDays    = 7 * 24 * time.Hour // how long a day is tried that cannot be compared
	lookAtDays = 10 * time.Minute
)

// keepByHand stores a report that somebody has asked for, unless that would hide what the
// days' own comparisons find: a day that is not over is compared later, and what was
// compared with the gateway's list is not replaced by what was not.
func (s *Service) keepByHand(ctx context.Context, day time.Time, r *paymentapi.DayReport) error {
	if day = day.UTC().Truncate(24 * time.Hour); s.now().Before(day.AddDate(0, 0, 1).Add(dayOver)) {
		return nil
	}
	switch {
	case s.gateway == nil:
		return nil
	case r.Unlisted:
		switch has, err := s.store.day(ctx, day.Format(dayForm)); {
		case errs.KindOf(err) == errs.NotFound:
		case err != nil:
			return err
		case !has.Report.Unlisted:
			return nil
		}
	}
	return s.store.keepDay(ctx, day, s.now(), r)
}

// keepDay stores the report of a day, in place of an older one.
func (s *store) keepDay(ctx context.Context, day, at time.Time, r *paymentapi.DayReport) error {
	short := *r
	short.Findings = nil
	report, err := codec.Marshal(short)
	if err != nil {
		return fmt.Errorf("keep a day's report: %w", err)
	}
	findings, err := codec.Marshal(r.Findings)
	if err != nil {
		return fmt.Errorf("keep a day's report: %w", err)
	}
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, sqlKeepDay, day.Format(dayForm), at.UnixMicro(), string(report), string(findings))
		return err
	})
	if err != nil {
		return fmt.Errorf("keep a day's report: %w", err)
	}
	return nil
}

// ReconciledDays implements paymentapi.Reconciliations.
func (s *Service) ReconciledDays(ctx context.Context, c caller.Caller, limit int) ([]paymentapi.ReconciledDay, error) {
	if err := administers(c); err != nil {
		return nil, err
	}
	rows, err := s.store.db.Reader().QueryContext(ctx, sqlDays, limit)
	if err != nil {
		return nil, fmt.Errorf("list days: %w", err)
	}
	defer rows.Close()
	var list []paymentapi.ReconciledDay
	for rows.Next() {
		var d paymentapi.ReconciledDay
		if err := scanDay(rows, &d); err != nil {
			return nil, err
		}
		list = append(list, d)
	}
	return list, rows.Err()
}

// ReconciledDay implements paymentapi.Reconciliations.
func (s *Service) ReconciledDay(ctx context.Context, c caller.Caller, day string) (paymentapi.ReconciledDay, error) {
	var d paymentapi.ReconciledDay
	if err := administers(c); err != nil {
		return d, err
	}
	if _, err := time.Parse(dayForm, day); err != nil {
		return d, errs.Missing("day")
	}
	return s.store.day(ctx, day)
}

// day reads a day that was compared.
func (s *store) day(ctx context.Context, day string) (d paymentapi.ReconciledDay, err error) {
	var findings []byte
	err = scanDay(s.db.Reader().QueryRowContext(ctx, sqlDay, day), &d, &findings)
	if errors.Is(err, sql.ErrNoRows) {
		return d, errs.Missing("day")
	}
	if err == nil {
		err = codec.ReadKnown(findings, &d.Report.Findings)
	}
	return d, err
}

func administers(c caller.Caller) error {
	switch {
	case !c.SignedIn():
		return errs.New(errs.Unauthenticated, "sign-in-required", "Please sign in first.")
	case !c.Administers():
		return errs.Missing("day")
	}
	return nil
}

func scanDay(row interface{ Scan(...any) error }, d *paymentapi.ReconciledDay, more ...any) error {
	var at int64
	var report []byte
	if err := row.Scan(append([]any{&d.Day, &at, &report}, more...)...); err != nil {
		return fmt.Errorf("read day: %w", err)
	}
	d.At = time.UnixMicro(at).UTC()
	if err := codec.ReadKnown(report, &d.Report); err != nil {
		return fmt.Errorf("report of day %s: %w", d.Day, err)
	}
	return nil
}

// followDays compares each day once it is over, until ctx ends. Of several nodes, one
// does this.
func (s *Service) followDays(ctx context.Context) {
	var trouble jobs.Trouble
	_ = jobs.Every(ctx, lookAtDays, nil, func(ctx context.Context) error {
		err := s.guarded(ctx, "reconciling days", func() error {
			if !s.lease.Held(ctx) {
				return jobs.ErrNotOver // another node does the work
			}
			return s.compareDays(ctx)
		})
		if err != nil && !errors.Is(err, jobs.ErrNotOver) {
			s.metrics.daysFailed.Inc()
		}
		trouble.Log(ctx, s.log, slog.LevelError, "a day cannot be compared with the payment gateway's list, and is tried again", err)
		return nil
	})
}

// compareDays compares the days that are over and were not compared yet, the oldest first:
// yesterday if none was, else all since the first that was. A day on which something seems
// stuck is compared again at the next look: after an outage, what was under way goes on
// only now. A day that cannot be compared keeps no other from it.
func (s *Service) compareDays(ctx context.Context) error {
	last := s.now().UTC().Add(-dayOver).Truncate(24*time.Hour).AddDate(0, 0, -1)
	has, err := s.store.hasDays(ctx)
	if err != nil {
		return err
	}
	day := last
	if len(has) > 0 {
		if day, err = time.Parse(dayForm, slices.Min(slices.Collect(maps.Keys(has)))); err != nil {
			return fmt.Errorf("list days: %w", err)
		}
	}
	var failed error
	for ; !day.After(last) && ctx.Err() == nil; day = day.AddDate(0, 0, 1) {
		name := day.Format(dayForm)
		since, tried := has[name]
		if tried && (since.IsZero() || s.now().Sub(since) > tryDays) {
			continue
		}
		err := s.guarded(ctx, "reconciling a day", func() error { return s.compareDay(ctx, day) })
		if err == nil {
			delete(s.failing, name)
			continue
		}
		failed = errors.Join(failed, fmt.Errorf("%s: %w", name, err))
		if !tried && ctx.Err() == nil {
			failed = errors.Join(failed, s.notCompared(ctx, day, err))
		}
	}
	return failed
}

// compareDay compares a day and keeps what came of it, unless it is looked at again.
func (s *Service) compareDay(ctx context.Context, day time.Time) error {
	name := day.Format(dayForm)
	r, err := s.compare(ctx, day)
	if err == nil && r.Found[reconcile.Stuck]+r.Found[reconcile.RefundStuck] > 0 && !s.again[name] {
		s.again[name] = true
		return nil
	}
	if err == nil {
		err = s.store.keepDay(ctx, day, s.now(), r)
	}
	if err != nil {
		return err
	}
	delete(s.again, name)
	s.tellDay(ctx, day, r)
	return nil
}

// notCompared keeps that a day could not be compared, once it has failed at two looks: the
// gateway may only have been away for a moment.
func (s *Service) notCompared(ctx context.Context, day time.Time, why error) error {
	name := day.Format(dayForm)
	if !s.failing[name] {
		s.failing[name] = true
		return nil
	}
	delete(s.failing, name)
	s.log.ErrorContext(ctx, "a day could not be compared with the payment gateway's list; it is tried for a week, and then only by hand: boxoffice reconcile --day",
		"day", name, "error", why)
	return s.store.keepDay(ctx, day, s.now(), reconcile.Uncompared(day))
}

// tellDay logs and counts what came of a day.
func (s *Service) tellDay(ctx context.Context, day time.Time, r *paymentapi.DayReport) {
	s.metrics.day.Set(float64(day.Unix()))
	s.metrics.findings.Reset()
	for kind, n := range r.Found {
		s.metrics.findings.WithLabelValues(string(kind)).Set(float64(n))
	}
	if r.OK() {
		s.log.InfoContext(ctx, "a day was compared with the payment gateway's list", "day", day.Format(dayForm), "lines", r.Lines, "payments", r.Payments, "postings", r.Postings)
		return
	}
	s.log.ErrorContext(ctx, "money does not add up, and needs a person to look at it: see /organizer/reconciliation",
		"day", day.Format(dayForm), "findings", r.Count(), "first", r.Findings[0].Kind, "payment", r.Findings[0].PaymentID)
}

// hasDays is the days that were compared, or that could not be: since when.
func (s *store) hasDays(ctx context.Context) (map[string]time.Time, error) {
	rows, err := s.db.Reader().QueryContext(ctx, sqlAllDays)
	if err != nil {
		return nil, fmt.Errorf("list days: %w", err)
	}
	defer rows.Close()
	has := map[string]time.Time{}
	for rows.Next() {
		var day string
		var failed int64
		if err := rows.Scan(&day, &failed); err != nil {
			return nil, fmt.Errorf("list days: %w", err)
		}
		has[day] = time.Time{}
		if failed > 0 {
			has[day] = time.UnixMicro(failed)
		}
	}
	return has, rows.Err()
}
