package media

import (
	"errors"
	"math/bits"
	"sort"
)

// j2kBlock is a code-block with what the packets have brought for it.
type j2kBlock struct {
	x0, y0, x1, y1 int // in the band
	included       bool
	zero           int // bit-planes without data
	lblock         int
	passes         int
	data           []byte
}

// j2kBand is a subband of a resolution.
type j2kBand struct {
	orient         int
	x0, y0, x1, y1 int
	planes         int
	step           float32
	xoff, yoff     int // in the plane of the component
}

// j2kArea is the part of a band that belongs to a precinct.
type j2kArea struct {
	band       *j2kBand
	cw, ch     int
	blocks     []*j2kBlock
	incl, zero *tagTree
}

// j2kPrecinct is a precinct of a resolution of a component.
type j2kPrecinct struct {
	comp, res, index int
	x, y             int // on the reference grid, for the order of packets
	areas            []*j2kArea
	layer            int // next one
}

// tagTree is a quad-tree of minima (T.800, annex B.10.2).
type tagTree struct {
	w, h  []int
	value [][]int
	low   [][]int
}

const tagUnknown = 1 << 30

func newTagTree(w, h int) *tagTree {
	t := &tagTree{}
	for {
		v, l := make([]int, w*h), make([]int, w*h)
		for i := range v {
			v[i] = tagUnknown
		}
		t.w, t.h, t.value, t.low = append(t.w, w), append(t.h, h), append(t.value, v), append(t.low, l)
		if w <= 1 && h <= 1 {
			return t
		}
		w, h = (w+1)/2, (h+1)/2
	}
}

// below reads bits until it is known whether the value at x, y is less than limit.
func (t *tagTree) below(r *packetBits, x, y, limit int) bool {
	low := 0
	for l := len(t.w) - 1; l >= 0; l-- {
		k := (y>>l)*t.w[l] + x>>l
		v, p := &t.value[l][k], &t.low[l][k]
		*p = max(*p, low)
		for *p < limit && *p < *v {
			if r.bit() == 1 {
				*v = *p
			} else {
				*p++
			}
		}
		low = *p
	}
	return t.value[0][y*t.w[0]+x] < limit
}

// packetBits reads a packet header, where a bit follows each byte 0xff.
type packetBits struct {
	b    []byte
	at   int
	cur  byte
	left int
	err  error
}

func (r *packetBits) bit() int {
	if r.left == 0 {
		stuffed := r.cur == 0xff
		if r.at >= len(r.b) {
			r.err = errTruncated
			r.cur, r.left = 0, 8
		} else {
			r.cur, r.left = r.b[r.at], 8
			r.at++
		}
		if stuffed {
			r.left = 7
		}
	}
	r.left--
	return int(r.cur>>r.left) & 1
}

func (r *packetBits) bits(n int) int {
	v := 0
	for range n {
		v = v<<1 | r.bit()
	}
	return v
}

// end returns the position after the header.
func (r *packetBits) end() int {
	if r.cur == 0xff {
		r.at++ // the stuffed bit has a byte of its own
	}
	return min(r.at, len(r.b))
}

// passes reads a number of coding passes (T.800, table B.4).
func (r *packetBits) passes() int {
	if r.bit() == 0 {
		return 1
	}
	if r.bit() == 0 {
		return 2
	}
	if v := r.bits(2); v < 3 {
		return 3 + v
	}
	if v := r.bits(5); v < 31 {
		return 6 + v
	}
	return 37 + r.bits(7)
}

// packet reads one packet of p from b and returns what follows.
func (p *j2kPrecinct) packet(h *j2kHeader, b []byte) ([]byte, error) {
	if h.sop && len(b) >= 6 && b[0] == 0xff && b[1] == 0x91 {
		b = b[6:]
	}
	if len(b) == 0 {
		return nil, errTruncated
	}
	type piece struct {
		blk *j2kBlock
		n   int
	}
	var pieces []piece
	r := &packetBits{b: b}
	if r.bit() == 1 {
		for _, a := range p.areas {
			for i, k := range a.blocks {
				n, err := k.header(r, a, i%a.cw, i/a.cw, p.layer)
				if err != nil {
					return nil, err
				}
				if n >= 0 {
					pieces = append(pieces, piece{k, n})
				}
			}
		}
	}
	p.layer++
	if r.err != nil {
		return nil, r.err
	}
	b = b[r.end():]
	if h.eph && len(b) >= 2 && b[0] == 0xff && b[1] == 0x92 {
		b = b[2:]
	}
	for _, c := range pieces {
		if c.n > len(b) {
			return nil, errTruncated
		}
		c.blk.data = append(c.blk.data, b[:c.n]...)
		b = b[c.n:]
	}
	return b, nil
}

// header reads what a packet says of a block: bytes of data, -1 if none.
func (k *j2kBlock) header(r *packetBits, a *j2kArea, x, y, layer int) (int, error) {
	if k.included {
		if r.bit() == 0 {
			return -1, nil
		}
	} else {
		if !a.incl.below(r, x, y, layer+1) {
			return -1, nil
		}
		k.included, k.lblock = true, 3
		for !a.zero.below(r, x, y, k.zero+1) {
			if k.zero++; k.zero > 64 {
				return 0, errors.New("a code-block has too few bit-planes")
			}
		}
	}
	n := r.passes()
	k.passes += n
	for r.bit() == 1 {
		if k.lblock++; k.lblock > 31 {
			return 0, errors.New("a code-block is too long")
		}
	}
	size := k.lblock + bits.Len(uint(n)) - 1
	if size > 31 {
		return 0, errors.New("a code-block is too long")
	}
	return r.bits(size), nil
}

// readPackets reads all packets of a tile in the order of its progression.
func (j *j2k) readPackets(t *j2kTile, all []*j2kPrecinct) error {
	h := t.h
	key := func(p *j2kPrecinct) [5]int {
		switch h.prog {
		case 0, 1: // layer or resolution first, then component and precinct
			return [5]int{p.res, p.comp, p.index}
		case 2:
			return [5]int{p.res, p.y, p.x, p.comp, p.index}
		case 3:
			return [5]int{p.y, p.x, p.comp, p.res, p.index}
		}
		return [5]int{p.comp, p.y, p.x, p.res, p.index}
	}
	sort.SliceStable(all, func(a, b int) bool {
		x, y := key(all[a]), key(all[b])
		for i := range x {
			if x[i] != y[i] {
				return x[i] < y[i]
			}
		}
		return false
	})
	b := t.data
	var err error
	read := func(p *j2kPrecinct) error {
		if err := j.e.Tick(1); err != nil {
			return err
		}
		b, err = p.packet(h, b)
		return err
	}
	if h.prog == 0 { // LRCP
		for range h.layers {
			for _, p := range all {
				if err := read(p); err != nil {
					return err
				}
			}
		}
		return nil
	}
	for i := 0; i < len(all); {
		n := i + 1
		if h.prog == 1 { // RLCP: the layers of a whole resolution
			for n < len(all) && all[n].res == all[i].res {
				n++
			}
		}
		for range h.layers {
			for _, p := range all[i:n] {
				if err := read(p); err != nil {
					return err
				}
			}
		}
		i = n
	}
	return nil
}
