package sqldb

import (
	"errors"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
)

// BadURL is the error for a database URL that cannot be parsed.
type BadURL struct {
	Flag string
	Text string // without any part of the URL
}

func (e BadURL) Error() string { return e.Flag + ": " + e.Text }

// badURL returns an error about the URL in a flag. Of pgx's error it keeps no more than
// faults lists: the rest may quote the URL, and a password that is not escaped may be
// anywhere in it.
func badURL(flag string, err error) error {
	text := "cannot be read"
	for _, fault := range faults {
		if strings.Contains(err.Error(), fault) {
			text += ", " + fault
			break
		}
	}
	return BadURL{flag, text + "; it is " + rightURL}
}

// misplaced reports whether a URL has an at sign behind the host, unescaped: a password
// with a slash or a question mark then counts as a database or a setting, which errors of
// connections show.
func misplaced(text string) bool {
	u, err := url.Parse(text)
	if err != nil {
		return false // pgx says so
	}
	for name := range u.Query() {
		if strings.Contains(name, "@") {
			return true
		}
	}
	return strings.Contains(u.EscapedPath(), "@") || u.Fragment != ""
}

var errMisplaced = errors.New("an at sign or # is behind the host")

// faults are what pgx finds wrong with a URL, as it says it.
var faults = []string{errMisplaced.Error(), "invalid port", "cannot parse pool_max_conns", "pool_max_conns too small", "failed to configure TLS", "sslmode is invalid"}

// rightURL describes a correct database URL.
const rightURL = "postgres://USER:PASSWORD@HOST:PORT/DATABASE, with a port up to 65535, numbers for settings such as ?pool_max_conns=20, and in a password %25 for %, %40 for @, %3A for :, %2F for /, %3F for ? and %23 for #"

// unconnected is a connection error on one line. pgx's error has one line for each
// attempt with each address, most of them the same.
type unconnected struct {
	text string
	error
}

func (e unconnected) Error() string { return e.text }
func (e unconnected) Unwrap() error { return e.error }

// onOneLine shortens a connection error to what its reader needs: user, database, and
// the reason for each address. Other errors stay as they are.
func onOneLine(err error) error {
	var connect *pgconn.ConnectError
	if !errors.As(err, &connect) {
		return err
	}
	tries := []error{connect.Unwrap()}
	var several interface{ Unwrap() []error }
	if errors.As(tries[0], &several) {
		tries = several.Unwrap()
	}
	var reasons []string
	for _, err := range tries {
		if text := whyNot(err); !slices.Contains(reasons, text) {
			reasons = append(reasons, text)
		}
	}
	return unconnected{"cannot connect to PostgreSQL as user " + connect.Config.User + " to database " + connect.Config.Database + ": " + strings.Join(reasons, "; "), err}
}

// address matches the beginning of pgx's errors: 127.0.0.1:5432 (db.example): …
var address = regexp.MustCompile(`^(\S+) \([^)]*\): `)

// whyNot returns why connecting to one address failed.
func whyNot(err error) string {
	text := strings.Join(strings.Fields(err.Error()), " ")
	at := address.FindStringSubmatch(text)
	var (
		server *pgconn.PgError
		name   *net.DNSError
		number syscall.Errno
	)
	switch {
	case errors.As(err, &server):
		text = server.Message
	case errors.As(err, &name):
		return name.Name + ": " + name.Err
	case errors.As(err, &number):
		text = number.Error()
	case at != nil:
		text = text[len(at[0]):]
	}
	if at != nil {
		return at[1] + ": " + text
	}
	return text
}
