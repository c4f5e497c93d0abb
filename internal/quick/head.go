package quick

import (
	"bytes"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Request is a plain request of a hot operation. Its strings are its own; the body
// is the connection's, until the answer is written.
type Request struct {
	*Operation
	Path, Query string
	PathID      string // the id in the path, if the operation has one
	Peer        netip.Addr
	Body        []byte
	headers     [len(headerNames)]string
}

// Header is a request header that has a meaning here. The fast path passes over all
// others.
type Header int

// Headers of requests.
const (
	Authorization Header = iota
	Cookie
	SecFetchSite
	Origin
	Key // Idempotency-Key
	RequestID
	IfMatch
	IfNoneMatch
	Forwarded // X-Forwarded-For
	Encoding  // Accept-Encoding
	ContentType
	Host
	accept
	connection
	contentLength
	others // from here on: those that only net/http understands
)

var headerNames = [...]string{
	Authorization: "Authorization", Cookie: "Cookie", SecFetchSite: "Sec-Fetch-Site", Origin: "Origin", Key: "Idempotency-Key",
	RequestID: "X-Request-Id", IfMatch: "If-Match", IfNoneMatch: "If-None-Match", Forwarded: "X-Forwarded-For", Encoding: "Accept-Encoding",
	ContentType: "Content-Type", Host: "Host", accept: "Accept", connection: "Connection", contentLength: "Content-Length",
	others: "Transfer-Encoding", others + 1: "Trailer", others + 2: "TE", others + 3: "Upgrade", others + 4: "Expect",
	others + 5: "Content-Encoding", others + 6: "Range",
}

// Get is the value of a header; "" when it is not there.
func (q *Request) Get(h Header) string { return q.headers[h] }

// results of Parse, besides the size of a request
const (
	more = 0  // the request is not there whole
	odd  = -1 // it is not plain
)

// Parse reads the request that b begins with (RFC 9112), as far as it is there, and
// says how many bytes it has. It calls plain what net/http reads in the same way
// beyond doubt: one value for each header that matters, printable ASCII only.
func (q *Request) Parse(b []byte, list []*Operation) (size int) {
	end := bytes.Index(b, []byte("\r\n\r\n"))
	if end < 0 {
		if bytes.Count(b, []byte("\n")) > bytes.Count(b, []byte("\r\n")) {
			return odd // its lines end otherwise
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
		if h := known(name); h >= others || h >= 0 && (value == "" || q.headers[h] != "") {
			return odd
		} else if h >= 0 {
			q.headers[h] = value
		}
	}
	size = end + len("\r\n\r\n")
	if text := q.headers[contentLength]; text != "" {
		length, err := strconv.ParseUint(text, 10, 16)
		if err != nil || length > 0 && method == "GET" {
			return odd
		}
		size += int(length)
	}
	accepts, keeps, host := q.headers[accept], q.headers[connection], q.headers[Host]
	switch {
	case !slices.Contains([]string{"", "*/*", "application/json", "application/json, text/plain, */*"}, accepts),
		keeps != "" && !strings.EqualFold(keeps, "keep-alive"),
		host == "" || strings.Trim(host, hostBytes) != "",
		q.headers[IfNoneMatch] != "" && method != "GET":
		return odd
	}
	if size <= len(b) {
		q.Body = b[end+len("\r\n\r\n") : size]
	}
	return size
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

// known finds a header by name; -1 when it has no meaning here.
func known(name string) Header {
	for h, one := range headerNames {
		if len(one) == len(name) && strings.EqualFold(one, name) {
			return Header(h)
		}
	}
	return -1
}

// token reports whether s is a name (RFC 9110, section 5.6.2) of letters, digits
// and hyphens, as all that matter are.
func token(s string) bool {
	for i := range len(s) {
		if c := s[i] | 0x20; (c < 'a' || c > 'z') && (s[i] < '0' || s[i] > '9') && s[i] != '-' {
			return false
		}
	}
	return s != ""
}

const hostBytes = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:[]"

// Plain reports whether s is printable ASCII.
func Plain(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return true
}
