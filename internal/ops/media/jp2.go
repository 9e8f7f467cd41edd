package media

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/walnut-ai/walnut/internal/op"
)

// j2kStyle is how a component is coded (markers COD and COC).
type j2kStyle struct {
	levels     int
	xcb, ycb   int // log2 of the size of code-blocks
	block      byte
	reversible bool
	prec       [33]byte // log2 of the size of precincts, x in the low bits
}

// j2kQuant is a component's quantization (markers QCD and QCC).
type j2kQuant struct {
	style, guard int
	exp, mant    [97]int
	n            int
}

// j2kHeader is what the main header says and a tile may replace.
type j2kHeader struct {
	prog, layers int
	mct          bool
	sop, eph     bool
	styles       []j2kStyle
	quants       []j2kQuant
	ownStyle     []bool // by COC: a later COD does not count
	ownQuant     []bool
}

func (h *j2kHeader) clone() *j2kHeader {
	c := *h
	c.styles, c.quants = append([]j2kStyle{}, h.styles...), append([]j2kQuant{}, h.quants...)
	c.ownStyle, c.ownQuant = make([]bool, len(h.ownStyle)), make([]bool, len(h.ownQuant))
	return &c
}

// j2kTile collects the parts of a tile.
type j2kTile struct {
	h    *j2kHeader
	data []byte
}

// j2k decodes JPEG 2000 (ITU-T T.800): codestreams and JP2 files without
// palettes, subsampling, and the coder's modes that cut code-blocks into
// several codewords.
type j2k struct {
	e              *op.Eval
	x0, y0, x1, y1 int // the image on the reference grid
	tw, th         int
	tx0, ty0       int
	depth          []int
	signed         []bool
	main           *j2kHeader
	tiles          map[int]*j2kTile
	pix            *pixels
}

func decodeJ2K(e *op.Eval, b []byte) (*pixels, error) {
	if binary.BigEndian.Uint16(b) != 0xff4f {
		var err error
		if b, err = codestream(b); err != nil {
			return nil, err
		}
	}
	j := &j2k{e: e, tiles: map[int]*j2kTile{}}
	if err := j.read(b); err != nil {
		return nil, err
	}
	if j.main == nil {
		return nil, errTruncated
	}
	across := ceilDiv(j.x1-j.tx0, j.tw)
	down := ceilDiv(j.y1-j.ty0, j.th)
	for k := range across * down {
		t := j.tiles[k]
		if t == nil {
			return nil, errTruncated
		}
		if err := j.decodeTile(t, k%across, k/across); err != nil {
			return nil, fmt.Errorf("tile %d: %w", k, err)
		}
	}
	return j.pix, nil
}

// codestream finds the codestream in the boxes of a JP2 file.
func codestream(b []byte) ([]byte, error) {
	for len(b) >= 8 {
		n, head := uint64(binary.BigEndian.Uint32(b)), 8
		name := string(b[4:8])
		if n == 1 && len(b) >= 16 {
			n, head = binary.BigEndian.Uint64(b[8:]), 16
		}
		if n == 0 {
			n = uint64(len(b))
		}
		if n < uint64(head) || n > uint64(len(b)) {
			return nil, errTruncated
		}
		switch name {
		case "jp2c":
			return b[head:n], nil
		case "jp2h":
			for _, p := range []string{"pclr", "cmap"} {
				for i := head; i+4 <= int(n); i++ {
					if string(b[i:i+4]) == p {
						return nil, errors.New("palettes can't be decoded")
					}
				}
			}
		}
		b = b[n:]
	}
	return nil, errors.New("there is no codestream")
}

// read reads the headers and sorts the data by tile.
func (j *j2k) read(b []byte) error {
	at := 2
	for at+4 <= len(b) {
		m, n := binary.BigEndian.Uint16(b[at:]), int(binary.BigEndian.Uint16(b[at+2:]))
		if m == 0xffd9 {
			return nil
		}
		if n < 2 || n > len(b)-at-2 {
			return errTruncated
		}
		d := b[at+4 : at+2+n]
		if m != 0xff90 {
			if m == 0xff51 {
				if err := j.readSize(d); err != nil {
					return err
				}
			} else if err := j.marker(j.main, m, d); err != nil {
				return err
			}
			at += 2 + n
			continue
		}
		end, err := j.readTilePart(b, at, d)
		if err != nil {
			return err
		}
		at = end
	}
	return nil // Pillow accepts files without the end marker
}

