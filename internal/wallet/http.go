package wallet

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"boxoffice/internal/codec"
	"boxoffice/internal/errs"
	"boxoffice/internal/id"
	"boxoffice/internal/route"
	"boxoffice/internal/walletapi"
)

// Route is an address of the web service.
type Route struct {
	Method, Path string
	Traits       route.Traits
	Serve        func(http.ResponseWriter, *http.Request) error
}

// Routes is the web service that devices ask about passes. The protocol is Apple's ("Adding
// a Web Service to Update Passes", and the archived "PassKit Web Service Reference"), so
// these are no operations of the API. A device authenticates with the token of its pass.
func (s *Service) Routes() []Route {
	if !s.Offers().Apple {
		return nil
	}
	const registration = "/wallet/v1/devices/{device}/registrations/{type}"
	traits := route.All(route.Probe, route.LongNumbers) // no session; push tokens may look like card numbers
	return []Route{
		{http.MethodPost, registration + "/{serial}", traits, s.register},
		{http.MethodDelete, registration + "/{serial}", traits, s.unregister},
		{http.MethodGet, registration, traits, s.changed},
		{http.MethodGet, "/wallet/v1/passes/{type}/{serial}", traits, s.latest},
		{http.MethodPost, "/wallet/v1/log", traits, s.log},
	}
}

const (
	mostDeviceID  = 128 // characters; those of devices have 32
	mostPushToken = 256 // characters; hexadecimal
)

// named reads what the address names: the pass as its serial number says, with the digest
// that the device's was made with. It refuses a wrong token.
func (s *Service) named(r *http.Request) (p pass, err error) {
	serial := r.PathValue("serial")
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	digest, ok := s.authorized(serial, token)
	if !strings.EqualFold(scheme, "ApplePass") || !ok {
		return pass{}, errs.New(errs.Unauthenticated, "bad-token", "Authorization must be ApplePass, a space, and the token of the pass.")
	}
	if p, err = parseSerial(serial); err != nil || r.PathValue("type") != s.cfg.Keys.Apple.PassType {
		return pass{}, errs.Missing("pass")
	}
	p.digest = digest
	return p, nil
}

// deviceOf is the id of the device that asks, which it has made itself.
func deviceOf(r *http.Request) (string, error) {
	d := r.PathValue("device")
	if d == "" || len(d) > mostDeviceID {
		return "", errs.Missing("device")
	}
	return d, nil
}

// register answers 201 if the pass was not registered for the device, else 200.
func (s *Service) register(w http.ResponseWriter, r *http.Request) error {
	p, err := s.named(r)
	if err != nil {
		return err
	}
	deviceID, err := deviceOf(r)
	if err != nil {
		return err
	}
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	var body struct {
		PushToken string `json:"pushToken"`
	}
	if err := codec.ReadKnown(raw, &body); err != nil || body.PushToken == "" || len(body.PushToken) > mostPushToken || strings.Trim(body.PushToken, "0123456789abcdefABCDEF") != "" {
		return errs.Bad("pushToken", "bad-push-token", "must be a push token, in hexadecimal")
	}
	made, err := s.registerPass(r.Context(), registration{
		deviceID: deviceID, pushToken: body.PushToken, serial: p.serial, bookingID: p.bookingID, seat: p.seat, issue: p.issue, digest: p.digest, now: s.cfg.Now(),
	})
	if err != nil {
		return err
	}
	s.kick()
	w.WriteHeader(map[bool]int{true: http.StatusCreated, false: http.StatusOK}[made])
	return nil
}

func (s *Service) registerPass(ctx context.Context, reg registration) (bool, error) {
	eventID := id.Event(reg.bookingID)
	heads, err := s.cfg.Bookings.Heads(ctx, []string{eventID}) // before the booking, so that no change is missed
	if err != nil {
		return false, err
	}
	o, err := s.cfg.Tickets().WalletOrder(ctx, reg.bookingID)
	if err != nil {
		return false, err
	}
	reg.head, reg.seats = heads[eventID], o.Seats
	return s.store.register(ctx, reg)
}

