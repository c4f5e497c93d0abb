package gateway

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// holdsNUL finds a NUL in a JSON body, raw or escaped, and names the field.
func holdsNUL(body []byte) (field string, found bool) {
	if bytes.IndexByte(body, 0) >= 0 {
		return "body", true
	}
	if !bytes.Contains(body, []byte(`\u0000`)) {
		return "", false
	}
	return findString(body, func(s string) bool { return strings.IndexByte(s, 0) >= 0 })
}

// holdsCard finds a string or number that looks like a card number: 13 to 19
// digits, perhaps grouped, with a right Luhn check digit (ISO/IEC 7812-1).
func holdsCard(body []byte) (field string, found bool) {
	run := 0
	for _, c := range body { // the cheap look first: few bodies have so many digits in a row
		switch {
		case c >= '0' && c <= '9':
			if run++; run >= 13 {
				return findString(body, isCard)
			}
		case c != ' ' && c != '-':
			run = 0
		}
	}
	return "", false
}

func isCard(s string) bool {
	sum, n := 0, 0
	for i := len(s) - 1; i >= 0; i-- {
		c := s[i]
		if c == ' ' || c == '-' {
			continue
		}
		if c < '0' || c > '9' {
			return false
		}
		d := int(c - '0')
		if n%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
		n++
	}
	return n >= 13 && n <= 19 && sum%10 == 0
}

// findString walks a JSON text and names the first string or number that match
// says yes to. A text that is not JSON has none: it is refused later.
func findString(body []byte, match func(string) bool) (field string, found bool) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return "", false
	}
	return findIn("", v, match)
}

func findIn(path string, v any, match func(string) bool) (string, bool) {
	switch v := v.(type) {
	case string:
		return path, match(v)
	case json.Number:
		return path, match(string(v))
	case []any:
		for i, x := range v {
			if p, ok := findIn(fmt.Sprintf("%s[%d]", path, i), x, match); ok {
				return p, true
			}
		}
	case map[string]any:
		for k, x := range v {
			name := strings.TrimPrefix(path+"."+k, ".")
			if match(k) {
				return strings.ReplaceAll(name, "\x00", "?"), true
			}
			if p, ok := findIn(name, x, match); ok {
				return p, true
			}
		}
	}
	return "", false
}
