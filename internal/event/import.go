package event

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"boxoffice/internal/codec"
	"boxoffice/internal/errs"
	"boxoffice/internal/event/importer"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/id"
	"boxoffice/internal/seating"
)

// Import reads all files and writes their contents in one transaction. Importing the
// same files again changes nothing. If a file has a fault, the error is an
// importer.FileError and nothing is written.
func (s *Service) Import(ctx context.Context, files []importer.File, opts importer.Options) (importer.Result, error) {
	all, err := importer.Read(files, opts)
	if err != nil {
		return importer.Result{}, err
	}
	return s.store(ctx, all, opts)
}

// store checks events and plans as if they were sent to the API, and writes them in
// one transaction. Afterwards it hands the sales over.
func (s *Service) store(ctx context.Context, all *importer.Batch, opts importer.Options) (importer.Result, error) {
	var sum importer.Result
	plans := map[string]*planRow{}
	for i := range all.Plans {
		p := &all.Plans[i]
		row, stored, err := s.importPlan(ctx, p)
		if err != nil {
			return sum, err
		}
		plans[p.Source] = row
		sum.Plans++
		sum.Seats += row.seats
		if stored {
			sum.KnownPlans++
		}
		sum.Refs = append(sum.Refs, row.show())
	}
	var list []*prepared
	for i := range all.Events {
		f := &all.Events[i]
		d, err := s.importEvent(ctx, f, plans, opts)
		var fault importer.FileError
		switch {
		case f.Guessed && !opts.Strict && errors.As(err, &fault):
			all.Notes = append(all.Notes, f.LeftOut(fault.Path, fault.Reason))
			continue
		case err != nil:
			return importer.Result{}, err
		case d == nil:
			sum.Unchanged++
			continue
		case d.before == nil:
			sum.New++
		default:
			sum.Updated++
		}
		list = append(list, d)
	}
	if err := s.save(ctx, plans, list); err != nil {
		return importer.Result{}, fmt.Errorf("import: %w", err)
	}
	sum.Notes = all.Notes
	return sum, s.handOverAll(ctx, list)
}

// handOverAll hands over the sales of imported events. Those that the booking side
// does not settle now stay in the outbox.
func (s *Service) handOverAll(ctx context.Context, list []*prepared) error {
	refused := make([]error, len(list))
	var group errgroup.Group
	group.SetLimit(importWidth)
	for i, d := range list {
		group.Go(func() error {
			if _, err := s.handOver(ctx, d.event); err != nil {
				refused[i] = fmt.Errorf("%q stays as it was: %w", d.event.Title, err)
			}
			return nil
		})
	}
	_ = group.Wait()
	return errors.Join(refused...)
}

// save writes plans and events in one transaction.
func (s *Service) save(ctx context.Context, plans map[string]*planRow, list []*prepared) error {
	return s.db.Write(ctx, func(tx *sql.Tx) error {
		for _, row := range plans {
			if err := insertPlan(ctx, tx, row, s.now().UnixMicro()); err != nil {
				return err
			}
		}
		for _, d := range list {
			if err := s.savePrepared(ctx, tx, d); err != nil {
				return err
			}
		}
		return nil
	})
}

// savePrepared writes an event as a new one or as the next version of a stored one.
func (s *Service) savePrepared(ctx context.Context, tx *sql.Tx, d *prepared) error {
	if d.before == nil {
		return s.insert(ctx, tx, d)
	}
	if err := insertVenue(ctx, tx, d.event.Venue); err != nil {
		return err
	}
	if len(d.tiers) > 0 {
		if err := insertPrices(ctx, tx, d.list(d.event.ID, d.event.PriceVersion, d.event.Currency)); err != nil {
			return err
		}
	}
	if err := updateEvent(ctx, tx, &d.event, d.before.Version); err != nil {
		return err
	}
	if err := insertChanges(ctx, tx, &d.event, d.changes); err != nil {
		return err
	}
	return s.enqueue(ctx, tx, &d.event, d.before)
}

