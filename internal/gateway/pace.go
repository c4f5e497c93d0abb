package gateway

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"

	"boxoffice/internal/errs"
	"boxoffice/internal/peers"
)

// Minimum speed of bodies, so that nobody can hold a connection, memory and one of
// the places for large bodies by sending byte by byte. The body must begin to arrive
// within bodyStart of the request's beginning; from bodyGrace later, the average
// rate must not fall below a minimum.
const (
	headTime  = 10 * time.Second // for the head of a request
	bodyStart = 15 * time.Second // from the beginning of the request
	bodyGrace = 5 * time.Second
	bodyRate  = 4 << 10  // bytes a second
	planRate  = 64 << 10 // for bodies that may be large
	writeTime = 60 * time.Second
	idleTime  = 2 * time.Minute // between two requests
)

// pace returns when the byte after the first n of a body must arrive at the latest,
// counted from the beginning of the body.
func pace(n, rate int64) time.Duration {
	return bodyGrace + time.Duration(float64(n)/float64(rate)*float64(time.Second))
}

// paced is a body that must arrive at a minimum speed.
type paced struct {
	from  io.Reader
	conn  peers.Serving
	rate  int64
	begun time.Time
	n     int64
	until time.Duration // the current deadline, counted from begun; 0: the server's own
}

// slack is how much too late deadlines are set, so that they are moved rarely.
const slack = time.Second

// Read implements io.Reader. Most bodies arrive together with the head, before a
// deadline has to be set.
func (p *paced) Read(b []byte) (int, error) {
	n, err := p.from.Read(b)
	p.n += int64(n)
	if err == nil {
		if due := pace(p.n, p.rate); due > p.until {
			p.until = due + slack
			_ = p.conn.SetReadDeadline(p.begun.Add(p.until))
		}
	}
	return n, err
}

// readPaced reads a request's body into buf, and enforces the minimum speed.
// Requests whose connection is unknown have none.
func (q *request) readPaced(buf *bytes.Buffer, r *http.Request, limit int64, plan bool) (int64, error) {
	conn := peers.ServingOf(r.Context())
	if conn == nil {
		return buf.ReadFrom(io.LimitReader(r.Body, limit))
	}
	p := &paced{from: r.Body, conn: conn, rate: bodyRate, begun: time.Now()}
	if plan {
		p.rate = planRate
	}
	n, err := buf.ReadFrom(io.LimitReader(p, limit))
	if errors.Is(err, os.ErrDeadlineExceeded) {
		q.answer.Header().Set("Connection", "close")
		return n, &errs.Error{Kind: errs.Malformed, Type: "body-too-slow", Err: err,
			Detail: "The body came too slowly. After some seconds at least " + strconv.FormatInt(p.rate>>10, 10) + " KiB must come in each second."}
	}
	if err == nil && (p.until > 0 || plan) { // a client that sent slowly may also read slowly
		_ = conn.SetReadDeadline(time.Time{})
		_ = conn.SetWriteDeadline(time.Now().Add(writeTime))
	}
	return n, err
}
