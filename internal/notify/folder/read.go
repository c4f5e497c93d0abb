package folder

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	netmail "net/mail"
	"strings"

	"boxoffice/internal/notify/mail"
)

// parse reads the header and the parts of a mail from its raw form.
func (m *Message) parse() error {
	head, err := netmail.ReadMessage(bytes.NewReader(m.Raw))
	if err != nil {
		return err
	}
	m.Subject, m.To = decoded(head.Header.Get("Subject")), head.Header.Get("To")
	if to, err := netmail.ParseAddress(m.To); err == nil {
		m.To = to.Address
	}
	m.Date, _ = head.Header.Date()
	return m.part(head.Header.Get("Content-Type"), head.Header.Get("Content-Transfer-Encoding"), head.Header.Get("Content-Disposition"), head.Body)
}

// decoded decodes a header (RFC 2047).
func decoded(s string) string {
	var d mime.WordDecoder
	if text, err := d.DecodeHeader(s); err == nil {
		return text
	}
	return s
}

// part reads a part, and those within it.
func (m *Message) part(contentType, encoding, disposition string, body io.Reader) error {
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return err
	}
	if strings.HasPrefix(kind, "multipart/") {
		return m.multipart(multipart.NewReader(body, params["boundary"]))
	}
	switch strings.ToLower(encoding) {
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	}
	raw, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	how, names, _ := mime.ParseMediaType(disposition)
	switch {
	case how == "attachment":
		m.Files = append(m.Files, mail.File{Name: decoded(names["filename"]), Type: contentType, Body: raw})
	case kind == "text/plain":
		m.Text = string(raw)
	case kind == "text/html":
		m.HTML = string(raw)
	}
	return nil
}

func (m *Message) multipart(parts *multipart.Reader) error {
	for {
		one, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		h := one.Header
		if err := m.part(h.Get("Content-Type"), h.Get("Content-Transfer-Encoding"), h.Get("Content-Disposition"), one); err != nil {
			return err
		}
	}
}
