package invoice

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/text/language"

	"boxoffice/internal/caller"
	"boxoffice/internal/codec"
	"boxoffice/internal/errs"
	"boxoffice/internal/invoiceapi"
	"boxoffice/internal/safetext"
	"boxoffice/internal/vat"
)

// owner is the organizer whose events a seller sells; "": the house's.
func owner(sellerID string) string {
	if sellerID == invoiceapi.House {
		return ""
	}
	return sellerID
}

// sellerOf is the seller of an organizer's events.
func sellerOf(organizerID string) string {
	if organizerID == "" {
		return invoiceapi.House
	}
	return organizerID
}

// maySell refuses callers who may not see or change a seller.
func maySell(c caller.Caller, sellerID string) error {
	switch {
	case !c.SignedIn():
		return errs.New(errs.Unauthenticated, "sign-in-required", "Please sign in first.")
	case !c.MayOrganize(owner(sellerID)):
		return errs.Missing("seller")
	}
	return nil
}

// Seller returns the current details; see invoiceapi.Sellers.
func (s *Service) Seller(ctx context.Context, c caller.Caller, id string) (invoiceapi.Seller, error) {
	if err := maySell(c, id); err != nil {
		return invoiceapi.Seller{}, err
	}
	found, err := s.store.sellers(ctx, []string{id})
	seller, ok := found[id]
	if !ok {
		seller = invoiceapi.Seller{ID: id, Zone: "UTC"}
	}
	return seller, err
}

// SetSeller stores new details; see invoiceapi.Sellers.
func (s *Service) SetSeller(ctx context.Context, c caller.Caller, id string, version int64, d invoiceapi.Seller) (invoiceapi.Seller, error) {
	if err := maySell(c, id); err != nil {
		return d, err
	}
	d, err := check(d)
	if err != nil {
		return d, err
	}
	if who := owner(id); who != "" {
		if people, err := s.cfg.People.People(ctx, []string{who}); err != nil {
			return d, err
		} else if _, ok := people[who]; !ok {
			return d, errs.Missing("seller")
		}
	}
	raw, err := codec.Marshal(d)
	if err != nil {
		return d, fmt.Errorf("store a seller: %w", err)
	}
	err = s.cfg.DB.Write(ctx, func(tx *sql.Tx) error {
		var now int64
		var was string
		err := tx.QueryRowContext(ctx, sqlSeller, id).Scan(&now, &was)
		switch {
		case errors.Is(err, sql.ErrNoRows):
		case err != nil:
			return err
		case was == string(raw):
			d.Version = now
			return nil
		}
		if version == errs.NotYet && now != 0 || version != 0 && version != errs.NotYet && version != now {
			return changed()
		}
		if err := s.mayChange(ctx, tx, id, now+1); err != nil {
			return err
		}
		d.Version = now + 1
		res, err := tx.ExecContext(ctx, sqlAddSeller, id, d.Version, string(raw), c.UserID, s.cfg.Now().UnixMicro())
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 1 {
			return err
		}
		return changed() // on another node
	})
	d.ID = id
	if err != nil {
		return d, fmt.Errorf("store a seller: %w", err)
	}
	return d, nil
}

// How often a seller's details may change.
const (
	mostChanges  = 20
	changeWindow = 24 * time.Hour
)

// mayChange refuses a new version if there were too many lately: no version is ever
// deleted.
func (s *Service) mayChange(ctx context.Context, tx *sql.Tx, id string, version int64) error {
	var at int64
	err := tx.QueryRowContext(ctx, sqlSellerAt, id, version-mostChanges).Scan(&at)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if left := time.UnixMicro(at).Add(changeWindow).Sub(s.cfg.Now()); err == nil && left > 0 {
		return errs.New(errs.TooMany, "too-many-changes", "The details have changed %d times within a day. Please try again later.", mostChanges).After(left)
	}
	return err
}

func changed() error {
	return errs.New(errs.Precondition, "changed-meanwhile", "The details have changed since. Please read them again.")
}

// faults collects what is wrong with details.
type faults struct{ list []errs.Field }

func (f *faults) Add(field, code, format string, args ...any) {
	f.list = append(f.list, errs.Why(code, format, args...).In(field))
}

// line checks a text of one line.
func (f *faults) line(field string, s *string, least, most int) {
	*s = strings.TrimSpace(*s)
	why := safetext.LineFault(*s, least, most)
	if why.None() && safetext.Hidden(*s) {
		why = safetext.HiddenReason
	}
	if !why.None() {
		f.list = append(f.list, why.In(field))
	}
}

// party checks a name with an address.
func (f *faults) party(p *invoiceapi.Party) {
	f.line("name", &p.Name, 1, invoiceapi.MaxName)
	f.line("street", &p.Street, 1, invoiceapi.MaxStreet)
	f.line("postal_code", &p.PostalCode, 0, invoiceapi.MaxPostal)
	f.line("city", &p.City, 1, invoiceapi.MaxCity)
	p.Country = strings.ToUpper(strings.TrimSpace(p.Country))
	if r, err := language.ParseRegion(p.Country); err != nil || len(p.Country) != 2 || !r.IsCountry() {
		f.Add("country", "not-a-country", "must be an ISO 3166-1 code such as DE")
	} else if p.VATNumber = strings.TrimSpace(p.VATNumber); p.VATNumber != "" {
		n, err := vat.Check(p.Country, p.VATNumber)
		if why := (errs.Reason{}); errors.As(err, &why) {
			f.list = append(f.list, why.In("vat_number"))
		}
		p.VATNumber = n
	}
}

// check checks details, and writes them as they are stored.
func check(d invoiceapi.Seller) (invoiceapi.Seller, error) {
	var f faults
	d.ID, d.Version = "", 0
	f.party(&d.Party)
	f.line("tax_number", &d.TaxNumber, 0, invoiceapi.MaxTaxNo)
	f.line("tax_note", &d.TaxNote, 0, invoiceapi.MaxNote)
	f.line("contact", &d.Contact, 0, invoiceapi.MaxNote)
	if d.TaxRate < 0 || d.TaxRate >= whole {
		f.Add("tax_rate", "not-a-rate", "must be 0 to %d hundredths of a percent", whole-1)
	}
	d.Prefix = strings.ToUpper(strings.TrimSpace(d.Prefix))
	if len(d.Prefix) > invoiceapi.MaxPrefix || strings.Trim(d.Prefix, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != "" {
		f.Add("prefix", "not-a-prefix", "must have at most %d letters A to Z and digits", invoiceapi.MaxPrefix)
	}
	if strings.HasPrefix(plainLetters.Replace(d.Prefix), "TEST") {
		f.Add("prefix", "prefix-of-tests", "must not look like TEST, with which the numbers of test payments begin")
	}
	if d.Zone == "" {
		d.Zone = "UTC"
	}
	if _, err := time.LoadLocation(d.Zone); err != nil || d.Zone == "Local" {
		f.Add("time_zone", "no-such-zone", "%q is not an IANA time zone", d.Zone)
	}
	return d, errs.Fields(f.list)
}

// plainLetters turns digits into the letters for which they are read.
var plainLetters = strings.NewReplacer("0", "O", "1", "I", "3", "E", "5", "S", "7", "T")
