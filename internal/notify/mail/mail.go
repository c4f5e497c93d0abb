// Package mail is what letters and the ways to send them share: a mail that is ready
// to be sent, its form on the wire (RFC 5322, MIME), and the contract of a Sender.
package mail

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
	"golang.org/x/net/idna"
)

// Mail is a mail to one person.
type Mail struct {
	ID      string // the notice's; the Message-ID is made of it, so that a copy can be recognized as one
	Local   string // the part of the Message-ID before the at sign; "": a hash of ID
	To      string // see Recipient
	Lang    string
	Subject string // one line
	Text    string
	HTML    string
	Files   []File
	Date    time.Time

	Unsubscribe string // complete address at which the recipient unsubscribes; "": there is nothing to unsubscribe from
}

// File is an attachment.
type File struct {
	Name string // ASCII
	Type string // media type
	Body []byte
}

// Sender hands mails over to whoever delivers them.
type Sender interface {
	// Send returns the answer with which a mail was taken over. Its errors:
	//
	//	*Refused      never: the server refuses this mail for good
	//	*Unavailable  not now, nor any other mail: there is no server to be reached
	//	others        not now; another mail may be sent
	//
	// After an error the mail was not taken over, as far as one can know: if the
	// connection breaks after the whole mail was sent and before its answer came, the
	// mail may arrive twice, with the same Message-ID. It is safe for concurrent use.
	Send(ctx context.Context, m *Mail) (answer string, err error)

	// Close closes idle connections. Send opens new ones.
	Close()
}

// Refused is the error for a mail that the server will never take.
type Refused struct {
	Answer string
	Dead   bool // nobody has the address
}

func (e *Refused) Error() string { return "refused: " + e.Answer }

// Unavailable is the error for a server that cannot be reached, or takes no mail at
// all.
type Unavailable struct{ Cause error }

func (e *Unavailable) Error() string { return "unavailable: " + e.Cause.Error() }

func (e *Unavailable) Unwrap() error { return e.Cause }

// Dead reports whether an enhanced status code (RFC 3463) says that nobody has an address
// any more, as opposed to a full mailbox, or a mail that was not liked.
func Dead(status string) bool {
	return strings.HasPrefix(status, "5.1.") && status != "5.1.7" && status != "5.1.8" || status == "5.2.1"
}

// Address is the sender's.
type Address struct{ Name, Address string }

// Domain returns the part behind the at sign.
func (a Address) Domain() string { return Domain(a.Address) }

// Domain returns the domain of an address, in lower case.
func Domain(address string) string {
	return strings.ToLower(address[strings.LastIndexByte(address, '@')+1:])
}

// domains gives the A-labels of internationalized domain names (RFC 5890).
var domains = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.Transitional(false))

var errAddress = errors.New("this is no email address")

// Recipient returns an address as it stands in To: one address, without a name, the
// domain in A-labels. The local part may have letters of any script (RFC 6531).
func Recipient(address string) (string, error) {
	parsed, err := mail.ParseAddress(address)
	if err != nil || parsed.Address != address || strings.ContainsAny(address, "\r\n\x00") {
		return "", errAddress
	}
	at := strings.LastIndexByte(address, '@')
	host, err := domains.ToASCII(address[at+1:])
	if err != nil || host == "" {
		return "", errAddress
	}
	return address[:at+1] + host, nil
}

// Message returns the mail in its form on the wire.
func (m *Mail) Message(from Address) (*gomail.Msg, error) {
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	if err := errors.Join(msg.FromFormat(from.Name, from.Address), msg.To(m.To)); err != nil {
		return nil, fmt.Errorf("mail: %w", err)
	}
	msg.Subject(m.Subject)
	msg.SetDateWithValue(m.Date)
	msg.SetMessageIDWithValue(m.messageID(from))
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no out-of-office answers
	if m.Lang != "" {
		msg.SetGenHeader("Content-Language", m.Lang)
	}
	if m.Unsubscribe != "" {
		msg.SetGenHeader("List-Unsubscribe", "<"+m.Unsubscribe+">")
		if strings.HasPrefix(m.Unsubscribe, "https://") { // one click needs it (RFC 8058, section 3.1)
			msg.SetGenHeader("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")
		}
	}
	msg.SetBodyString(gomail.TypeTextPlain, m.Text)
	msg.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	for _, f := range m.Files {
		if err := msg.AttachReader(f.Name, strings.NewReader(string(f.Body)), gomail.WithFileContentType(gomail.ContentType(f.Type))); err != nil {
			return nil, fmt.Errorf("mail: attach %s: %w", f.Name, err)
		}
	}
	return msg, nil
}

// messageID is the same whenever the mail is sent.
func (m *Mail) messageID(from Address) string {
	if m.Local != "" {
		return m.Local + "@" + from.Domain()
	}
	sum := sha256.Sum256([]byte(m.ID))
	return hex.EncodeToString(sum[:16]) + "@" + from.Domain()
}
