package notify

import (
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"strings"
)

// decoded is a header's text (RFC 2047).
func decoded(s string) string {
	var d mime.WordDecoder
	if text, err := d.DecodeHeader(s); err == nil {
		return text
	}
	return s
}

// plainText finds the text/plain part of a mail.
func plainText(contentType, encoding string, body io.Reader) (string, error) {
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return "", err
	}
	if !strings.HasPrefix(kind, "multipart/") {
		switch strings.ToLower(encoding) {
		case "quoted-printable":
			body = quotedprintable.NewReader(body)
		case "base64":
			body = base64.NewDecoder(base64.StdEncoding, body)
		}
		text, err := io.ReadAll(body)
		return string(text), err
	}
	parts := multipart.NewReader(body, params["boundary"])
	for {
		part, err := parts.NextRawPart()
		if err != nil {
			return "", err
		}
		kind := part.Header.Get("Content-Type")
		if strings.HasPrefix(kind, "text/plain") || strings.HasPrefix(kind, "multipart/") {
			text, err := plainText(kind, part.Header.Get("Content-Transfer-Encoding"), part)
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return text, err
		}
	}
}
