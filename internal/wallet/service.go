package wallet

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"embed"
	"encoding/hex"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"boxoffice/internal/bus"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/id"
	"boxoffice/internal/ledger"
	"boxoffice/internal/signing"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/wallet/apple"
	"boxoffice/internal/walletapi"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Bookings are the ledgers that the service follows.
type Bookings interface {
	ledger.Source
	// Subscribe registers a function that is called with new entries, ascending for each
	// event, and must return at once.
	Subscribe(func([]ledger.Entry))
	ledger.Others
}

// Events reads events; see eventapi.
type Events interface {
	Events(ctx context.Context, ids []string) (map[string]eventapi.Event, error)
}

// Tickets tells what the passes of a booking say now.
type Tickets interface {
	WalletOrder(ctx context.Context, bookingID string) (*walletapi.Order, error)
}

// Issues tells which tickets were replaced.
type Issues interface {
	// IssueRevs returns the latest rev of events; see checkinapi.Issuing.
	IssueRevs(ctx context.Context, eventIDs []string) (map[string]int64, error)
	// Reissued returns the bookings of an event whose tickets were replaced after a rev, for
	// at most limit seats, and the last rev among them; 0: there are none.
	Reissued(ctx context.Context, eventID string, after int64, limit int) (bookingIDs []string, last int64, err error)
}

// Config configures the service.
type Config struct {
	DB   *sqldb.DB
	Keys Keys
	Base string // address under which the public reaches the site
	Now  func() time.Time
	Log  *slog.Logger

	Tickets  func() Tickets // which are built later
	Bookings Bookings
	Events   Events
	Issues   Issues // nil: tickets are never replaced

	APNs APNs
}

// APNs is where devices are notified; the zero value is Apple's.
type APNs struct {
	URL   string
	Roots *x509.CertPool // who may certify it; nil: those that this machine trusts
}

// lease is held by the node that does the work: see sqldb.Lease.
type lease interface {
	Held(ctx context.Context) bool
	Release(ctx context.Context)
}

// Service makes passes and keeps them up to date. It implements walletapi.Service.
type Service struct {
	cfg    Config
	store  store
	secret []byte // of the tokens of passes
	taken  *bus.Taken
	pusher *apple.Pusher // nil: no passes for Apple Wallet
	follow *follow
	lease  lease
	wake   chan struct{} // wakes the checks
	logged logged
}

// New migrates the tables and makes the service. It is nil if no wallet is set up.
func New(ctx context.Context, cfg Config) (*Service, error) {
	if cfg.Keys.Apple == nil && cfg.Keys.Google == nil {
		return nil, nil //nolint:nilnil // wallets are off
	}
	if err := cfg.DB.Migrate(ctx, "wallet", migrations); err != nil {
		return nil, err
	}
	s := &Service{cfg: cfg, store: newStore(cfg.DB), taken: bus.NewTaken(cfg.DB, "wallet_taken"), wake: make(chan struct{}, 1)}
	var err error
	if s.secret, err = signing.Secret(ctx, cfg.DB, "wallet", cfg.DB.Now); err != nil {
		return nil, err
	}
	if s.lease, err = sqldb.NewLease(ctx, cfg.DB, "wallets"); err != nil {
		return nil, err
	}
	s.follow = newFollow(s)
	if cfg.Keys.Apple != nil {
		s.pusher = cfg.Keys.Apple.Pusher(cfg.APNs.URL, cfg.APNs.Roots)
		cfg.Bookings.Subscribe(s.follow.hear)
	}
	return s, nil
}

// Offers implements walletapi.Service.
func (s *Service) Offers() walletapi.Offers {
	if s == nil {
		return walletapi.Offers{}
	}
	return walletapi.Offers{Apple: s.cfg.Keys.Apple != nil, Google: s.cfg.Keys.Google != nil}
}

// Warnings are what operators must know now.
func (s *Service) Warnings() []string {
	if !s.Offers().Apple {
		return nil
	}
	var list []string
	if text := s.cfg.Keys.Apple.Warning(s.cfg.Now()); text != "" {
		list = append(list, text)
	}
	if !s.updates() {
		list = append(list, "--public-url is not https://…: passes in Apple Wallet are not updated when a ticket changes.")
	}
	return list
}