func (j *j2k) readSize(d []byte) error {
	if len(d) < 36 || j.main != nil {
		return errTruncated
	}
	var v [8]int
	for i := range v {
		u := binary.BigEndian.Uint32(d[2+4*i:])
		if u > 1<<30 {
			return fmt.Errorf("sizes of %d are too large", u)
		}
		v[i] = int(u)
	}
	j.x1, j.y1, j.x0, j.y0, j.tw, j.th, j.tx0, j.ty0 = v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7]
	n := int(binary.BigEndian.Uint16(d[34:]))
	if n < 1 || n > 4 || len(d) < 36+3*n {
		return fmt.Errorf("%d components", n)
	}
	if j.tw < 1 || j.th < 1 || j.tx0 > j.x0 || j.ty0 > j.y0 || j.tx0+j.tw <= j.x0 || j.ty0+j.th <= j.y0 {
		return errors.New("the tiles don't fit the image")
	}
	if err := checkSize(j.x1-j.x0, j.y1-j.y0); err != nil {
		return err
	}
	if ceilDiv(j.x1-j.tx0, j.tw) > 65535/ceilDiv(j.y1-j.ty0, j.th) {
		return errors.New("there are too many tiles")
	}
	for i := range n {
		s := d[36+3*i:]
		if s[1] != 1 || s[2] != 1 {
			return errors.New("subsampled components can't be decoded")
		}
		if s[0]&127 > 15 {
			return fmt.Errorf("%d bits a sample", s[0]&127+1)
		}
		j.depth = append(j.depth, int(s[0]&127)+1)
		j.signed = append(j.signed, s[0]>>7 == 1)
	}
	j.main = &j2kHeader{styles: make([]j2kStyle, n), quants: make([]j2kQuant, n), ownStyle: make([]bool, n), ownQuant: make([]bool, n)}
	ch := 3
	if n < 3 {
		ch = 1 // grey, perhaps with alpha
	}
	var err error
	j.pix, err = newPixels(j.e, j.x1-j.x0, j.y1-j.y0, ch)
	return err
}

// marker reads a marker segment of a header.
func (j *j2k) marker(h *j2kHeader, m uint16, d []byte) error {
	if h == nil {
		return errors.New("the size comes too late")
	}
	comp := func() (int, []byte, error) {
		if len(d) < 1 || int(d[0]) >= len(h.styles) {
			return 0, nil, errors.New("bad component")
		}
		return int(d[0]), d[1:], nil
	}
	switch m {
	case 0xff52: // COD
		if len(d) < 10 {
			return errTruncated
		}
		h.sop, h.eph = d[0]&2 != 0, d[0]&4 != 0
		h.prog, h.layers, h.mct = int(d[1]), int(binary.BigEndian.Uint16(d[2:])), d[4] == 1
		s, err := newJ2KStyle(d[0]&1 != 0, d[5:])
		for i := range h.styles {
			if !h.ownStyle[i] {
				h.styles[i] = s
			}
		}
		return err
	case 0xff53: // COC
		i, r, err := comp()
		if err != nil || len(r) < 6 {
			return errTruncated
		}
		h.ownStyle[i] = true
		h.styles[i], err = newJ2KStyle(r[0]&1 != 0, r[1:])
		return err
	case 0xff5c: // QCD
		q, err := newJ2KQuant(d)
		for i := range h.quants {
			if !h.ownQuant[i] {
				h.quants[i] = q
			}
		}
		return err
	case 0xff5d: // QCC
		i, r, err := comp()
		if err != nil {
			return err
		}
		h.ownQuant[i] = true
		h.quants[i], err = newJ2KQuant(r)
		return err
	case 0xff5e, 0xff5f, 0xff60, 0xff61:
		return fmt.Errorf("marker %04x (regions of interest, changes of progression or packed headers) can't be decoded", m)
	}
	return nil
}

