package reconcile

import (
	"bufio"
	"bytes"
	"container/heap"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"

	"boxoffice/internal/payment/provider"
)

// sorter sorts movements by their charge. What does not fit into memory goes to a file
// that has no name, in sorted runs, which are merged as they are read.
type sorter struct {
	buf   []byte
	marks []mark
	file  *os.File
	runs  []int64 // ends of the runs in the file
	limit int     // bytes of buf
}

// mark is where an element begins and its key ends.
type mark struct{ at, key, end int32 }

// side says who has recorded a movement.
type side byte

const (
	ofGateway side = iota
	ofJournal
)

// memory is how many bytes of movements are sorted in memory.
const memory = 8 << 20

func newSorter() *sorter { return &sorter{limit: memory} }

// close deletes the file.
func (s *sorter) close() error {
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}

// add takes a movement.
func (s *sorter) add(of side, m *Movement) error {
	at := len(s.buf)
	s.buf = append(s.buf, m.Charge...)
	key := len(s.buf)
	s.buf = encode(s.buf, of, m)
	s.marks = append(s.marks, mark{int32(at), int32(key), int32(len(s.buf))})
	if len(s.buf) < s.limit {
		return nil
	}
	return s.spill()
}

func (s *sorter) order() {
	slices.SortStableFunc(s.marks, func(a, b mark) int { return bytes.Compare(s.buf[a.at:a.key], s.buf[b.at:b.key]) })
}

// spill writes a run.
func (s *sorter) spill() error {
	if s.file == nil {
		f, err := os.CreateTemp("", "boxoffice-reconcile-")
		if err != nil {
			return fmt.Errorf("sort movements: %w", err)
		}
		s.file = f
		if err := os.Remove(f.Name()); err != nil {
			return fmt.Errorf("sort movements: %w", err)
		}
	}
	s.order()
	w := bufio.NewWriterSize(s.file, 256<<10)
	var head []byte
	n := int64(0)
	for _, m := range s.marks {
		head = binary.AppendUvarint(head[:0], uint64(m.key-m.at))
		head = binary.AppendUvarint(head, uint64(m.end-m.key))
		n += int64(len(head)) + int64(m.end-m.at)
		_, _ = w.Write(head) // Flush returns the error
		_, _ = w.Write(s.buf[m.at:m.end])
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("sort movements: %w", err)
	}
	if len(s.runs) > 0 {
		n += s.runs[len(s.runs)-1]
	}
	s.runs = append(s.runs, n)
	s.buf, s.marks = s.buf[:0], s.marks[:0]
	return nil
}

// sorted yields all movements in the order of their charges.
func (s *sorter) sorted() iter.Seq2[sortedMovement, error] {
	return func(yield func(sortedMovement, error) bool) {
		s.order()
		if len(s.runs) == 0 {
			for _, m := range s.marks {
				if !yield(decode(s.buf[m.at:m.key], s.buf[m.key:m.end])) {
					return
				}
			}
			return
		}
		if len(s.marks) > 0 {
			if err := s.spill(); err != nil {
				yield(sortedMovement{}, err)
				return
			}
		}
		s.buf, s.marks = nil, nil
		s.merge(yield)
	}
}

// sortedMovement is a movement with its side.
type sortedMovement struct {
	of side
	Movement
}

// run reads one sorted run.
type run struct {
	r        *bufio.Reader
	n        int // its place among the runs, so that equal keys keep their order
	buf      []byte
	key, end int
}

// next reads the next element; io.EOF at the end.
func (r *run) next() error {
	key, err := binary.ReadUvarint(r.r)
	if err != nil {
		return err
	}
	rest, err := binary.ReadUvarint(r.r)
	if err != nil {
		return err
	}
	r.key, r.end = int(key), int(key+rest)
	r.buf = slices.Grow(r.buf[:0], r.end)[:r.end]
	_, err = io.ReadFull(r.r, r.buf)
	return err
}

type runs []*run

func (h runs) Len() int { return len(h) }
func (h runs) Less(i, j int) bool {
	c := bytes.Compare(h[i].buf[:h[i].key], h[j].buf[:h[j].key])
	return c < 0 || c == 0 && h[i].n < h[j].n
}
func (h runs) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *runs) Push(x any)   { *h = append(*h, x.(*run)) }
func (h *runs) Pop() any {
	last := len(*h) - 1
	x := (*h)[last]
	*h = (*h)[:last]
	return x
}

func (s *sorter) merge(yield func(sortedMovement, error) bool) {
	var h runs
	begin := int64(0)
	for i, end := range s.runs {
		r := &run{r: bufio.NewReaderSize(io.NewSectionReader(s.file, begin, end-begin), 64<<10), n: i}
		begin = end
		if err := r.next(); err != nil {
			yield(sortedMovement{}, fmt.Errorf("sort movements: %w", err))
			return
		}
		h = append(h, r)
	}
	heap.Init(&h)
	for len(h) > 0 {
		r := h[0]
		if !yield(decode(r.buf[:r.key], r.buf[r.key:r.end])) {
			return
		}
		switch err := r.next(); {
		case errors.Is(err, io.EOF):
			heap.Pop(&h)
		case err != nil:
			yield(sortedMovement{}, fmt.Errorf("sort movements: %w", err))
			return
		default:
			heap.Fix(&h, 0)
		}
	}
}

// encode appends a movement without its charge.
func encode(b []byte, of side, m *Movement) []byte {
	b = append(b, byte(of))
	for _, s := range [...]string{string(m.Kind), m.ID, m.Reference, m.Key, m.Currency} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	for _, n := range [...]int64{m.Amount, m.Fee, m.At, m.Off} {
		b = binary.AppendVarint(b, n)
	}
	return b
}

var errCut = errors.New("sort movements: an element is cut off")

func decode(key, b []byte) (sortedMovement, error) {
	m := sortedMovement{Movement: Movement{Charge: string(key)}}
	if len(b) == 0 {
		return m, errCut
	}
	m.of = side(b[0])
	b = b[1:]
	var kind string
	for _, s := range [...]*string{&kind, &m.ID, &m.Reference, &m.Key, &m.Currency} {
		n, k := binary.Uvarint(b)
		if k <= 0 || uint64(len(b)-k) < n {
			return m, errCut
		}
		*s = string(b[k : k+int(n)])
		b = b[k+int(n):]
	}
	m.Kind = provider.LineKind(kind)
	for _, to := range [...]*int64{&m.Amount, &m.Fee, &m.At, &m.Off} {
		n, k := binary.Varint(b)
		if k <= 0 {
			return m, errCut
		}
		*to = n
		b = b[k:]
	}
	return m, nil
}