// importPlan finds or creates the version of an imported plan: equal content is the same
// version, different content a new one. Stored reports whether it exists already.
func (s *Service) importPlan(ctx context.Context, p *importer.Plan) (row *planRow, stored bool, err error) {
	if row, err = drawn(p.Document, p.Plan); err != nil {
		return nil, false, err
	}
	row.id = id.FromSource("plan", p.Source)
	rows, err := s.db.Reader().QueryContext(ctx, `SELECT version, fingerprint FROM plans WHERE id = $1 ORDER BY version`, row.id)
	if err != nil {
		return nil, false, fmt.Errorf("read plans: %w", err)
	}
	defer rows.Close()
	row.version = 1
	for rows.Next() {
		var version int64
		var fingerprint []byte
		if err := rows.Scan(&version, &fingerprint); err != nil {
			return nil, false, fmt.Errorf("read plans: %w", err)
		}
		if bytes.Equal(fingerprint, row.fingerprint) {
			row.version = version
			return row, true, rows.Err()
		}
		row.version = version + 1
	}
	return row, false, rows.Err()
}

// importEvent prepares an event for writing. It returns nil if the stored event was
// made from the same data.
func (s *Service) importEvent(ctx context.Context, f *importer.Event, plans map[string]*planRow, opts importer.Options) (*prepared, error) {
	in := f.New
	if in.Price == nil && len(in.Tiers) == 0 && opts.Currency != "" {
		in.Price, in.Currency = &opts.DefaultPrice, opts.Currency
	}
	raw, err := codec.Marshal(struct {
		In        eventapi.NewEvent
		Plan      string
		Cancelled bool
	}{in, f.PlanSource, f.Cancelled})
	if err != nil {
		return nil, fmt.Errorf("import: %w", err)
	}
	hash := sha256.Sum256(raw)
	eventID := id.FromSource("event", f.Source)
	old, err := s.read(ctx, eventID)
	known := err == nil
	if err != nil && errs.KindOf(err) != errs.NotFound {
		return nil, err
	}
	if known && bytes.Equal(old.SourceHash, hash[:]) {
		return nil, nil
	}
	var plan *seating.Plan // of this import; nil: the event names another
	if f.PlanSource != "" {
		row := plans[f.PlanSource]
		if row == nil {
			return nil, f.Fault(".plan", "names %q, which is not a plan of this import", f.PlanSource)
		}
		row.plan.ID, row.plan.Version = row.id, row.version
		in.Plan = eventapi.PlanChoice{ID: row.id, Version: row.version}
		plan = row.plan
	}
	if known && in.Status == "" && !f.Cancelled && old.Status != eventapi.Cancelled {
		in.Status = old.Status // the file does not say
	}
	wantSale := in.Status == eventapi.OnSale
	if wantSale && in.Price == nil && len(in.Tiers) == 0 {
		in.Status = eventapi.Published // not on sale until it has prices
	}
	if known {
		if err := s.keepPlan(ctx, f, &in, plan, &old); err != nil {
			return nil, err
		}
	}
	if known {
		plan = nil // in.Plan now names the event's plan
	}
	d, err := s.prepare(ctx, in, plan)
	if err != nil {
		return nil, fileFault(f, err)
	}
	e := &d.event
	if f.Cancelled {
		e.Status = eventapi.Cancelled
	}
	e.ID, e.OrganizerID, e.Source, e.SourceHash, e.CreatedAt = eventID, opts.OrganizerID, f.Source, hash[:], s.now().UnixMicro()
	if !known {
		return d, nil
	}
	return d, s.over(ctx, d, &old, f, wantSale)
}

// keepPlan keeps the plan of a stored event, since people may hold seats of it. A file
// that names another plan is refused. A newer version of the same plan, or another
// guess where the file names no plan, is ignored.
func (s *Service) keepPlan(ctx context.Context, f *importer.Event, in *eventapi.NewEvent, plan *seating.Plan, old *stored) error {
	if !f.Guessed {
		if plan == nil {
			var err error
			if _, plan, err = s.planOf(ctx, in.Plan); err != nil {
				return fileFault(f, err)
			}
		}
		if plan.ID != old.PlanID {
			return f.Fault(".plan", "is another plan than the event has here; the plan of an event does not change")
		}
	}
	in.Plan = eventapi.PlanChoice{ID: old.PlanID, Version: old.PlanVersion}
	if f.Guessed && len(in.Tiers) > 0 {
		p, err := s.Plan(ctx, old.PlanID, old.PlanVersion)
		if err != nil {
			return err
		}
		in.Tiers = importer.Spread(in.Tiers[len(in.Tiers)-1].Price, in.Tiers[0].Price, p.BestFirst())
	}
	return nil
}

