package gateway

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
)

// Requests of odd and hostile shapes are answered with a clear status, or their
// connection ends; they cost little memory, and what follows them on a connection
// is never taken for a request that was not sent.
func TestHostileShapes(t *testing.T) {
	d := newDoor(t)
	addr := d.listen(t)
	get := func(lines string) string { return "GET /things/a HTTP/1.1\r\nHost: x\r\n" + lines + "\r\n" }
	post := func(lines, body string) string {
		return "POST /bookings HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" + lines + "\r\n" + body
	}
	sized := func(body string) string { return post(fmt.Sprintf("Content-Length: %d\r\n", len(body)), body) }
	const smuggled = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
	for name, c := range map[string]struct {
		text string
		want []int // any of them for the first answer
	}{
		"huge header":         {get("X-Large: " + strings.Repeat("x", 64<<10) + "\r\n"), []int{431}},
		"many cookies":        {get(strings.Repeat("Cookie: a=b\r\n", 900)), []int{200, 431}},
		"many headers":        {get(strings.Repeat("X: y\r\n", 10_000)), []int{431}},
		"query parameters":    {"GET /things/a?" + strings.Repeat("a=b&", 10_000) + " HTTP/1.1\r\nHost: x\r\n\r\n", []int{200, 400, 422, 431}},
		"2,000 parameters":    {"GET /things/a?" + strings.Repeat("a=b&", 2_000) + " HTTP/1.1\r\nHost: x\r\n\r\n", []int{200, 422}},
		"TE and CL":           {post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"+smuggled), []int{400}},
		"TE twice":            {post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "0\r\n\r\n"), []int{400, 501}},
		"TE unknown":          {post("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"), []int{400, 501}},
		"TE with a tab":       {post("Transfer-Encoding:\tchunked, chunked\r\n", "0\r\n\r\n"), []int{400, 501}},
		"CL twice":            {post("Content-Length: 2\r\nContent-Length: 40\r\n", "{}"), []int{400}},
		"CL with a sign":      {post("Content-Length: +2\r\n", "{}"), []int{400}},
		"space before colon":  {post("Content-Length : 2\r\n", "{}"), []int{400}},
		"folded header":       {get("X: a\r\n b\r\n"), []int{200, 400}},
		"no host":             {"GET /things/a HTTP/1.1\r\n\r\n", []int{400}},
		"two hosts":           {get("Host: y\r\n"), []int{400}},
		"h2 by prior request": {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", []int{400, 404, 505}},
		"upgrade to h2c":      {get("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"), []int{200}},
		"chunk extensions":    {post("Transfer-Encoding: chunked\r\n", strings.Repeat("1;"+strings.Repeat("x", 2000)+"\r\n \r\n", 40)+"0\r\n\r\n"), []int{400}},
		"huge chunk":          {post("Transfer-Encoding: chunked\r\n", "fffffffffffffffff\r\n"), []int{400}},
		"deep JSON":           {sized(strings.Repeat("[", 30_000) + strings.Repeat("]", 30_000)), []int{422}},
		"members twice":       {sized(`{"event_id":"e","event_id":"f"}`), []int{400}},
		"a name by escapes":   {sized(`{"event_id":"e","\u0065vent_id":"f"}`), []int{400}},
		"a huge number":       {sized(`{"event_id":` + strings.Repeat("9", 60_000) + `}`), []int{422}},
		"a number of 1 MB":    {post("Content-Length: 1048576\r\n", ""), []int{413}},
		"a long exponent":     {sized(`{"event_id":1e` + strings.Repeat("9", 50_000) + `}`), []int{422}},
		"expects to go on":    {post("Expect: 100-continue\r\nContent-Length: 1048576\r\n", ""), []int{413}},
		"expects the unknown": {post("Expect: the-unexpected\r\nContent-Length: 2\r\n", "{}"), []int{417}},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		one := dial(t, addr)
		go func() { _, _ = io.WriteString(one, c.text) }() // the other side may not read all of it
		res, err := http.ReadResponse(one.in, nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		text, _ := io.ReadAll(io.LimitReader(res.Body, 64<<10))
		ok := false
		for _, status := range c.want {
			ok = ok || res.StatusCode == status
		}
		if !ok || len(text) > 16<<10 {
			t.Errorf("%s: %d, %d bytes %.200s", name, res.StatusCode, len(text), text)
		}
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > 16<<20 {
			t.Errorf("%s: %d MB", name, took>>20)
		}
		_ = one.Close()
	}
}

// Requests that are sent before the answers to those before are answered in turn.
func TestPipelines(t *testing.T) {
	d := newDoor(t)
	one := dial(t, d.listen(t))
	const many = 200
	go func() {
		_, _ = io.WriteString(one, strings.Repeat(hold(oneSeat)+"GET /things/a HTTP/1.1\r\nHost: x\r\n\r\n", many))
	}()
	in := bufio.NewReader(one.in)
	for i := range many {
		for _, want := range []int{201, 200} {
			res, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatalf("%d: %v", i, err)
			}
			if _, _ = io.Copy(io.Discard, res.Body); res.StatusCode != want {
				t.Fatalf("%d: %d, want %d", i, res.StatusCode, want)
			}
		}
	}
}
