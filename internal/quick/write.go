package quick

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"
)

// Name appends a member's name: ,"name": or {"name": if it is the first.
func Name(b []byte, name string) []byte {
	if len(b) > 0 && b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	return append(append(append(b, '"'), name...), '"', ':')
}

// Text appends a member that is a string.
func Text(b []byte, name, value string) []byte { return appendText(Name(b, name), value) }

// Number appends a member that is a whole number.
func Number(b []byte, name string, value int64) []byte {
	return strconv.AppendInt(Name(b, name), value, 10)
}

// Time appends a member that is a time (RFC 3339).
func Time(b []byte, name string, value time.Time) []byte {
	return append(value.AppendFormat(append(Name(b, name), '"'), time.RFC3339Nano), '"')
}

func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c > 0x7e || c == '"' || c == '\\' {
			return appendOdd(b, s)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}

// appendOdd appends a string that is not plain as the long way does.
func appendOdd(b []byte, s string) []byte {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string can be encoded
	return append(b, bytes.TrimSuffix(out.Bytes(), []byte("\n"))...)
}
