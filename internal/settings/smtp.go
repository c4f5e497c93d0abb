package settings

import (
	"net/mail"
	"net/url"
	"strconv"
	"strings"
)

// SMTP is the server that takes emails, as --smtp-url names it.
type SMTP struct {
	Host           string
	Port           int
	TLS            bool // from the first byte on; otherwise STARTTLS
	Clear          bool // STARTTLS only if the server offers it
	User, Password string
	From, Name     string // the sender's address, and the name beside it
	Bounces        string // the address to which mails come back; "": From
	Connections    int    // open at a time
	PerDomain      int    // emails a second to the addresses of one domain; 0: no limit
}

const (
	smtpConnections     = 4
	mostSMTPConnections = 100
)

// Mail is the mail server; nil when there is none. The error contains nothing of the
// URL: with a slash in a password that is not escaped, any part of it may be the password.
func (s *Server) Mail() (*SMTP, error) {
	const flag = "--smtp-url"
	if s.SMTPURL == "" {
		return nil, nil //nolint:nilnil // without the flag emails are files
	}
	u, err := url.Parse(s.SMTPURL)
	if err != nil || strings.Trim(u.Path, "/") != "" || u.Opaque != "" || u.Fragment != "" {
		return nil, BadFlag(flag, "it is not an address such as smtp://user:password@mail.example.org:587?from=tickets@example.org; in a password, write %%25 for %%, %%40 for @, %%2F for /, %%3F for ? and %%23 for #")
	}
	m := &SMTP{Host: u.Hostname(), User: u.User.Username(), Name: "boxoffice", Connections: smtpConnections}
	m.Password, _ = u.User.Password()
	switch {
	case u.Scheme == "smtps":
		m.TLS, m.Port = true, 465
	case u.Scheme == "smtp":
		m.Port, m.Clear = 587, Loopback(u.Hostname()+":0")
	default:
		return nil, BadFlag(flag, "it must begin with smtp:// (STARTTLS) or smtps:// (TLS)")
	}
	if m.Host == "" {
		return nil, BadFlag(flag, "the host is missing, as in smtps://user:password@mail.example.org?from=tickets@example.org")
	}
	if text := u.Port(); text != "" {
		port, err := strconv.ParseUint(text, 10, 16)
		if err != nil || port == 0 {
			return nil, BadFlag(flag, "the port is not a number from 1 to 65535")
		}
		m.Port = int(port)
	}
	return m, m.read(flag, u.Query())
}

// read takes over the parameters of the URL.
func (m *SMTP) read(flag string, query url.Values) error {
	from := m.User
	for name, values := range query {
		value, bad := values[0], ""
		switch name {
		case "from":
			from = value
		case "bounces":
			if a, err := mail.ParseAddress(value); err != nil || a.Address != value {
				bad = "it must be an address such as bounces@example.org"
			}
			m.Bounces = value
		case "tls":
			if m.Clear = value == "optional"; !m.Clear && value != "required" || m.TLS {
				bad = "it can be required or optional, and goes with smtp:// only"
			}
		case "connections":
			n, err := strconv.Atoi(value)
			if m.Connections = n; err != nil || n < 1 || n > mostSMTPConnections {
				bad = "it must be a number from 1 to " + strconv.Itoa(mostSMTPConnections)
			}
		case "per-domain":
			n, err := strconv.Atoi(value)
			if m.PerDomain = n; err != nil || n < 0 {
				bad = "it must be a number of emails a second, 0 for no limit"
			}
		default:
			return BadFlag(flag, "it has an unknown setting; there are from, bounces, tls, connections and per-domain; in a password, %%3F stands for ?")
		}
		if bad != "" {
			return BadFlag(flag, "%s: %s", name, bad)
		}
	}
	a, err := mail.ParseAddress(from)
	if err != nil {
		return BadFlag(flag, "it does not say from whom emails come: add ?from=tickets@example.org")
	}
	if m.From = a.Address; a.Name != "" {
		m.Name = a.Name
	}
	return nil
}
