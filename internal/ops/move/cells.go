package move

import (
	"encoding/binary"
	"fmt"
	"sort"

	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// mover carries elements of one type between tensors as cells of w bytes,
// whatever the type: types of whole bytes are used where they lie, packed ones
// are widened to a byte, a string becomes its number in a table. A cell of
// zeros is the zero of every type, the empty string included.
type mover struct {
	e  *op.Eval
	dt tensor.DType
	w  int

	tabs  []*tensor.Tensor // strings: the tensors read
	bases []int            // strings: cell of the first element of each
	next  int              // strings: cell of the next tensor's first element
}

func newMover(e *op.Eval, dt tensor.DType) *mover {
	m := &mover{e: e, dt: dt, w: dt.Size(), next: 1}
	switch {
	case dt == tensor.String:
		m.w = 4
	case m.w == 0:
		m.w = 1
	}
	return m
}

func (m *mover) direct() bool { return m.dt.Size() > 0 }

// read returns t's elements as cells, to be read only.
func (m *mover) read(t *tensor.Tensor) ([]byte, error) {
	if t.DType() != m.dt {
		return nil, fmt.Errorf("element type is %v, must be %v", t.DType(), m.dt)
	}
	if m.direct() {
		return t.Bytes(), nil
	}
	c, err := m.temp(t.Len())
	if err != nil {
		return nil, err
	}
	if m.dt != tensor.String {
		unpack(c, t.Bytes(), m.dt.Bits())
		return c, nil
	}
	n := t.Len()
	if int64(n)+int64(m.next) >= 1<<31 {
		return nil, fmt.Errorf("too many strings")
	}
	for i := range n {
		binary.LittleEndian.PutUint32(c[4*i:], uint32(m.next+i))
	}
	m.tabs, m.bases = append(m.tabs, t), append(m.bases, m.next)
	m.next += n
	return c, nil
}

// write returns the cells that become t's elements with flush. Their contents
// are undefined: every cell must be written.
func (m *mover) write(t *tensor.Tensor) ([]byte, error) {
	if m.direct() {
		return t.Bytes(), nil
	}
	return m.temp(t.Len())
}

func (m *mover) temp(n int) ([]byte, error) {
	if int64(n)*int64(m.w) > int64(^uint(0)>>1) {
		return nil, fmt.Errorf("%w: %d elements", tensor.ErrShape, n)
	}
	t, err := m.e.Temp(tensor.Uint8, n*m.w)
	if err != nil {
		return nil, err
	}
	return t.Bytes(), nil
}

// flush stores the cells c that write returned for t.
func (m *mover) flush(t *tensor.Tensor, c []byte) error {
	switch {
	case m.direct():
		return nil
	case m.dt != tensor.String:
		pack(t.Bytes(), c, m.dt.Bits())
		return nil
	}
	s := make([]string, t.Len())
	seen := map[uint32]string{} // a cell may occur often
	total := 0
	for i := range s {
		n := binary.LittleEndian.Uint32(c[4*i:])
		v, ok := seen[n]
		if !ok {
			v = m.str(int(n))
			seen[n] = v
		}
		s[i] = v
		total += len(s[i])
		if total < 0 {
			return fmt.Errorf("%w: strings don't fit memory", op.ErrBudget)
		}
	}
	if total > 1<<20 { // the elements' own bytes count against the budget
		if _, err := m.e.Temp(tensor.Uint8, total); err != nil {
			return err
		}
	}
	t.SetStrings(s)
	return nil
}

func (m *mover) str(cell int) string {
	if cell == 0 {
		return ""
	}
	i := sort.SearchInts(m.bases, cell+1) - 1
	return m.tabs[i].Str(cell - m.bases[i])
}

func unpack(dst, src []byte, bits int) {
	per, mask := 8/bits, byte(1<<bits-1)
	for i := range dst {
		dst[i] = src[i/per] >> (i % per * bits) & mask
	}
}

func pack(dst, src []byte, bits int) {
	clear(dst)
	per := 8 / bits
	for i, v := range src {
		dst[i/per] |= v << (i % per * bits)
	}
}

// one reads x, makes output i with dims and lets f fill its cells from x's.
func one(e *op.Eval, i int, x *tensor.Tensor, dims []int, f func(m *mover, dst, src []byte) error) error {
	y, err := e.Out(i, x.DType(), dims...)
	if err != nil {
		return err
	}
	return convert(e, y, x, f)
}

// convert lets f fill y's cells from x's.
func convert(e *op.Eval, y, x *tensor.Tensor, f func(m *mover, dst, src []byte) error) error {
	if y.Len() == 0 {
		return nil
	}
	m := newMover(e, x.DType())
	src, err := m.read(x)
	if err != nil {
		return err
	}
	dst, err := m.write(y)
	if err != nil {
		return err
	}
	if err := f(m, dst, src); err != nil {
		return err
	}
	return m.flush(y, dst)
}

// step is one axis of a block: n places, d and s bytes apart.
type step struct{ n, d, s int }

// copyBlock copies a block of dims cells of w bytes. ds and ss are the strides
// in cells, d and s the cells where the block starts. Axes that lie behind one
// another in both tensors are joined, so that the innermost runs are long.
func copyBlock(dst, src []byte, w int, dims, ds, ss []int, d, s int) {
	for _, n := range dims {
		if n == 0 {
			return
		}
	}
	ax, run := joinAxes(w, dims, ds, ss)
	walk(dst, src, run, ax, d*w, s*w)
}

// joinAxes returns the axes of a block, none of length 0, and the bytes of a
// run along what comes after them.
func joinAxes(w int, dims, ds, ss []int) (ax []step, run int) {
	ax = make([]step, 0, 8)
	for i, n := range dims {
		if n == 1 {
			continue
		}
		a := step{n, ds[i] * w, ss[i] * w}
		if k := len(ax) - 1; k >= 0 && ax[k].d == a.d*n && ax[k].s == a.s*n {
			ax[k] = step{ax[k].n * n, a.d, a.s}
			continue
		}
		ax = append(ax, a)
	}
	run = w
	if k := len(ax) - 1; k >= 0 && ax[k].d == w && ax[k].s == w {
		run, ax = ax[k].n*w, ax[:k]
	}
	return ax, run
}

// walk copies runs of bytes over all places of ax.
func walk(dst, src []byte, run int, ax []step, d, s int) {
	if len(ax) == 0 {
		copy(dst[d:d+run], src[s:s+run])
		return
	}
	last := ax[len(ax)-1]
	ax = ax[:len(ax)-1]
	var few [8]int
	at := few[:]
	if len(ax) > len(few) {
		at = make([]int, len(ax))
	}
	for {
		copyRuns(dst, src, run, last, d, s)
		a := len(ax) - 1
		for ; a >= 0; a-- {
			d, s, at[a] = d+ax[a].d, s+ax[a].s, at[a]+1
			if at[a] < ax[a].n {
				break
			}
			d, s, at[a] = d-ax[a].d*ax[a].n, s-ax[a].s*ax[a].n, 0
		}
		if a < 0 {
			return
		}
	}
}

// copyRuns copies a.n runs, one by one.
func copyRuns(dst, src []byte, run int, a step, d, s int) {
	switch run {
	case 1:
		for range a.n {
			dst[d] = src[s]
			d, s = d+a.d, s+a.s
		}
	case 2:
		for range a.n {
			binary.LittleEndian.PutUint16(dst[d:], binary.LittleEndian.Uint16(src[s:]))
			d, s = d+a.d, s+a.s
		}
	case 4:
		for range a.n {
			binary.LittleEndian.PutUint32(dst[d:], binary.LittleEndian.Uint32(src[s:]))
			d, s = d+a.d, s+a.s
		}
	case 8:
		for range a.n {
			binary.LittleEndian.PutUint64(dst[d:], binary.LittleEndian.Uint64(src[s:]))
			d, s = d+a.d, s+a.s
		}
	default:
		for range a.n {
			copy(dst[d:d+run], src[s:s+run])
			d, s = d+a.d, s+a.s
		}
	}
}

// fill repeats cell over b.
func fill(b, cell []byte) {
	if len(b) == 0 {
		return
	}
	n := copy(b, cell)
	for n < len(b) {
		n += copy(b[n:], b[:n])
	}
}
