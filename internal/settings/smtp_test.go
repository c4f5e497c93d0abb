package settings

import (
	"context"
	"strings"
	"testing"

	"boxoffice/internal/sqldb"
)

func TestSMTPURL(t *testing.T) {
	for text, want := range map[string]SMTP{
		"smtp://mail.example.org?from=tickets@example.org":                {Host: "mail.example.org", Port: 587, From: "tickets@example.org", Name: "boxoffice", Connections: 4},
		"smtps://u:p%40ss@mail.example.org/?from=a@example.org":           {Host: "mail.example.org", Port: 465, TLS: true, User: "u", Password: "p@ss", From: "a@example.org", Name: "boxoffice", Connections: 4},
		"smtp://a%40example.org:x@mail.example.org:2525":                  {Host: "mail.example.org", Port: 2525, User: "a@example.org", Password: "x", From: "a@example.org", Name: "boxoffice", Connections: 4},
		"smtp://127.0.0.1:1025?from=a@example.org":                        {Host: "127.0.0.1", Port: 1025, Clear: true, From: "a@example.org", Name: "boxoffice", Connections: 4},
		"smtp://localhost:1025?from=a@example.org&tls=required":           {Host: "localhost", Port: 1025, From: "a@example.org", Name: "boxoffice", Connections: 4},
		"smtp://m.example?from=Old+Hall+<a@example.org>&tls=optional":     {Host: "m.example", Port: 587, Clear: true, From: "a@example.org", Name: "Old Hall", Connections: 4},
		"smtp://m.example?from=a@example.org&bounces=b@example.org":       {Host: "m.example", Port: 587, From: "a@example.org", Name: "boxoffice", Bounces: "b@example.org", Connections: 4},
		"smtp://m.example?from=a@example.org&connections=9&per-domain=20": {Host: "m.example", Port: 587, From: "a@example.org", Name: "boxoffice", Connections: 9, PerDomain: 20},
	} {
		s := Server{SMTPURL: text}
		if got, err := s.Mail(); err != nil || *got != want {
			t.Errorf("%s: %+v %v", text, got, err)
		}
	}
	if got, err := (&Server{}).Mail(); got != nil || err != nil {
		t.Error(got, err)
	}
	for text, part := range map[string]string{
		"mail.example.org":                                        "smtp://",
		"http://mail.example.org":                                 "smtp://",
		"smtp://user:secret@?from=a@example.org":                  "host",
		"smtp://user:secret@mail.example.org":                     "from=",
		"smtp://user:secret@mail.example.org?from=nobody":         "from=",
		"smtp://user:secret@m.example:0?from=a@example.org":       "port",
		"smtp://user:secret@m.example/x?from=a@example.org":       "%2F",
		"smtp://m.example?from=a@example.org&tls=never":           "tls: ",
		"smtps://m.example?from=a@example.org&tls=optional":       "smtp://",
		"smtp://m.example?from=a@example.org&bounces=B+<b@x.org>": "bounces: ",
		"smtp://m.example?from=a@example.org&connections=0":       "connections: ",
		"smtp://m.example?from=a@example.org&per-domain=-1":       "per-domain: ",
		"smtp://m.example?from=a@example.org&form=x":              "unknown setting",
		"smtp://user:secret%zz@mail.example.org?from=a@b.example": "%40",
	} {
		s := Server{Addr: "127.0.0.1:8080", Loopback: 1, SMTPURL: text}
		err := s.Check()
		if err == nil || !strings.Contains(err.Error(), part) || !strings.Contains(err.Error(), "--smtp-url") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", text, err)
		}
	}
	demo := Server{Addr: "127.0.0.1:8080", Loopback: 1, Demo: true, SMTPURL: "smtp://m.example?from=a@example.org"}
	if err := demo.Check(); err == nil || !strings.Contains(err.Error(), "/dev/mail") {
		t.Error(err)
	}
}

// No error shows any part of a URL that may be its password.
func TestErrorsKeepPasswords(t *testing.T) {
	gone, cancel := context.WithCancel(t.Context())
	cancel() // nothing is connected
	for _, rest := range []string{
		"u:/s3cretPW@host?from=a@example.org", "u:77/s3cretPW@host", "u:77?s3cretPW@host", "u:77?tls=s3cretPW@host", "u:77?connections=s3cretPW@host", "u:77#s3cretPW@host",
		"u:s3cretPW/x@host", "u:s3cretPW?x@host", "u:s3cretPW#x@host", "u:x%s3cretPW@host", "u:s3cretPW@host:99999/", "u:x@host:s3cretPW", "s3cretPW", "u:p@[s3cretPW",
	} {
		for _, scheme := range []string{"smtp://", "smtps://", "https://", "nats://", "tls://", "postgres://", "u:s3cretPW@", "s3cretPW://", "s3cretPW:", ""} {
			text := scheme + rest
			for flag, s := range map[string]Server{"--smtp-url": {SMTPURL: text}, "--nats-url": {NATSURL: text}, "--sms-url": {SMSURL: text}} {
				s.Addr, s.Loopback = "127.0.0.1:8080", 1
				if err := s.Check(); err != nil && (strings.Contains(strings.ToLower(err.Error()), "s3cret") || !strings.Contains(err.Error(), flag)) {
					t.Errorf("%s %s: %v", flag, text, err)
				}
			}
			if text == "postgres://s3cretPW" { // a host
				continue
			}
			if db, err := (Storage{DatabaseURL: text}).OpenWith(gone, sqldb.Config{}); err == nil {
				_ = db.Close()
				t.Errorf("--database-url %s is accepted", text)
			} else if strings.Contains(strings.ToLower(err.Error()), "s3cret") {
				t.Errorf("--database-url %s: %v", text, err)
			}
		}
	}
	for _, text := range []string{"nats://u:/s3cretPW@host", "nats://u:77/s3cretPW@host", "nats://u:77?s3cretPW@host", "nats://u:77#s3cretPW@host"} { // the host would be u
		if err := (&Server{Addr: "127.0.0.1:8080", Loopback: 1, NATSURL: text}).Check(); err == nil {
			t.Errorf("%s is accepted", text)
		}
	}
}
