package quick

import (
	"bytes"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Request is a plain request of a hot operation. Its strings are copies; the body
// belongs to the connection's buffer and is valid until the answer is written.
type Request struct {
	*Operation
	Path, Query string
	PathID      string // the id in the path, if the operation has one
	Peer        netip.Addr
	Body        []byte
	headers     [len(headerNames)]string
}

// headerNames are the headers that matter to the fast path, to the gateway's checks
// or to a hot operation. All others are ignored.
var headerNames = [...]string{
	"Authorization", "Cookie", "Sec-Fetch-Site", "Origin", "Host", "X-Forwarded-For", "X-Request-Id", "Idempotency-Key", "If-Match",
	"If-None-Match", "Content-Type", "Content-Length", "Accept", "Accept-Encoding", "Accept-Language", "Connection",
	// from here on: headers that only net/http handles
	"Transfer-Encoding", "Trailer", "TE", "Upgrade", "Expect", "Content-Encoding", "Range",
}

const understood = 16

// known returns a header's index in headerNames, or -1.
func known(name string) int {
	for i, one := range headerNames {
		if len(one) == len(name) && strings.EqualFold(one, name) {
			return i
		}
	}
	return -1
}

// Get returns the value of a header in headerNames; "" if the request has none.
func (q *Request) Get(name string) string { return q.headers[known(name)] }

// results of Parse other than the size of a request
const (
	more = 0  // the request is not there whole
	odd  = -1 // it is not plain
)

// Parse parses the request at the beginning of b (RFC 9112), which may be
// incomplete, and returns its size in bytes. A request is plain if net/http
// certainly reads it the same way: printable ASCII, and one value for each relevant
// header.
func (q *Request) Parse(b []byte, list []*Operation) (size int) {
	end := bytes.Index(b, []byte("\r\n\r\n"))
	if end < 0 {
		if len(b) > 0 && (b[0] < 'A' || b[0] > 'Z') || bytes.Count(b, []byte("\n")) > bytes.Count(b, []byte("\r\n")) {
			return odd // TLS, or other line ends
		}
		return more
	}
	line, rest, _ := strings.Cut(string(b[:end]), "\r\n")
	method, target, _ := strings.Cut(line, " ")
	target, version, _ := strings.Cut(target, " ")
	q.Path, q.Query, _ = strings.Cut(target, "?")
	if version != "HTTP/1.1" || !q.find(method, list) || !Plain(q.Query) || strings.ContainsAny(q.Query, "%#+;") {
		return odd
	}
	for rest != "" {
		line, rest, _ = strings.Cut(rest, "\r\n")
		name, value, ok := strings.Cut(line, ":")
		if value = strings.Trim(value, " \t"); !ok || !token(name) || !Plain(value) {
			return odd
		}
		i := known(name)
		switch {
		case i < 0:
			continue
		case i >= understood, value == "", q.headers[i] != "":
			return odd
		}
		q.headers[i] = value
	}
	host, keeps := q.Get("Host"), q.Get("Connection")
	switch {
	case host == "" || strings.ContainsAny(host, " \"#/<>?@\\^`{|}"),
		keeps != "" && !strings.EqualFold(keeps, "keep-alive"),
		!slices.Contains([]string{"", "*/*", "application/json", "application/json, text/plain, */*"}, q.Get("Accept")),
		q.Get("If-None-Match") != "" && method != "GET":
		return odd
	}
	length := uint64(0)
	if text := q.Get("Content-Length"); text != "" {
		var err error
		if length, err = strconv.ParseUint(text, 10, 16); err != nil || length > 0 && method == "GET" {
			return odd
		}
	}
	if end += len("\r\n\r\n"); end+int(length) <= len(b) {
		q.Body = b[end : end+int(length)]
	}
	return end + int(length)
}

// find finds the operation of a request.
func (q *Request) find(method string, list []*Operation) bool {
	for _, o := range list {
		if id, ok := o.Match(method, q.Path); ok {
			q.Operation, q.PathID = o, id
			return true
		}
	}
	return false
}

// token reports whether s is a name (RFC 9110, section 5.6.2) of letters, digits and
// hyphens only, like all relevant headers.
func token(s string) bool {
	for i := range len(s) {
		if c := s[i] | 0x20; (c < 'a' || c > 'z') && (s[i] < '0' || s[i] > '9') && s[i] != '-' {
			return false
		}
	}
	return s != ""
}

// Plain reports whether s is printable ASCII.
func Plain(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return true
}
