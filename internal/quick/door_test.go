package quick

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

const (
	get  = "GET /echo/7 HTTP/1.1\r\nHost: x\r\n\r\n"
	post = "POST /echo HTTP/1.1\r\nHost: x\r\nIdempotency-Key: k\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\r\nhello"
	page = "GET /page HTTP/1.1\r\nHost: x\r\n\r\n"
	form = "POST /form HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\na=b&c="
)

// streams are what clients send, good and bad, and how many requests of each are
// answered on the fast path: none after the first that is not plain.
var streams = []struct {
	name, text string
	short      int
}{
	{"plain", get + post + get, 3},
	{"long only", page + form + page, 0},
	{"mixed", get + page + post + form + get + get + page + form + post, 1},
	{"headers", "GET /echo/7?a=b&c HTTP/1.1\r\nhost: x:80\r\nCONNECTION: Keep-Alive\r\naccept: */*\r\nUser-Agent: a, b (c; d)\r\nAuthorization: \t Bearer x \r\nX-Request-Id: 12345678\r\n" +
		"If-None-Match: \"7\"\r\nX-Forwarded-For: 192.0.2.1, 10.0.0.1\r\nOrigin: https://x\r\nAccept-Encoding: gzip, br\r\nCookie: a=b; c=d\r\nSec-Fetch-Site: same-origin\r\n\r\n", 1},
	{"two lines of cookies", "GET /echo/7 HTTP/1.1\r\nHost: x\r\nCookie: a=b\r\nCookie: c=d\r\n\r\n" + get, 0},
	{"declined", "POST /echo HTTP/1.1\r\nHost: x\r\nIdempotency-Key: decline\r\nContent-Length: 5\r\n\r\nhello" + get, 0},
	{"a body of a GET", "GET /echo/7 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello" + get, 0},
	{"no body of a POST", "POST /echo HTTP/1.1\r\nHost: x\r\n\r\n" + get, 2},
	{"length with zeros", "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 000005\r\n\r\nhello" + get, 2},
	{"a large body", "POST /form HTTP/1.1\r\nHost: x\r\nContent-Length: 10000\r\n\r\n" + strings.Repeat("0123456789", 1000) + get, 0},
	{"a large body of an operation", "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10000\r\n\r\n" + strings.Repeat("0123456789", 1000) + get, 0},
	{"body not read", "POST /unread HTTP/1.1\r\nHost: x\r\nContent-Length: 10000\r\n\r\n" + strings.Repeat("0123456789", 1000) + get, 0},
	{"body read in part", "POST /unread?12345 HTTP/1.1\r\nHost: x\r\nContent-Length: 10000\r\n\r\n" + strings.Repeat("0123456789", 1000) + get, 0},
	{"too large a body to be skipped", "POST /unread HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\n" + strings.Repeat("0123456789", 30000) + get, 0},
	{"stream", "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n" + get, 0},
	{"abort", get + "GET /abort HTTP/1.1\r\nHost: x\r\n\r\n" + get, 1},
	{"upgrade", get + "GET /upgrade HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: y\r\n\r\n" + get, 1},
	{"upgrade without the header", get + "GET /upgrade HTTP/1.1\r\nHost: x\r\n\r\n" + get, 1},
	{"upgrade past the buffer", get + "GET /upgrade?conn HTTP/1.1\r\nHost: x\r\n\r\n", 1},
	{"chunked", "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" + get, 0},
	{"chunked, a trailer", "POST /form HTTP/1.1\r\nHost: x\r\nTrailer: A\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\n\r\n" + get, 0},
	{"chunked, with a space", "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" + get, 0},
	{"chunked, with a tab", "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:\tchunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" + get, 0},
	{"chunked, in a fold", "POST /echo HTTP/1.1\r\nHost: x\r\nX: y\r\n Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" + get, 0},
	{"chunked, folded", "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:\r\n chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" + get, 0},
	{"chunked and a length", "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" + get, 0},
	{"another coding", "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" + get, 0},
	{"identity", "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\nContent-Length: 5\r\n\r\nhello" + get, 0},
	{"two lengths", "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!" + get, 0},
	{"one length twice", "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello" + get, 0},
	{"a list of lengths", "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5, 5\r\n\r\nhello" + get, 0},
	{"no length", "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n\r\nhello" + get, 0},
	{"length with a sign", "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\nhello" + get, 0},
	{"length below zero", "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\nhello" + get, 0},
	{"length in hex", "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 0x5\r\n\r\nhello" + get, 0},
	{"length with a space", "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length : 5\r\n\r\nhello" + get, 0},
	{"length with a space in it", "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5 5\r\n\r\nhello" + get, 0},
	{"length in a fold", "POST /echo HTTP/1.1\r\nHost: x\r\nX: y\r\n Content-Length: 5\r\n\r\nhello" + get, 0},
	{"length behind a bare CR", "POST /echo HTTP/1.1\r\nHost: x\r\nX: y\rContent-Length: 5\r\n\r\nhello" + get, 0},
	{"length behind a bare LF", "POST /echo HTTP/1.1\r\nHost: x\nContent-Length: 5\r\n\r\nhello" + get, 0},
	{"length before a bare LF", "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 51\n\r\n" + strings.Repeat("x", 51) + get, 0},
	{"a huge length", "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\nhello" + get, 0},
	{"length of another spelling", "POST /echo HTTP/1.1\r\nHost: x\r\nContent_Length: 5\r\n\r\n" + get, 0},
	{"expect", get + "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello" + get, 1},
	{"expect something else", "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: a cake\r\nContent-Length: 5\r\n\r\nhello" + get, 0},
	{"HTTP/1.0", "GET /echo/7 HTTP/1.0\r\nHost: x\r\n\r\n" + get, 0},
	{"HTTP/1.0 that stays", "GET /echo/7 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" + get, 0},
	{"HTTP/1.2", "GET /echo/7 HTTP/1.2\r\nHost: x\r\n\r\n" + get, 0},
	{"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 0},
	{"HTTP/0.9", "GET /echo/7\r\n", 0},
	{"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 0},
	{"close", get + "GET /echo/7 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" + get, 1},
	{"close among others", get + "GET /echo/7 HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, close\r\n\r\n" + get, 1},
	{"close, a second time", get + "GET /echo/7 HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n" + get, 1},
	{"bare LF", "GET /echo/7 HTTP/1.1\nHost: x\n\n" + get, 0},
	{"bare LF at the end", "GET /echo/7 HTTP/1.1\r\nHost: x\r\n\n" + get, 0},
	{"bare CR", "GET /echo/7 HTTP/1.1\rHost: x\r\r" + get, 0},
	{"fold", "GET /echo/7 HTTP/1.1\r\nHost: x\r\nAuthorization: a\r\n b\r\n\r\n" + get, 0},
	{"fold at the start", "GET /echo/7 HTTP/1.1\r\n Host: x\r\n\r\n" + get, 0},
	{"no colon", "GET /echo/7 HTTP/1.1\r\nHost: x\r\nAuthorization\r\n\r\n" + get, 0},
	{"no name", "GET /echo/7 HTTP/1.1\r\nHost: x\r\n: a\r\n\r\n" + get, 0},
	{"a NUL", "GET /echo/7 HTTP/1.1\r\nHost: x\r\nAuthorization: a\x00b\r\n\r\n" + get, 0},
	{"UTF-8", "GET /echo/7 HTTP/1.1\r\nHost: x\r\nAuthorization: ä\r\n\r\n" + get, 0},
	{"a tab in a value", "GET /echo/7 HTTP/1.1\r\nHost: x\r\nAuthorization: a\tb\r\n\r\n" + get, 0},
	{"no host", "GET /echo/7 HTTP/1.1\r\n\r\n" + get, 0},
	{"two hosts", "GET /echo/7 HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n" + get, 0},
	{"an empty host", "GET /echo/7 HTTP/1.1\r\nHost:\r\n\r\n" + get, 0},
	{"an impossible host", "GET /echo/7 HTTP/1.1\r\nHost: a b\r\n\r\n" + get, 0},
	{"an impossible host, long", "GET /page HTTP/1.1\r\nHost: a/b\"\r\n\r\n" + get, 0},
	{"absolute form", "GET http://x/echo/7 HTTP/1.1\r\nHost: x\r\n\r\n" + get, 0},
	{"absolute form, another host", "GET http://y/echo/7 HTTP/1.1\r\nHost: x\r\n\r\n" + get, 0},
	{"authority", "GET //x/echo/7 HTTP/1.1\r\nHost: x\r\n\r\n" + get, 0},
	{"escapes", "GET /echo/%37 HTTP/1.1\r\nHost: x\r\n\r\n" + get, 0},
	{"escapes in the query", "GET /echo/7?a=%20 HTTP/1.1\r\nHost: x\r\n\r\n" + get, 0},
	{"a broken escape", "GET /page%zz HTTP/1.1\r\nHost: x\r\n\r\n" + get, 0},
	{"a fragment", "GET /echo/7#a HTTP/1.1\r\nHost: x\r\n\r\n" + get, 0},
	{"an empty query", "GET /echo/7? HTTP/1.1\r\nHost: x\r\n\r\n" + get, 2},
	{"dots", "GET /echo/../echo/7 HTTP/1.1\r\nHost: x\r\n\r\n" + get, 0},
	{"a slash at the end", "GET /echo/7/ HTTP/1.1\r\nHost: x\r\n\r\n" + get, 0},
	{"two spaces", "GET  /echo/7 HTTP/1.1\r\nHost: x\r\n\r\n" + get, 0},
	{"a space at the end", "GET /echo/7 HTTP/1.1 \r\nHost: x\r\n\r\n" + get, 0},
	{"a space in the path", "GET /echo/7 8 HTTP/1.1\r\nHost: x\r\n\r\n" + get, 0},
	{"UTF-8 in the path", "GET /echo/ä HTTP/1.1\r\nHost: x\r\n\r\n" + get, 0},
	{"HEAD", get + "HEAD /echo/7 HTTP/1.1\r\nHost: x\r\n\r\n" + get, 1},
	{"OPTIONS", get + "OPTIONS /echo/7 HTTP/1.1\r\nHost: x\r\n\r\n" + get, 1},
	{"OPTIONS *", get + "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n" + get, 1},
	{"CONNECT", "CONNECT /echo/7 HTTP/1.1\r\nHost: x\r\n\r\n" + get, 0},
	{"CONNECT to a host", "CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n" + get, 0},
	{"a method of one's own", "X-ECHO /echo/7 HTTP/1.1\r\nHost: x\r\n\r\n" + get, 0},
	{"small letters", "get /echo/7 HTTP/1.1\r\nHost: x\r\n\r\n" + get, 0},
	{"no method", " /echo/7 HTTP/1.1\r\nHost: x\r\n\r\n" + get, 0},
	{"an empty line after a GET", get + "\r\n" + get, 1},
	{"an empty line after a POST", post + "\r\n" + post + "\n" + post + "\r\n\r\n" + get, 4},
	{"too many empty lines after a POST", post + "\r\n\r\n\r\n" + get, 1},
	{"an empty line after a long POST", form + "\r\n" + get + "\r\n" + get, 0},
	{"an empty line after a long POST and a short GET", form + get + "\r\n" + get, 0},
	{"an empty line and no more", get + "\r\n", 1},
	{"a line and no more", get + "G\n", 1},
	{"a line and no more, first", "G\n", 0},
	{"an empty line after a POST and no more", post + "\r\n", 1},
	{"an empty line first", "\r\n" + get, 0},
	{"an empty line, and a long request", post + "\r\n" + page + get, 1},
	{"nothing", "", 0},
	{"a bit", "GE", 0},
	{"a bit more", get + "GE", 1},
	{"less than a head", get + post + "GET /echo/7 HTTP/1.1\r\nHost", 2},
	{"less than a body", get + strings.TrimSuffix(post, "lo"), 1},
	{"less than a long body", get + strings.TrimSuffix(form, "="), 1},
	{"many headers", "GET /echo/7 HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("X-A: b\r\n", 400) + "\r\n" + get, 2},
	{"a large head", "GET /echo/7 HTTP/1.1\r\nHost: x\r\nX-A: " + strings.Repeat("a", 5000) + "\r\n\r\n" + get, 0},
	{"a huge head", "GET /echo/7 HTTP/1.1\r\nHost: x\r\nX-A: " + strings.Repeat("a", 30000) + "\r\n\r\n" + get, 0},
	{"many at once", strings.Repeat(get+post, 40), 80},
	{"many behind a long one", page + strings.Repeat(get, 80), 0},
	{"headers twice", "GET /echo/7 HTTP/1.1\r\nHost: x\r\nAuthorization: a\r\nAuthorization: b\r\n\r\n" + get, 0},
	{"an empty header", "GET /echo/7 HTTP/1.1\r\nHost: x\r\nAuthorization:\r\n\r\n" + get, 0},
	{"ranges and such", "GET /echo/7 HTTP/1.1\r\nHost: x\r\nRange: bytes=0-1\r\nTE: trailers\r\nAccept: text/html\r\nContent-Encoding: gzip\r\n\r\n" + get, 0},
}

// cut cuts a stream: each byte says how long a piece is and how long it is
// waited then.
func pieces(text string, cuts []byte) (list []piece) {
	sizes := [...]int{1, 2, 3, 4, 5, 8, 13, 21, 34, 60, 100, 200, 500, 1000, 4096, 5000}
	waits := [...]time.Duration{-1, 0, time.Millisecond, -1}
	for i := 0; text != ""; i++ {
		p := piece{text: text}
		if len(cuts) > 0 {
			c := cuts[i%len(cuts)]
			p = piece{text[:min(len(text), sizes[c&15])], waits[c>>4&3]}
			if c == 0xff && i < 3 {
				p.wait = time.Hour
			}
		}
		list, text = append(list, p), text[len(p.text):]
	}
	return list
}

// same fails unless a server answers pieces in the same way with a door and
// without one. It answers how many requests were answered on the fast path.
func same(t *testing.T, list []piece, end int) int {
	t.Helper()
	want, wantSeen, _ := talk(t, false, list, end)
	got, gotSeen, short := talk(t, true, list, end)
	if end != hangUp && got != want {
		i := 0
		for i < min(len(got), len(want)) && got[i] == want[i] {
			i++
		}
		t.Errorf("behind %.200q\nanswered %.200q\n without %.200q", want[max(0, i-50):i], got[i:], want[i:])
	}
	if !slices.Equal(gotSeen, wantSeen) {
		t.Errorf("     saw %.500q\n without %.500q", gotSeen, wantSeen)
	}
	if t.Failed() {
		t.Logf("%d pieces, end %d: %.3000s", len(list), end, fmt.Sprintf("%+v", list))
	}
	return short
}

// However a client sends its bytes, nobody can tell that there is a door.
func TestNoDifference(t *testing.T) {
	for _, s := range streams {
		t.Run(s.name, func(t *testing.T) {
			for name, cuts := range map[string][]byte{"whole": nil, "in small pieces": {0x10}, "in pieces": {0x17, 0x05, 0x29}, "in halves": {0x1b}} {
				if len(s.text) > 6000 && name == "in small pieces" {
					continue
				}
				for end, how := range []string{"half-close", "left open", "hung up"} {
					if got := same(t, pieces(s.text, cuts), end); got != s.short && (cuts == nil && end != hangUp) {
						t.Errorf("%d were answered on the fast path, not %d", got, s.short)
					}
					if t.Failed() {
						t.Fatalf("%s, %s", name, how)
					}
				}
			}
		})
	}
}

// corner is the one difference that there is: a client that sends empty lines
// after a POST, a few bytes, and no more, is told that this is no request, or
// is not.
var corner = regexp.MustCompile(`[\r\n][^\r\n]{0,3}[\r\n]?[^\r\n]{0,3}$`)

func FuzzDoor(f *testing.F) {
	for i, s := range streams {
		if len(s.text) < 6000 {
			f.Add(s.text, []byte{0x17, byte(i), 0x05, 0x29}, byte(i))
			f.Add(get+s.text+post+s.text, []byte{byte(i)}, byte(i))
		}
	}
	f.Add(get+post, []byte{0xff, 0x1f}, byte(leaveOpen))
	f.Fuzz(func(t *testing.T, stream string, cuts []byte, end byte) {
		if end %= 3; len(stream) > 1<<16 || len(cuts) > 100 || !strings.HasSuffix(stream, "\r\n\r\n") && corner.MatchString(stream) {
			return
		}
		same(t, pieces(stream, cuts), int(end))
	})
}

// Requests of all kinds one after the other, however they are cut.
func TestRandomConnections(t *testing.T) {
	sane := []string{get, post, page, form, strings.Replace(get, "/7", "/long-"+strings.Repeat("x", 90), 1)}
	rapid.Check(t, func(rt *rapid.T) {
		var text strings.Builder
		for range rapid.IntRange(1, 12).Draw(rt, "requests") {
			switch rapid.IntRange(0, 5).Draw(rt, "kind") {
			case 0:
				text.WriteString(rapid.SampledFrom(streams).Draw(rt, "stream").text)
			case 1: // any length of body
				n := rapid.IntRange(0, 9000).Draw(rt, "length")
				fmt.Fprintf(&text, "POST /%s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", rapid.SampledFrom([]string{"echo", "form", "unread?123"}).Draw(rt, "path"), n, strings.Repeat("x", n))
			default:
				text.WriteString(rapid.SampledFrom(sane).Draw(rt, "request"))
			}
		}
		list := pieces(text.String(), rapid.SliceOfN(rapid.Byte(), 0, 30).Draw(rt, "cuts"))
		end := rapid.IntRange(0, 2).Draw(rt, "end")
		if !t.Run("", func(t *testing.T) { same(t, list, end) }) {
			rt.FailNow()
		}
	})
}

// What is called plain is a request of exactly this size for net/http, too, and the
// same one.
func FuzzHead(f *testing.F) {
	for _, s := range streams {
		f.Add([]byte(s.text))
	}
	list := []*Operation{operation("POST", "/echo"), operation("GET", "/echo/{id}"), operation("DELETE", "/{id}/")}
	f.Fuzz(func(t *testing.T, b []byte) {
		var q Request
		size := q.Parse(b, list)
		if size == odd || size == more {
			if size == more && strings.Contains(string(b), "\r\n\r\n") {
				t.Fatal("the head is there whole")
			}
			return
		}
		if lacks := size - len(b); lacks > 0 {
			b = append(b, make([]byte, lacks)...)
			q = Request{}
			q.Parse(b, list)
		}
		rest := bytes.NewReader(b)
		in := bufio.NewReader(rest)
		r, err := http.ReadRequest(in)
		if err != nil {
			t.Fatalf("it is no request: %v", err)
		}
		body, err := io.ReadAll(r.Body)
		if n := len(b) - rest.Len() - in.Buffered(); err != nil || n != size || !bytes.Equal(body, q.Body) {
			t.Fatalf("%d bytes, not %d, with the body %q, not %q: %v", size, n, q.Body, body, err)
		}
		if r.Close || len(r.TransferEncoding)+len(r.Trailer) > 0 || r.Header.Get("Expect") != "" || !r.ProtoAtLeast(1, 1) {
			t.Fatalf("it is not plain: %+v", r)
		}
		got := []string{q.Method, q.Path, q.Query, q.Get("Host")}
		want := []string{r.Method, r.URL.Path, r.URL.RawQuery, r.Host}
		for _, name := range seenHeaders {
			if len(r.Header[name]) > 1 {
				t.Errorf("%s %d times", name, len(r.Header[name]))
			}
			got, want = append(got, q.Get(name)), append(want, r.Header.Get(name))
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%q, not %q", got, want)
		}
	})
}
