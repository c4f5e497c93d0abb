package sqldb

import (
	"errors"
	"net"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
)

// BadURL says that the address of a database cannot be read.
type BadURL struct {
	Flag string
	Text string // without the password
}

func (e BadURL) Error() string { return e.Flag + ": " + e.Text }

// badURL is an error about the URL of a flag.
func badURL(flag string, err error, url string) error {
	text := strings.ReplaceAll(err.Error(), url, "…")
	text = strings.TrimPrefix(parsing.ReplaceAllString(text, ""), "failed to parse as URL ")
	return BadURL{flag, "cannot be read, " + text + "; it is " + rightURL}
}

// parsing is what pgx begins an error about a URL with: the URL itself.
var parsing = regexp.MustCompile("^cannot parse `[^`]*`: ")

// rightURL says what the address of a database is like.
const rightURL = "postgres://USER:PASSWORD@HOST:PORT/DATABASE, with a port up to 65535, numbers for settings such as ?pool_max_conns=20, and in a password %25 for %, %40 for @, %3A for : and %2F for /"

// unconnected is an error of connecting on one line. pgx's has one for each address
// and each way that it has tried, most of them the same.
type unconnected struct {
	text string
	error
}

func (e unconnected) Error() string { return e.text }
func (e unconnected) Unwrap() error { return e.error }

// onOneLine is an error of connecting as its reader needs it: as whom, to what, and
// for each address why not. Other errors stay as they are.
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

// address is what pgx begins an error with: 127.0.0.1:5432 (db.example): …
var address = regexp.MustCompile(`^(\S+) \([^)]*\): `)

// whyNot is why one address did not answer as it should.
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
