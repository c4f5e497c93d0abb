package quick

import (
	"net/netip"
	"strings"
)

// Request is a plain request. Its strings are its own; the body is the
// connection's, until the answer is written.
type Request struct {
	Method, Path, Query string
	PathID              string // the id in the path, if its operation has one
	Peer                netip.Addr
	Last                bool // the connection ends with the answer
	Body                []byte

	// Headers, "" when there are none.
	Authorization string
	Key           string // Idempotency-Key
	ID            string // X-Request-Id
	IfNoneMatch   string
	Forwarded     string // X-Forwarded-For
	Origin        string
	Encoding      string // Accept-Encoding
	Cookies       bool   // there are some

	ContentType string
	Host        string
}

// frame is what the head of a request says of where the request ends.
type frame struct {
	size   int  // of head and body, in bytes
	head   int  // of the head alone
	framed bool // the end is known beyond doubt
	plain  bool // it may go the short way
	cut    bool // the head is not there whole
}

// parse reads the head of the request that b begins with (RFC 9112). What it is
// not sure of it does not call framed: others who read the same bytes must never
// see another end.
func parse(b []byte, q *Request) (f frame) {
	if len(b) == 0 {
		return frame{cut: true}
	}
	text := string(b)
	line, rest, ok := cut(text)
	if !ok {
		f.cut = strings.IndexByte(rest, '\n') < 0
		return f
	}
	f.plain = true
	method, target, _ := strings.Cut(line, " ")
	target, version, _ := strings.Cut(target, " ")
	if version != "HTTP/1.1" || !token(method) || !strings.HasPrefix(target, "/") || !visible(target) {
		return f
	}
	q.Method = method
	q.Path, q.Query, _ = strings.Cut(target, "?")
	if strings.ContainsAny(target, "%#") {
		f.plain = false
	}
	length := -1
	for {
		if line, rest, ok = cut(rest); !ok {
			f.cut = strings.IndexByte(rest, '\n') < 0
			return f
		}
		if line == "" {
			break
		}
		name, value, ok := strings.Cut(line, ":")
		value = strings.Trim(value, " \t")
		if !ok || !token(name) || !Plain(value) {
			return f
		}
		if strings.EqualFold(name, "Content-Length") {
			if length >= 0 {
				return f
			}
			if length = digits(value); length < 0 {
				return f
			}
			continue
		}
		switch q.header(name, value) {
		case odd:
			f.plain = false
		case unframed:
			return f
		}
	}
	f.framed = q.Host != ""
	f.head = len(text) - len(rest)
	f.size = f.head + max(length, 0)
	return f
}

// kinds of headers
const (
	fine = iota
	odd  // the long way knows what to do with it
	unframed
)

// header takes in a header. Those that it does not know mean nothing to the
// operations that have a short way.
func (q *Request) header(name, value string) int {
	if s := q.field(name); s != nil {
		if *s != "" || value == "" {
			return odd
		}
		*s = value
		return fine
	}
	is := func(known string) bool { return strings.EqualFold(name, known) }
	switch len(name) {
	case 2, 5, 8, 16:
		if is("TE") || is("Range") || is("If-Match") || is("Content-Encoding") {
			return odd
		}
	case 4:
		if is("Host") {
			if q.Host != "" || !names(value) {
				return unframed
			}
			q.Host = value
		}
	case 6:
		switch {
		case is("Accept"):
			if value != "*/*" && value != "application/json" {
				return odd
			}
		case is("Cookie"):
			q.Cookies = true
		case is("Expect"):
			return unframed
		}
	case 7, 17:
		if is("Upgrade") || is("Trailer") || is("Transfer-Encoding") {
			return unframed
		}
	case 13: // a precondition of a change, which is refused
		if is("If-None-Match") {
			return odd
		}
	case 10:
		if is("Connection") && !strings.EqualFold(value, "keep-alive") {
			return unframed
		}
	}
	return fine
}

// field is where the value of a header is kept, which may come once; nil: nowhere.
func (q *Request) field(name string) *string {
	is := func(known string) bool { return strings.EqualFold(name, known) }
	switch len(name) {
	case 6:
		if is("Origin") {
			return &q.Origin
		}
	case 12:
		switch {
		case is("Content-Type"):
			return &q.ContentType
		case is("X-Request-Id"):
			return &q.ID
		}
	case 13:
		switch {
		case is("Authorization"):
			return &q.Authorization
		case is("If-None-Match") && q.Method == "GET":
			return &q.IfNoneMatch
		}
	case 15:
		switch {
		case is("Idempotency-Key"):
			return &q.Key
		case is("X-Forwarded-For"):
			return &q.Forwarded
		case is("Accept-Encoding"):
			return &q.Encoding
		}
	}
	return nil
}

// cut takes a line off; false when it is not there whole or does not end with
// CR LF.
func cut(s string) (line, rest string, ok bool) {
	i := strings.IndexByte(s, '\n')
	if i < 1 || s[i-1] != '\r' {
		return "", s, false
	}
	return s[:i-1], s[i+1:], true
}

// token reports whether s is a name (RFC 9110, section 5.6.2) of letters, digits
// and hyphens, as all that matter are; others are not taken for one.
func token(s string) bool {
	for i := range len(s) {
		if c := s[i] | 0x20; (c < 'a' || c > 'z') && (s[i] < '0' || s[i] > '9') && s[i] != '-' {
			return false
		}
	}
	return s != ""
}

// names reports whether s names a host, and perhaps a port, in a plain way.
func names(s string) bool {
	for i := range len(s) {
		if !token(s[i:i+1]) && strings.IndexByte(".:[]_", s[i]) < 0 {
			return false
		}
	}
	return s != ""
}

// visible reports whether s is ASCII without spaces.
func visible(s string) bool { return Plain(s) && strings.IndexByte(s, ' ') < 0 }

// Plain reports whether s is printable ASCII.
func Plain(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return true
}

// digits is a number of up to nine digits; -1 for everything else.
func digits(s string) int {
	if s == "" || len(s) > 9 {
		return -1
	}
	n := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return -1
		}
		n = 10*n + int(s[i]-'0')
	}
	return n
}

// Members reads a plain query: member hears of each name and value, and says
// whether it knows it. False when there is anything that is not plain.
func (q *Request) Members(member func(name, value string) bool) bool {
	if strings.ContainsAny(q.Query, "+;") {
		return false
	}
	for pair := range strings.SplitSeq(q.Query, "&") {
		if name, value, _ := strings.Cut(pair, "="); pair != "" && !member(name, value) {
			return false
		}
	}
	return true
}