// over makes a prepared event the next version of a stored event.
func (s *Service) over(ctx context.Context, d *prepared, old *stored, f *importer.Event, wantSale bool) (err error) {
	e := &d.event
	if old.Currency != "" && e.Currency != "" && e.Currency != old.Currency {
		return f.Fault("", "has another currency than the event has here")
	}
	d.before, e.Version = old, old.Version+1
	e.OrganizerID, e.CreatedAt = old.OrganizerID, old.CreatedAt
	e.keepSettings(old, &f.New)
	e.Announced = e.Announced || old.Announced
	if len(d.tiers) > 0 {
		if e.PriceVersion, err = s.nextPriceVersion(ctx, old.ID); err != nil {
			return err
		}
	} else {
		e.PriceVersion, e.PriceFrom, e.Currency = old.PriceVersion, old.PriceFrom, old.Currency
		if wantSale && (old.Status == eventapi.OnSale || old.ImportPaused) {
			e.Status = eventapi.OnSale // its organizer has priced it
		}
	}
	if old.Paused && !old.ImportPaused && e.Status == eventapi.OnSale {
		e.Status = eventapi.Published // its organizer decides when it goes on
	}
	e.Paused = e.Status == eventapi.Published && (old.Paused || old.Status == eventapi.OnSale)
	e.ImportPaused = e.Paused && (old.ImportPaused || old.Status == eventapi.OnSale)
	if old.Status == eventapi.Cancelled {
		e.Status = eventapi.Cancelled // its bookings were cancelled, which cannot be undone
	}
	if err := s.keepSeen(ctx, f, old, e); err != nil {
		return err
	}
	if err := s.keepPromises(ctx, old, e); err != nil {
		return fileFault(f, err)
	}
	e.ChangedAt = old.ChangedAt
	d.changes = s.changed(old, e)
	return nil
}

// keepSeen refuses to make an event a draft while people have seats of it: they could
// not see it any more.
func (s *Service) keepSeen(ctx context.Context, f *importer.Event, old, e *stored) error {
	if e.Status != eventapi.Draft || old.Status == eventapi.Draft {
		return nil
	}
	err := s.untouched(ctx, old.ID, "seats-taken", "it cannot become a draft again")
	if refused := errs.Of(err); refused != nil {
		return f.Fault(".status", "cannot be draft: %s", refused.Detail)
	}
	return err
}

// keepSettings keeps what the organizer has set, where the file says nothing.
func (e *stored) keepSettings(old *stored, in *eventapi.NewEvent) {
	if in.RefundableUntil == nil {
		e.RefundsEnd = old.RefundsEnd
	}
	if in.CancellationFees == nil {
		e.CancelFees = old.CancelFees
	}
	if in.LimitPerCustomer == nil {
		e.LimitPerCustomer = old.LimitPerCustomer
	}
	if in.HoldMinutes == nil {
		e.HoldFor = old.HoldFor
	}
	if in.UnverifiedBuyers == nil {
		e.UnverifiedBuyers = old.UnverifiedBuyers
	}
}

// fileFault turns field errors of an event into a fault of its file.
func fileFault(f *importer.Event, err error) error {
	var e *errs.Error
	if !errors.As(err, &e) || len(e.Fields) == 0 {
		return err
	}
	if !f.Guessed { // the file has the fields of an event
		return f.Fault("."+e.Fields[0].Name, "%s", e.Fields[0].Reason)
	}
	return f.Fault("", "cannot be an event: %s %s", e.Fields[0].Name, e.Fields[0].Reason)
}