// updates reports whether devices can be told of changes: they only ask over HTTPS.
func (s *Service) updates() bool { return strings.HasPrefix(s.cfg.Base, "https://") }

// ApplePass implements walletapi.Service. A seat that was moved to keeps the serial number
// of its pass, so that it takes the place of the one that a device has.
func (s *Service) ApplePass(ctx context.Context, o *walletapi.Order, seat int32) ([]byte, error) {
	if !s.Offers().Apple {
		return nil, errs.Missing("pass")
	}
	t := o.Seat(seat)
	if t == nil || t.Token == "" { // Apple Wallet has no codes that rotate
		return nil, errs.Missing("ticket")
	}
	serial, err := s.store.serialOf(ctx, o.BookingID, seat, t.Issue)
	if err != nil {
		return nil, err
	}
	if serial == "" {
		serial = serialFor(o.BookingID, seat, t.Issue)
	}
	return s.pass(o, seat, serial)
}

func (s *Service) pass(o *walletapi.Order, seat int32, serial string) ([]byte, error) {
	identity := s.cfg.Keys.Apple
	if s.cfg.Now().After(identity.Ends()) {
		return nil, errs.New(errs.Unavailable, "wallet-ended", "Passes for Apple Wallet cannot be made at the moment. Your tickets are on their page and in the PDF.")
	}
	var u apple.Update
	if s.updates() {
		digest, err := identity.Digest(o, seat, serial)
		if err != nil {
			return nil, err
		}
		u = apple.Update{Service: s.cfg.Base + "/wallet", Token: s.token(serial, digest)}
	}
	return identity.Pass(o, seat, serial, u)
}

// GoogleLink implements walletapi.Service.
func (s *Service) GoogleLink(o *walletapi.Order, seat int32) (string, error) {
	if !s.Offers().Google {
		return "", errs.Missing("pass")
	}
	if t := o.Seat(seat); t != nil && t.Token == "" && t.Rotates == nil {
		return "", errs.Missing("ticket")
	}
	return s.cfg.Keys.Google.Link(o, seat, s.cfg.Now())
}

// A serial number is the booking's id, and the seat and issue that the pass was made for. A
// ticket that is replaced gets another pass: whoever has the old one must not get the new
// code.
func serialFor(bookingID string, seat int32, issue uint16) string {
	return bookingID + "-" + strconv.Itoa(int(seat)) + "-" + strconv.Itoa(int(issue))
}

var errSerial = errors.New("wallet: not a serial number")

func parseSerial(serial string) (p pass, err error) {
	bookingID, rest, _ := strings.Cut(serial, "-")
	seat, issue, _ := strings.Cut(rest, "-")
	n, err := strconv.ParseInt(seat, 10, 32)
	i, err2 := strconv.ParseUint(issue, 10, 16)
	if err != nil || err2 != nil || n < 0 || !id.ValidBooking(bookingID) || serialFor(bookingID, int32(n), uint16(i)) != serial {
		return pass{}, errSerial
	}
	return pass{serial: serial, bookingID: bookingID, seat: int32(n), issue: uint16(i)}, nil
}

// seatIn is the seat of an order that a pass is for; none: its ticket was cancelled or
// replaced.
func (p *pass) seatIn(o *walletapi.Order) int32 {
	if t := o.Seat(p.seat); t == nil || t.Issue != p.issue || t.Token == "" {
		return none
	}
	return p.seat
}

// A token is the digest of what the pass said when it was made, in 16 characters, and a
// keyed hash of this and the serial number. The digest tells, when a device registers a
// file that is old, that it lacks changes.
const digestLen = 16

func (s *Service) token(serial, digest string) string {
	mac := hmac.New(sha256.New, s.secret)
	_, _ = mac.Write([]byte("pass\x00" + serial + "\x00" + digest)) // a hash never fails
	return digest + hex.EncodeToString(mac.Sum(nil)[:20])
}

// authorized checks a pass's token, and returns the digest that it was made with.
func (s *Service) authorized(serial, token string) (digest string, ok bool) {
	if len(token) < digestLen {
		return "", false
	}
	digest = token[:digestLen]
	return digest, hmac.Equal([]byte(token), []byte(s.token(serial, digest)))
}
