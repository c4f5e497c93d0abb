package quick

// Reader reads plain JSON. What it does not take makes it fail, and from then on
// it reads nothing.
type Reader struct {
	b      []byte
	i      int
	failed bool
}

// Fail makes the request go the long way.
func (r *Reader) Fail() { r.failed = true }

// done reports whether all of the body was read.
func (r *Reader) done() bool {
	r.blank()
	return !r.failed && r.i == len(r.b)
}

func (r *Reader) blank() {
	for r.i < len(r.b) && (r.b[r.i] == ' ' || r.b[r.i] == '\n' || r.b[r.i] == '\r' || r.b[r.i] == '\t') {
		r.i++
	}
}

// take reads c if it comes next.
func (r *Reader) take(c byte) bool {
	r.blank()
	if r.failed || r.i == len(r.b) || r.b[r.i] != c {
		return false
	}
	r.i++
	return true
}

func (r *Reader) must(c byte) {
	if !r.take(c) {
		r.failed = true
	}
}

// Object reads an object: member reads the value of each name.
func (r *Reader) Object(member func(name []byte)) {
	r.must('{')
	if r.take('}') {
		return
	}
	for !r.failed {
		name := r.text()
		r.must(':')
		if r.failed {
			return
		}
		member(name)
		if !r.take(',') {
			r.must('}')
			return
		}
	}
}

// Array reads an array of up to most values; value reads each.
func (r *Reader) Array(most int, value func()) {
	r.must('[')
	if r.take(']') {
		return
	}
	for n := 0; !r.failed; n++ {
		if n == most {
			r.failed = true
			return
		}
		value()
		if !r.take(',') {
			r.must(']')
			return
		}
	}
}

// Text reads a string of 1 to most characters.
func (r *Reader) Text(most int) string {
	t := r.text()
	if len(t) == 0 || len(t) > most {
		r.failed = true
	}
	return string(t)
}

func (r *Reader) text() []byte {
	r.must('"')
	for start := r.i; !r.failed && r.i < len(r.b); r.i++ {
		switch c := r.b[r.i]; {
		case c == '"':
			r.i++
			return r.b[start : r.i-1]
		case c < 0x20 || c > 0x7e || c == '\\':
			r.failed = true
		}
	}
	r.failed = true
	return nil
}

// Number reads a whole number from 1 to most, which is less than a million.
func (r *Reader) Number(most int) int {
	r.blank()
	n, start := 0, r.i
	for ; r.i < len(r.b) && r.i < start+6 && r.b[r.i] >= '0' && r.b[r.i] <= '9'; r.i++ {
		n = 10*n + int(r.b[r.i]-'0')
	}
	if n < 1 || n > most || r.b[start] == '0' {
		r.failed = true
	}
	return n
}
