package media

// mqState is a row of the probability table of the MQ coder (ITU-T T.800, table C.2).
type mqState struct {
	qe         uint32
	mps, lps   uint8
	switchOver bool
}

var mqStates = [47]mqState{
	{0x5601, 1, 1, true}, {0x3401, 2, 6, false}, {0x1801, 3, 9, false}, {0x0ac1, 4, 12, false}, {0x0521, 5, 29, false}, {0x0221, 38, 33, false},
	{0x5601, 7, 6, true}, {0x5401, 8, 14, false}, {0x4801, 9, 14, false}, {0x3801, 10, 14, false}, {0x3001, 11, 17, false}, {0x2401, 12, 18, false},
	{0x1c01, 13, 20, false}, {0x1601, 29, 21, false}, {0x5601, 15, 14, true}, {0x5401, 16, 14, false}, {0x5101, 17, 15, false}, {0x4801, 18, 16, false},
	{0x3801, 19, 17, false}, {0x3401, 20, 18, false}, {0x3001, 21, 19, false}, {0x2801, 22, 19, false}, {0x2401, 23, 20, false}, {0x2201, 24, 21, false},
	{0x1c01, 25, 22, false}, {0x1801, 26, 23, false}, {0x1601, 27, 24, false}, {0x1401, 28, 25, false}, {0x1201, 29, 26, false}, {0x1101, 30, 27, false},
	{0x0ac1, 31, 28, false}, {0x09c1, 32, 29, false}, {0x08a1, 33, 30, false}, {0x0521, 34, 31, false}, {0x0441, 35, 32, false}, {0x02a1, 36, 33, false},
	{0x0221, 37, 34, false}, {0x0141, 38, 35, false}, {0x0111, 39, 36, false}, {0x0085, 40, 37, false}, {0x0049, 41, 38, false}, {0x0025, 42, 39, false},
	{0x0015, 43, 40, false}, {0x0009, 44, 41, false}, {0x0005, 45, 42, false}, {0x0001, 45, 43, false}, {0x5601, 46, 46, false},
}

// Contexts of the coder: 0 to 8 significance, 9 to 13 sign, 14 to 16 refinement.
const (
	ctxSign    = 9
	ctxRefine  = 14
	ctxRun     = 17
	ctxUniform = 18
)

// mq is the arithmetic decoder (T.800, annex C.3).
type mq struct {
	b    []byte
	at   int
	c, a uint32
	ct   int
	idx  [19]uint8
	mps  [19]uint8
}

func newMQ(b []byte) *mq {
	m := &mq{b: b}
	m.reset()
	m.c = uint32(m.byteAt(0)) << 16
	m.fill()
	m.c <<= 7
	m.ct -= 7
	m.a = 0x8000
	return m
}

func (m *mq) reset() {
	m.idx, m.mps = [19]uint8{}, [19]uint8{}
	m.idx[0], m.idx[ctxRun], m.idx[ctxUniform] = 4, 3, 46
}

func (m *mq) byteAt(i int) byte {
	if i < len(m.b) {
		return m.b[i]
	}
	return 0xff
}

func (m *mq) fill() {
	if m.byteAt(m.at) == 0xff {
		next := m.byteAt(m.at + 1)
		if next > 0x8f {
			m.c += 0xff00
			m.ct = 8
			return
		}
		m.at++
		m.c += uint32(next) << 9
		m.ct = 7
		return
	}
	m.at++
	m.c += uint32(m.byteAt(m.at)) << 8
	m.ct = 8
}

func (m *mq) bit(ctx int) int {
	s := &mqStates[m.idx[ctx]]
	d := m.mps[ctx]
	m.a -= s.qe
	if m.c>>16 < s.qe {
		if m.a < s.qe {
			m.idx[ctx] = s.mps
		} else {
			d ^= 1
			m.lose(ctx, s)
		}
		m.a = s.qe
	} else {
		m.c -= s.qe << 16
		if m.a&0x8000 != 0 {
			return int(d)
		}
		if m.a < s.qe {
			d ^= 1
			m.lose(ctx, s)
		} else {
			m.idx[ctx] = s.mps
		}
	}
	for {
		if m.ct == 0 {
			m.fill()
		}
		m.a <<= 1
		m.c <<= 1
		m.ct--
		if m.a&0x8000 != 0 {
			return int(d)
		}
	}
}

func (m *mq) lose(ctx int, s *mqState) {
	if s.switchOver {
		m.mps[ctx] ^= 1
	}
	m.idx[ctx] = s.lps
}

// Flags of a coefficient.
const (
	flagSig  = 1 << iota // significant
	flagNeg              // negative
	flagSeen             // coded in this bit-plane's first pass
	flagRef              // refined before
)

// Styles of code-blocks (T.800, table A.19).
const (
	styleReset  = 0x02
	styleCausal = 0x08
	styleSymbol = 0x20
)

// blockCoder decodes the bit-planes of a code-block (T.800, annex D). Values
// have one fraction bit, set to the middle of what is not decoded.
type blockCoder struct {
	m      *mq
	w, h   int
	orient int
	causal bool
	flags  []uint8 // with a border of one
	data   []int32
}