func (s *Service) unregister(w http.ResponseWriter, r *http.Request) error {
	p, err := s.named(r)
	if err != nil {
		return err
	}
	deviceID, err := deviceOf(r)
	if err != nil {
		return err
	}
	if err := s.store.unregister(r.Context(), deviceID, p.serial); err != nil {
		return err
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

// changed lists the passes of a device that have changed since a tag, which is the time of
// the last change that it was told of. Only the device knows its id, and no token is sent.
func (s *Service) changed(w http.ResponseWriter, r *http.Request) error {
	deviceID, err := deviceOf(r)
	if err != nil {
		return err
	}
	if r.PathValue("type") != s.cfg.Keys.Apple.PassType {
		return errs.Missing("pass")
	}
	since, err := strconv.ParseInt(r.URL.Query().Get("passesUpdatedSince"), 10, 64)
	if err != nil {
		since = 0 // none, or not one of ours: all have changed
	}
	serials, last, err := s.store.changedSince(r.Context(), deviceID, since)
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "private, no-store")
	if len(serials) == 0 {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	w.Header().Set("Content-Type", "application/json")
	return codec.Write(w, struct {
		Serials []string `json:"serialNumbers"`
		Last    string   `json:"lastUpdated"`
	}{serials, strconv.FormatInt(last, 10)})
}

// latest sends a pass as it is now; 304 if it has not changed.
func (s *Service) latest(w http.ResponseWriter, r *http.Request) error {
	p, err := s.named(r)
	if err != nil {
		return err
	}
	now, found, err := s.store.current(r.Context(), p.bookingID, p.serial)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Cache-Control", "private, no-store")
	if found {
		p.seat, p.issue = now.seat, now.issue
		changed := time.UnixMicro(now.changedAt).UTC().Truncate(time.Second)
		h.Set("Last-Modified", changed.Format(http.TimeFormat))
		if since, err := http.ParseTime(r.Header.Get("If-Modified-Since")); err == nil && !changed.After(since) {
			w.WriteHeader(http.StatusNotModified)
			return nil
		}
	}
	o, err := s.cfg.Tickets().WalletOrder(r.Context(), p.bookingID)
	if err != nil {
		return err
	}
	file, err := s.pass(o, p.seatIn(o), p.serial)
	if err != nil {
		return err
	}
	h.Set("Content-Type", walletapi.PassType)
	h.Set("Content-Length", strconv.Itoa(len(file)))
	_, _ = w.Write(file) // fails when the device has gone
	return nil
}

// Bounds of what devices may write to the log.
const (
	logLines  = 5   // of one request
	logLength = 300 // bytes of one line
	logHourly = 60  // lines
)

// logged counts the lines of this hour.
type logged struct {
	mu    sync.Mutex
	hour  time.Time
	lines int
}

func (l *logged) room(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if hour := now.Truncate(time.Hour); !hour.Equal(l.hour) {
		l.hour, l.lines = hour, 0
	}
	l.lines++
	return l.lines <= logHourly
}

// log takes messages of devices about errors. Anybody may send some, so most are dropped.
func (s *Service) log(w http.ResponseWriter, r *http.Request) error {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	var body struct {
		Logs []string `json:"logs"`
	}
	if err := codec.ReadKnown(raw, &body); err != nil {
		return errs.New(errs.Malformed, "bad-request", "The body must be JSON with logs.")
	}
	for _, line := range body.Logs[:min(len(body.Logs), logLines)] {
		if s.logged.room(s.cfg.Now()) {
			s.cfg.Log.LogAttrs(r.Context(), slog.LevelInfo, "a device says about a pass", slog.String("text", strings.ToValidUTF8(line[:min(len(line), logLength)], "")))
		}
	}
	w.WriteHeader(http.StatusOK)
	return nil
}