func newJ2KStyle(precincts bool, d []byte) (s j2kStyle, err error) {
	if len(d) < 5 {
		return s, errTruncated
	}
	s = j2kStyle{levels: int(d[0]), xcb: int(d[1]&15) + 2, ycb: int(d[2]&15) + 2, block: d[3], reversible: d[4] == 1}
	if s.levels > 32 || s.xcb > 10 || s.ycb > 10 || s.xcb+s.ycb > 12 || d[4] > 1 {
		return s, fmt.Errorf("%d levels with blocks of 2^%d x 2^%d", s.levels, s.xcb, s.ycb)
	}
	if s.block&^(styleReset|styleCausal|styleSymbol) != 0 {
		return s, fmt.Errorf("code-blocks of style %#x can't be decoded", s.block)
	}
	for i := range s.prec {
		s.prec[i] = 0xff
	}
	if precincts {
		if len(d) < 6+s.levels {
			return s, errTruncated
		}
		copy(s.prec[:], d[5:6+s.levels])
	}
	for i, p := range s.prec[:s.levels+1] {
		if i > 0 && (p&15 == 0 || p>>4 == 0) {
			return s, errors.New("precincts of one sample")
		}
	}
	return s, nil
}

func newJ2KQuant(d []byte) (q j2kQuant, err error) {
	if len(d) < 1 {
		return q, errTruncated
	}
	q.style, q.guard = int(d[0]&31), int(d[0]>>5)
	d = d[1:]
	switch q.style {
	case 0:
		for q.n = 0; q.n < min(len(d), 97); q.n++ {
			q.exp[q.n] = int(d[q.n] >> 3)
		}
	case 1, 2:
		for q.n = 0; q.n < min(len(d)/2, 97); q.n++ {
			v := int(binary.BigEndian.Uint16(d[2*q.n:]))
			q.exp[q.n], q.mant[q.n] = v>>11, v&0x7ff
		}
	default:
		return q, fmt.Errorf("quantization style %d", q.style)
	}
	if q.n == 0 {
		return q, errTruncated
	}
	return q, nil
}

// at returns exponent and mantissa of a band, counted from LL.
func (q *j2kQuant) at(band int) (exp, mant int, err error) {
	if q.style == 1 {
		e := q.exp[0]
		if band > 0 {
			e -= (band - 1) / 3
		}
		return e, q.mant[0], nil
	}
	if band >= q.n {
		return 0, 0, errors.New("a band has no quantization")
	}
	return q.exp[band], q.mant[band], nil
}

// readTilePart reads the header of a tile-part that starts at at, and returns
// where the part ends.
func (j *j2k) readTilePart(b []byte, at int, d []byte) (int, error) {
	if j.main == nil || len(d) < 8 {
		return 0, errTruncated
	}
	k, n := int(binary.BigEndian.Uint16(d)), uint64(binary.BigEndian.Uint32(d[2:]))
	end := len(b)
	if n > 0 {
		if n < 14 || n > uint64(len(b)-at) {
			return 0, errTruncated
		}
		end = at + int(n)
	} else if end >= 2 && b[end-2] == 0xff && b[end-1] == 0xd9 {
		end -= 2
	}
	t := j.tiles[k]
	if t == nil {
		t = &j2kTile{h: j.main.clone()}
		j.tiles[k] = t
	}
	for p := at + 12; p+2 <= end; {
		m := binary.BigEndian.Uint16(b[p:])
		if m == 0xff93 {
			t.data = append(t.data, b[p+2:end]...)
			return end, nil
		}
		if p+4 > end {
			break
		}
		l := int(binary.BigEndian.Uint16(b[p+2:]))
		if l < 2 || l > end-p-2 {
			break
		}
		if err := j.marker(t.h, m, b[p+4:p+2+l]); err != nil {
			return 0, err
		}
		p += 2 + l
	}
	return 0, errTruncated
}