// decodeBlock returns the coefficients of a block of w x h, whose first pass is
// in bit-plane planes-1. orient is 0 for LL, 1 HL, 2 LH, 3 HH.
func decodeBlock(b []byte, w, h, orient, planes, passes int, style byte) []int32 {
	c := &blockCoder{m: newMQ(b), w: w, h: h, orient: orient, causal: style&styleCausal != 0,
		flags: make([]uint8, (w+2)*(h+2)), data: make([]int32, w*h)}
	kind := 2 // the first pass is a cleanup
	for range passes {
		if planes < 1 {
			break
		}
		one := int32(1) << planes
		switch kind {
		case 0:
			c.significance(one)
		case 1:
			c.refinement(one)
		default:
			c.cleanup(one)
			if style&styleSymbol != 0 {
				for range 4 {
					c.m.bit(ctxUniform)
				}
			}
		}
		if style&styleReset != 0 {
			c.m.reset()
		}
		if kind++; kind == 3 {
			kind = 0
			planes--
		}
	}
	return c.data
}

// scan calls f for each coefficient in the order of stripes of four rows.
func (c *blockCoder) scan(f func(x, y, p int)) {
	for y0 := 0; y0 < c.h; y0 += 4 {
		for x := range c.w {
			for y := y0; y < min(y0+4, c.h); y++ {
				f(x, y, (y+1)*(c.w+2)+x+1)
			}
		}
	}
}

// near returns the flags around p: left, right, up, down, and the diagonals.
func (c *blockCoder) near(y, p int) (n [8]uint8) {
	f, s := c.flags, c.w+2
	n = [8]uint8{f[p-1], f[p+1], f[p-s], f[p+s], f[p-s-1], f[p-s+1], f[p+s-1], f[p+s+1]}
	if c.causal && y%4 == 3 {
		n[3], n[6], n[7] = 0, 0, 0
	}
	return n
}

func (c *blockCoder) zeroContext(n [8]uint8) int {
	h := int(n[0]&1) + int(n[1]&1)
	v := int(n[2]&1) + int(n[3]&1)
	d := int(n[4]&1) + int(n[5]&1) + int(n[6]&1) + int(n[7]&1)
	if c.orient == 3 {
		hv := min(h+v, 2)
		switch {
		case d >= 3:
			return 8
		case d == 2:
			return 6 + min(hv, 1)
		case d == 1:
			return 3 + hv
		}
		return hv
	}
	if c.orient == 1 {
		h, v = v, h
	}
	switch {
	case h == 2:
		return 8
	case h == 1 && v > 0:
		return 7
	case h == 1:
		return 5 + min(d, 1)
	case v > 0:
		return 2 + v
	}
	return min(d, 2)
}

// sign decodes the sign of a coefficient that becomes significant.
func (c *blockCoder) sign(x, y, p int, one int32) {
	n := c.near(y, p)
	side := func(f uint8) int {
		switch f & (flagSig | flagNeg) {
		case flagSig:
			return 1
		case flagSig | flagNeg:
			return -1
		}
		return 0
	}
	h := min(max(side(n[0])+side(n[1]), -1), 1)
	v := min(max(side(n[2])+side(n[3]), -1), 1)
	flip := 0
	if h < 0 || h == 0 && v < 0 {
		h, v, flip = -h, -v, 1
	}
	ctx := ctxSign + 3*h + v
	if h == 0 {
		ctx = ctxSign + v
	}
	value := one | one>>1
	c.flags[p] |= flagSig
	if c.m.bit(ctx)^flip == 1 {
		c.flags[p] |= flagNeg
		value = -value
	}
	c.data[y*c.w+x] = value
}

func (c *blockCoder) significance(one int32) {
	c.scan(func(x, y, p int) {
		if c.flags[p]&flagSig != 0 {
			return
		}
		ctx := c.zeroContext(c.near(y, p))
		if ctx == 0 {
			return
		}
		c.flags[p] |= flagSeen
		if c.m.bit(ctx) == 1 {
			c.sign(x, y, p, one)
		}
	})
}

func (c *blockCoder) refinement(one int32) {
	c.scan(func(x, y, p int) {
		if c.flags[p]&(flagSig|flagSeen) != flagSig {
			return
		}
		ctx := ctxRefine + 2
		if c.flags[p]&flagRef == 0 {
			ctx = ctxRefine
			if c.zeroContext(c.near(y, p)) > 0 {
				ctx++
			}
		}
		c.flags[p] |= flagRef
		d := one >> 1
		if c.m.bit(ctx) == 0 {
			d = -d
		}
		if v := &c.data[y*c.w+x]; *v < 0 {
			*v -= d
		} else {
			*v += d
		}
	})
}

func (c *blockCoder) cleanup(one int32) {
	for y0 := 0; y0 < c.h; y0 += 4 {
		for x := range c.w {
			y := y0
			run := false // the coefficient at y is known to be significant
			if y0+4 <= c.h && c.quiet(x, y0) {
				if c.m.bit(ctxRun) == 0 {
					continue
				}
				y += c.m.bit(ctxUniform) << 1
				y += c.m.bit(ctxUniform)
				run = true
			}
			for ; y < min(y0+4, c.h); y++ {
				p := (y+1)*(c.w+2) + x + 1
				if run || c.flags[p]&(flagSig|flagSeen) == 0 && c.m.bit(c.zeroContext(c.near(y, p))) == 1 {
					c.sign(x, y, p, one)
				}
				run = false
			}
		}
	}
	for p := range c.flags {
		c.flags[p] &^= flagSeen
	}
}

// quiet reports whether a column of four has nothing significant in or around it.
func (c *blockCoder) quiet(x, y0 int) bool {
	for y := y0; y < y0+4; y++ {
		p := (y+1)*(c.w+2) + x + 1
		if c.flags[p]&(flagSig|flagSeen) != 0 || c.zeroContext(c.near(y, p)) > 0 {
			return false
		}
	}
	return true
}
