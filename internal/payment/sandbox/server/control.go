package server

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"boxoffice/internal/codec"
	"boxoffice/internal/payment/sandbox/wire"
)

// control registers what tests do to the gateway. It obeys everybody who reaches it, so
// it listens on this machine only.
func (s *Server) control() {
	s.mux.HandleFunc("GET /control/switches", func(w http.ResponseWriter, _ *http.Request) { plain(w, s.trouble.get(), nil) })
	s.mux.HandleFunc("PUT /control/switches", func(w http.ResponseWriter, r *http.Request) {
		var want Switches
		err := readBody(r, &want)
		if err == nil {
			err = want.Check()
		}
		if err == nil {
			s.trouble.set(want)
		}
		plain(w, want, err)
	})
	s.mux.HandleFunc("POST /control/clock", func(w http.ResponseWriter, r *http.Request) {
		var want struct {
			Advance string `json:"advance"`
		}
		err := readBody(r, &want)
		var by time.Duration
		if err == nil {
			by, err = time.ParseDuration(want.Advance)
		}
		if err == nil && by < 0 {
			err = errors.New("advance: the clock never goes back")
		}
		if err == nil {
			err = s.Advance(r, by)
		}
		var now time.Time
		if err == nil {
			now, err = s.Now(r.Context())
		}
		plain(w, map[string]time.Time{"now": now.UTC()}, err)
	})
	s.mux.HandleFunc("POST /control/charges/{charge}/dispute", func(w http.ResponseWriter, r *http.Request) {
		var want struct {
			State  string `json:"state"`
			Reason string `json:"reason,omitempty"`
			Amount int64  `json:"amount,omitempty"` // 0: all that is left
		}
		if err := readBody(r, &want); err != nil {
			plain(w, nil, err)
			return
		}
		s.ordered(w, r, op{Op: opDispute, Request: wire.Request{Charge: r.PathValue("charge"), Amount: want.Amount}, State: want.State, Why: want.Reason})
	})
	s.mux.HandleFunc("POST /control/charges/{charge}/refund", func(w http.ResponseWriter, r *http.Request) {
		var want struct {
			Amount int64 `json:"amount"`
		}
		if err := readBody(r, &want); err != nil {
			plain(w, nil, err)
			return
		}
		s.ordered(w, r, op{Op: opRefund, Request: wire.Request{Charge: r.PathValue("charge"), Refund: want.Amount}})
	})
	s.mux.HandleFunc("POST /control/charges/{charge}/refund-fails", func(w http.ResponseWriter, r *http.Request) {
		s.ordered(w, r, op{Op: opBounce, Request: wire.Request{Charge: r.PathValue("charge")}})
	})
	s.mux.HandleFunc("POST /control/charges/{charge}/expire", func(w http.ResponseWriter, r *http.Request) {
		s.ordered(w, r, op{Op: opExpire, Request: wire.Request{Charge: r.PathValue("charge")}})
	})
	s.mux.HandleFunc("GET /control/books", func(w http.ResponseWriter, r *http.Request) {
		var books Books
		err := s.look(r.Context(), func(b *book) { books = b.report() })
		plain(w, books, err)
	})
}

// Advance puts the clock forward, and lets happen what is due.
func (s *Server) Advance(r *http.Request, by time.Duration) error {
	if _, err := s.do(r.Context(), op{Op: opAdvance, By: by}); err != nil {
		return err
	}
	_, err := s.do(r.Context(), op{Op: opTick})
	return err
}

// ordered carries out an order from outside.
func (s *Server) ordered(w http.ResponseWriter, r *http.Request, o op) {
	a, err := s.do(r.Context(), o)
	if err == nil && a.Error != nil {
		err = fmt.Errorf("%s: %s", o.Op, a.Error.Text)
	}
	plain(w, a.Charge, err)
}

func readBody(r *http.Request, v any) error {
	raw, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		return err
	}
	return codec.Read(raw, v)
}

// plain answers an order.
func plain(w http.ResponseWriter, v any, err error) {
	status := http.StatusOK
	if err != nil {
		v, status = map[string]string{"error": err.Error()}, http.StatusBadRequest
	}
	body, err := codec.Indent(v)
	if err != nil {
		body, status = []byte(`{}`), http.StatusInternalServerError
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n'))
}
