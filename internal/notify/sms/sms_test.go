package sms_test

import (
	"context"
	"encoding/base64"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"boxoffice/internal/notify/sms"
	"boxoffice/internal/notify/sms/smstest"
)

func client(to string) *sms.Client {
	return sms.New(sms.Config{URL: to, Account: smstest.Account, Token: smstest.Token, From: smstest.From, Public: "https://tickets.example.org"})
}

func message() *sms.Message {
	return &sms.Message{Ref: "moved/1/ann & bob", To: "+4915123456789", Text: "Die Zeit hat sich geändert", Since: time.Now(), Until: time.Now().Add(time.Hour)}
}

// kind is what the caller does after an error.
func kind(err error) string {
	var refused *sms.Refused
	var away *sms.Unavailable
	switch {
	case err == nil:
		return "taken"
	case errors.As(err, &refused):
		return "never"
	case errors.As(err, &away):
		return "all wait"
	}
	return "again"
}

func TestSend(t *testing.T) {
	r := smstest.New(t)
	taken, err := client(r.URL).Send(t.Context(), message())
	if err != nil || taken.ID == "" || taken.Status != "queued" {
		t.Fatalf("%+v %v", taken, err)
	}
	m := r.Messages()[0]
	if m.To != "+4915123456789" || m.From != smstest.From || m.Body != "Die Zeit hat sich geändert" || m.Validity != "3599" && m.Validity != "3600" ||
		m.Callback != "https://tickets.example.org/texts/status?notice=moved%2F1%2Fann+%26+bob" {
		t.Errorf("%+v", m)
	}
	service := sms.New(sms.Config{URL: r.URL, Account: smstest.Account, Token: smstest.Token, From: "MG" + strings.Repeat("0", 32)})
	if _, err := service.Send(t.Context(), message()); err != nil {
		t.Fatal(err)
	}
	if m := r.Messages()[1]; m.From != "MG"+strings.Repeat("0", 32) || m.Callback != "" {
		t.Errorf("%+v", m)
	}
}

func TestAnswers(t *testing.T) {
	r := smstest.New(t)
	for _, c := range []struct {
		name  string
		fault smstest.Fault
		want  string
	}{
		{"invalid number", smstest.Fault{Status: 400, Code: 21211}, "never"},
		{"answered STOP", smstest.Fault{Status: 400, Code: 21610}, "never"},
		{"no mobile", smstest.Fault{Status: 400, Code: 21614}, "never"},
		{"country not allowed", smstest.Fault{Status: 400, Code: 21408}, "never"},
		{"wrong password", smstest.Fault{Status: 401, Code: 20003}, "all wait"},
		{"suspended", smstest.Fault{Status: 403, Code: 20005}, "all wait"},
		{"not our number", smstest.Fault{Status: 400, Code: 21606}, "all wait"},
		{"no such service", smstest.Fault{Status: 400, Code: 21701}, "all wait"},
		{"no API there", smstest.Fault{Status: 404, Body: "<html>"}, "all wait"},
		{"moved away", smstest.Fault{Status: 302, Body: "there"}, "all wait"},
		{"too many", smstest.Fault{Status: 429, Code: 20429, RetryAfter: 7}, "all wait"},
		{"busy", smstest.Fault{Status: 503, Code: 20503, RetryAfter: 7}, "all wait"},
		{"queue full", smstest.Fault{Status: 400, Code: 21611}, "again"},
		{"maintenance", smstest.Fault{Status: 400, Code: 21730}, "again"},
		{"400 of something else", smstest.Fault{Status: 400, Body: "bad gateway"}, "again"},
		{"500", smstest.Fault{Status: 500, Code: 20500}, "again"},
		{"502 of a proxy", smstest.Fault{Status: 502, Body: "<html>"}, "again"},
		{"503 without a time", smstest.Fault{Status: 503, Body: ""}, "again"},
		{"cut", smstest.Fault{Cut: true}, "again"},
		{"200 of something else", smstest.Fault{Taken: true, Body: "hello"}, "again"},
		{"JSON of something else", smstest.Fault{Taken: true, Body: `{"ok":true}`}, "again"},
		{"fine", smstest.Fault{}, "taken"},
	} {
		r.Fail(func(int, string) smstest.Fault { return c.fault })
		_, err := client(r.URL).Send(t.Context(), message())
		if kind(err) != c.want {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
		var away *sms.Unavailable
		if errors.As(err, &away) && away.After != time.Duration(c.fault.RetryAfter)*time.Second {
			t.Errorf("%s: after %s", c.name, away.After)
		}
		if err != nil && (strings.Contains(err.Error(), smstest.Token) || strings.Contains(err.Error(), smstest.Account)) {
			t.Errorf("%s: the error shows the account: %v", c.name, err)
		}
	}
}

// What was not sent at all is told from what may have been.
func TestNobodyThere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := "http://" + l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = client(gone).Send(t.Context(), message())
	if kind(err) != "all wait" || strings.Contains(err.Error(), smstest.Account) {
		t.Errorf("refused: %v", err)
	}
	r := smstest.New(t)
	r.Fail(func(int, string) smstest.Fault { return smstest.Fault{Taken: true, Silent: time.Hour} })
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for len(r.Messages()) == 0 && t.Context().Err() == nil {
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	if _, err := client(r.URL).Send(ctx, message()); kind(err) != "again" || strings.Contains(err.Error(), smstest.Account) {
		t.Errorf("silent: %v", err)
	}
}

// A message that may have been taken is looked for before it is sent again.
func TestSentOnce(t *testing.T) {
	r := smstest.New(t)
	c, m := client(r.URL), message()
	r.Fail(func(n int, _ string) smstest.Fault { return smstest.Fault{Taken: n == 1, Cut: true} })
	if _, err := c.Send(t.Context(), m); kind(err) != "again" {
		t.Fatal(err)
	}
	m.Tried = true
	taken, err := c.Send(t.Context(), m)
	if err != nil || taken.ID != r.Messages()[0].ID || len(r.Messages()) != 1 {
		t.Errorf("%+v %v, %d messages", taken, err, len(r.Messages()))
	}
	r.Fail(nil)
	for _, other := range []sms.Message{
		{To: "+4915123456780", Text: m.Text, Since: m.Since},              // another number
		{To: m.To, Text: m.Text + ".", Since: m.Since},                    // another text
		{To: m.To, Text: m.Text, Since: time.Now().Add(10 * time.Minute)}, // an older message with the same text
	} {
		other.Tried = true
		before := len(r.Messages())
		if _, err := c.Send(t.Context(), &other); err != nil || len(r.Messages()) != before+1 {
			t.Errorf("%+v was not sent: %v", other, err)
		}
	}
	if sends, looks := r.Requests(); sends != 3 || looks != 3 {
		t.Error(sends, looks)
	}
}

// The password does not go where a redirect leads.
func TestNoRedirects(t *testing.T) {
	var asked atomic.Bool
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Store(true) }))
	defer elsewhere.Close()
	here := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	defer here.Close()
	if _, err := client(here.URL).Send(t.Context(), message()); kind(err) != "all wait" || asked.Load() {
		t.Error(err, asked.Load())
	}
}

