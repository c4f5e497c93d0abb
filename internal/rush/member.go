package rush

import "bytes"

// member returns the raw JSON value of a name in an object (RFC 8259), and scans no
// further than needed, since a fan needs one line of an answer of twenty kilobytes.
// It returns nil if there is no such member, or no object.
func member(object []byte, name string) []byte {
	i := blank(object, 0)
	if i == len(object) || object[i] != '{' {
		return nil
	}
	for i++; ; i++ {
		i = blank(object, i)
		end := value(object, i)
		if i == len(object) || object[i] != '"' || end == len(object) {
			return nil
		}
		found := string(object[i+1:end-1]) == name
		colon := blank(object, end)
		if colon == len(object) || object[colon] != ':' {
			return nil
		}
		i = blank(object, colon+1)
		end = value(object, i)
		if found {
			return object[i:end]
		}
		if i = blank(object, end); i == len(object) || object[i] != ',' {
			return nil
		}
	}
}

// text returns a string member without escapes, such as an id or a status; nil if it
// is something else.
func text(object []byte, name string) []byte {
	v := member(object, name)
	if len(v) < 2 || v[0] != '"' || v[len(v)-1] != '"' || bytes.IndexByte(v, '\\') >= 0 {
		return nil
	}
	return v[1 : len(v)-1]
}

// elements returns how many values a JSON array holds; 0 if it is not an array.
func elements(array []byte) (n int) {
	if len(array) == 0 || array[0] != '[' {
		return 0
	}
	for i := blank(array, 1); i < len(array) && array[i] != ']'; n++ {
		end := value(array, i)
		if end == i { // it is not JSON
			break
		}
		if i = blank(array, end); i < len(array) && array[i] == ',' {
			i = blank(array, i+1)
		}
	}
	return n
}

// blank returns the first position from i on that is not white space.
func blank(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// value returns the end of the value that begins at i.
func value(b []byte, i int) int {
	depth := 0
	for ; i < len(b); i++ {
		switch b[i] {
		case '"':
			if i = closing(b, i); depth == 0 {
				return min(i+1, len(b))
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth <= 0 {
				return i + 1 + min(depth, 0)
			}
		case ',', ':', ' ', '\n', '\r', '\t':
			if depth == 0 {
				return i
			}
		}
	}
	return len(b)
}

// closing returns the position of the closing quote of the string that begins at i.
func closing(b []byte, i int) int {
	for i++; ; i += 2 {
		quote := bytes.IndexByte(b[min(i, len(b)):], '"')
		if quote < 0 {
			return len(b)
		}
		escape := bytes.IndexByte(b[i:i+quote], '\\')
		if escape < 0 {
			return i + quote
		}
		i += escape
	}
}
