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
	"boxoffice/internal/sqldb"
)

const (
	// All by the primary key.
	sqlKeepDay = `INSERT INTO payments_days (day, at, report, findings) VALUES ($1, $2, $3, $4)
		ON CONFLICT (day) DO UPDATE SET at = excluded.at, report = excluded.report, findings = excluded.findings`
	sqlDays    = `SELECT day, at, report FROM payments_days ORDER BY day DESC LIMIT $1`
	sqlDay     = `SELECT day, at, report, findings FROM payments_days WHERE day = $1`
	sqlAllDays = `SELECT day FROM payments_days`
)

const (
	dayForm    = time.DateOnly
	dayOver    = 2 * time.Hour // after a day, when it is compared: what was unclear at its end is clear by then
	daysBack   = 7             // days that are compared if they were not, as after a restore
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
// yesterday if none was, else up to a week. A day on which something seems stuck is
// compared again at the next look: after an outage, what was under way goes on only now.
func (s *Service) compareDays(ctx context.Context) error {
	last := s.now().UTC().Add(-dayOver).Truncate(24*time.Hour).AddDate(0, 0, -1)
	has, err := s.store.hasDays(ctx)
	if err != nil {
		return err
	}
	first := last
	if len(has) > 0 {
		began := slices.Min(slices.Collect(maps.Keys(has)))
		for n := 1; n < daysBack && last.AddDate(0, 0, -n).Format(dayForm) >= began; n++ {
			first = last.AddDate(0, 0, -n)
		}
	}
	for day := first; !day.After(last); day = day.AddDate(0, 0, 1) {
		if has[day.Format(dayForm)] {
			continue
		}
		r, err := s.compare(ctx, day)
		if err == nil && r.Found[reconcile.Stuck]+r.Found[reconcile.RefundStuck] > 0 && !s.again[day.Format(dayForm)] {
			s.again[day.Format(dayForm)] = true
			continue
		}
		if err == nil {
			err = s.store.keepDay(ctx, day, s.now(), r)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", day.Format(dayForm), err)
		}
		delete(s.again, day.Format(dayForm))
		s.tellDay(ctx, day, r)
	}
	return nil
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

// hasDays is the days that were compared.
func (s *store) hasDays(ctx context.Context) (map[string]bool, error) {
	days, err := sqldb.Texts(ctx, s.db.Reader(), sqlAllDays)
	if err != nil {
		return nil, fmt.Errorf("list days: %w", err)
	}
	has := make(map[string]bool, len(days))
	for _, day := range days {
		has[day] = true
	}
	return has, nil
}