// The example of Twilio's documentation and libraries.
func TestSign(t *testing.T) {
	form := url.Values{"CallSid": {"CA1234567890ABCDE"}, "Caller": {"+14158675309"}, "Digits": {"1234"}, "From": {"+14158675309"}, "To": {"+18005551212"}}
	got := base64.StdEncoding.EncodeToString(sms.Sign("12345", "https://mycompany.com/myapp.php?foo=1&bar=2", form))
	if got != "RSOYDt4T1cUTdK1PDd93/VVr8B8=" {
		t.Error(got)
	}
}

func TestReport(t *testing.T) {
	c := client("https://api.example.org")
	form := url.Values{"MessageSid": {"SM1"}, "MessageStatus": {"undelivered"}, "ErrorCode": {"30003"}, "New": {"field"}}
	sign := func(token, address string) string {
		return base64.StdEncoding.EncodeToString(sms.Sign(token, address, form))
	}
	const at = "https://tickets.example.org/texts/status?notice=a%2Fb"
	if got, ok := c.Report("a/b", form, sign(smstest.Token, at)); !ok || got != (sms.Report{ID: "SM1", Status: "undelivered", Code: 30003}) {
		t.Error(got, ok)
	}
	for name, signature := range map[string]string{
		"none": "", "no base64": "!", "another password": sign("x", at), "of another notice": sign(smstest.Token, at+"c"), "of another site": sign(smstest.Token, "https://evil.example/texts/status?notice=a%2Fb"),
	} {
		if _, ok := c.Report("a/b", form, signature); ok {
			t.Errorf("a signature is accepted: %s", name)
		}
	}
	changed := url.Values{"MessageSid": {"SM1"}, "MessageStatus": {"delivered"}, "ErrorCode": {"30003"}, "New": {"field"}}
	if _, ok := c.Report("a/b", changed, sign(smstest.Token, at)); ok {
		t.Error("a changed form is accepted")
	}
	deaf := sms.New(sms.Config{URL: "https://api.example.org", Token: smstest.Token})
	if _, ok := deaf.Report("a/b", form, sign(smstest.Token, "")); ok {
		t.Error("a site without an address accepts calls")
	}
}

func TestSegments(t *testing.T) {
	for text, want := range map[string]int{
		"": 1, strings.Repeat("ä", 160): 1, strings.Repeat("ä", 161): 2, strings.Repeat("ä", 306): 2, strings.Repeat("ä", 307): 3,
		strings.Repeat("€", 80): 1, strings.Repeat("€", 81): 2,
		strings.Repeat("“", 70): 1, strings.Repeat("“", 71): 2, strings.Repeat("😀", 35): 1, strings.Repeat("😀", 36): 2,
	} {
		if got := sms.Segments(text); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}
