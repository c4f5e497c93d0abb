package codec

import "strings"

// TakesGzip reports whether an Accept-Encoding header takes gzip (RFC 9110,
// section 12.5.3).
func TakesGzip(header string) bool {
	takes := false
	for one := range strings.SplitSeq(header, ",") {
		coding, weight, _ := strings.Cut(one, ";")
		coding = strings.TrimSpace(coding)
		named := strings.EqualFold(coding, "gzip") || strings.EqualFold(coding, "x-gzip")
		if !named && coding != "*" {
			continue
		}
		name, value, _ := strings.Cut(weight, "=")
		zero := strings.EqualFold(strings.TrimSpace(name), "q") && strings.Trim(value, " 0.") == ""
		if named {
			return !zero
		}
		takes = !zero
	}
	return takes
}
