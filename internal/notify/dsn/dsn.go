// Package dsn reads delivery status notifications (RFC 3464): the mails with which mail
// servers say that they could not deliver one.
package dsn

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/textproto"
	"regexp"
	"strings"

	"boxoffice/internal/notifyapi"
	"boxoffice/internal/safetext"
)

const (
	mostBytes  = 1 << 20  // of a mail; a report is at its beginning, the mail that it is about behind it
	mostReport = 64 << 10 // of a part that is read
	mostParts  = 20
	mostFailed = 100 // recipients; a mail of this site has one
	mostText   = 400
)

// Read returns the recipients that a mail reports as failed for good; none if it is no
// report, or one of success or delay. A mail that is cut off is read as far as it goes.
func Read(r io.Reader) ([]notifyapi.Bounce, error) {
	m, err := mail.ReadMessage(bufio.NewReader(io.LimitReader(r, mostBytes)))
	if err != nil {
		return nil, fmt.Errorf("this is no email: %w", err)
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/report" || params["boundary"] == "" {
		return nil, nil
	}
	parts := multipart.NewReader(m.Body, params["boundary"])
	var list []notifyapi.Bounce
	id := ""
	for range mostParts {
		p, err := parts.NextRawPart()
		if err != nil { // the end, or cut off
			break
		}
		kind, _, _ := mime.ParseMediaType(p.Header.Get("Content-Type"))
		switch kind {
		case "message/delivery-status", "message/global-delivery-status":
			list = append(list, failures(content(p))...)
		case "message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers":
			if h := header(content(p)); id == "" {
				id = strings.TrimSpace(h.Get("Message-Id"))
			}
		}
	}
	list = list[:min(len(list), mostFailed)]
	for i := range list {
		list[i].MessageID = id
	}
	return list, nil
}

// content returns the beginning of a part.
func content(p *multipart.Part) []byte {
	var r io.Reader = p
	switch strings.ToLower(strings.TrimSpace(p.Header.Get("Content-Transfer-Encoding"))) {
	case "base64":
		r = base64.NewDecoder(base64.StdEncoding, r)
	case "quoted-printable":
		r = quotedprintable.NewReader(r)
	}
	text, _ := io.ReadAll(io.LimitReader(r, mostReport)) // what was read before an error counts
	return bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
}

// failures reads the fields of a report: some about the mail, and then some for each
// recipient, with empty lines in between.
func failures(text []byte) (list []notifyapi.Bounce) {
	for group := range bytes.SplitSeq(text, []byte("\n\n")) {
		h := header(group)
		if !strings.EqualFold(word(h.Get("Action")), "failed") {
			continue
		}
		b := notifyapi.Bounce{Status: status.FindString(h.Get("Status")), Answer: safetext.OneLine(behind(h.Get("Diagnostic-Code")), mostText)}
		if b.Recipient = safetext.OneLine(behind(h.Get("Original-Recipient")), mostText); b.Recipient == "" {
			b.Recipient = safetext.OneLine(behind(h.Get("Final-Recipient")), mostText)
		}
		list = append(list, b)
	}
	return list
}

// status is an enhanced status code (RFC 3463).
var status = regexp.MustCompile(`[245]\.\d{1,3}\.\d{1,3}`)

// header reads fields as far as they go.
func header(text []byte) textproto.MIMEHeader {
	text = append(bytes.TrimLeft(text, "\n"), "\n\n"...)
	h, _ := textproto.NewReader(bufio.NewReader(bytes.NewReader(text))).ReadMIMEHeader()
	return h
}

// word returns the first word of a field, which may have a comment behind it.
func word(field string) string {
	first, _, _ := strings.Cut(strings.TrimSpace(field), " ")
	return first
}

// behind returns a field without the type in front of it, such as rfc822 or smtp.
func behind(field string) string {
	if _, value, ok := strings.Cut(field, ";"); ok {
		field = value
	}
	return strings.TrimSpace(field)
}
