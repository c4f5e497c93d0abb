package codec

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// WholeCharacters returns JSON that was stored, with U+FFFD for each escape that is
// half of a surrogate pair. Earlier versions stored such escapes; no reader of this
// package accepts them. All other JSON is returned as it is.
func WholeCharacters(stored string) string {
	if !strings.Contains(stored, `\ud`) && !strings.Contains(stored, `\uD`) || jsontext.Value(stored).IsValid() {
		return stored
	}
	whole, err := jsontext.AppendFormat(nil, []byte(stored), jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
	if err != nil {
		return stored
	}
	return string(whole)
}
