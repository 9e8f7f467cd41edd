package media

import (
	"errors"
	"fmt"
)

// huffman is a Huffman table: codes of length l are mincode[l] to maxcode[l],
// and their symbols start at first[l] (T.81, annex F.2.2.3).
type huffman struct {
	min, max [17]int // max is -1 for lengths without codes
	first    [17]int
	symbols  []byte
	fast     [256]uint16 // by the next 8 bits: length<<8 | symbol; 0: longer
}

var errJPEGData = errors.New("bad data")

// newHuffman reads a table from a DHT segment and returns the bytes it takes.
func newHuffman(d []byte) (*huffman, int, error) {
	h := &huffman{}
	code, n := 0, 0
	for l := 1; l <= 16; l++ {
		c := int(d[l-1])
		h.min[l], h.max[l], h.first[l] = code, code+c-1, n
		if c == 0 {
			h.max[l] = -1
		}
		code += c
		n += c
		if code > 1<<l {
			return nil, 0, errors.New("bad Huffman table")
		}
		code <<= 1
	}
	if n > 256 || len(d) < 16+n {
		return nil, 0, errors.New("bad Huffman table")
	}
	h.symbols = d[16 : 16+n]
	for l := 1; l <= 8; l++ {
		for c := h.min[l]; c <= h.max[l]; c++ {
			for f := range 1 << (8 - l) {
				h.fast[c<<(8-l)|f] = uint16(l)<<8 | uint16(h.symbols[h.first[l]+c-h.min[l]])
			}
		}
	}
	return h, 16 + n, nil
}

// fill reads bytes until at least n bits (up to 16) are there. At a marker it
// supplies zeros, as libjpeg does.
func (j *jpegFile) fill(n int) error {
	for j.nacc < n {
		if j.at >= len(j.b) {
			return errTruncated
		}
		v := j.b[j.at]
		if v == 0xff {
			if j.at+1 >= len(j.b) {
				return errTruncated
			}
			if j.b[j.at+1] == 0 {
				j.at += 2
			} else {
				v = 0 // a marker: stay there
			}
		} else {
			j.at++
		}
		j.acc |= uint32(v) << (24 - j.nacc)
		j.nacc += 8
	}
	return nil
}

// bits returns the next n bits, 0 to 16.
func (j *jpegFile) bits(n int) (int, error) {
	if n == 0 {
		return 0, nil
	}
	if err := j.fill(n); err != nil {
		return 0, err
	}
	v := int(j.acc >> (32 - n))
	j.acc <<= n
	j.nacc -= n
	return v, nil
}

// extend returns the signed value that n bits stand for (T.81, F.2.2.1).
func (j *jpegFile) extend(n int) (int, error) {
	v, err := j.bits(n)
	if n > 0 && v < 1<<(n-1) {
		v += 1 - 1<<n
	}
	return v, err
}

func (j *jpegFile) symbol(h *huffman) (int, error) {
	if err := j.fill(8); err != nil {
		return 0, err
	}
	if f := h.fast[j.acc>>24]; f != 0 {
		j.acc <<= f >> 8
		j.nacc -= int(f >> 8)
		return int(f & 255), nil
	}
	if err := j.fill(16); err != nil {
		return 0, err
	}
	for l := 9; l <= 16; l++ {
		c := int(j.acc >> (32 - l))
		if c <= h.max[l] && c >= h.min[l] {
			j.acc <<= l
			j.nacc -= l
			return int(h.symbols[h.first[l]+c-h.min[l]]), nil
		}
	}
	return 0, errJPEGData
}

// scan is the part of the coefficients that a scan holds.
type scan struct{ from, to, high, low int }

func (j *jpegFile) readScan(d []byte) error {
	if j.comps == nil {
		return errors.New("a scan comes before the frame")
	}
	if len(d) < 1 || len(d) < 4+2*int(d[0]) || d[0] < 1 || d[0] > 4 {
		return errTruncated
	}
	n := int(d[0])
	var comps []*jpegComp
	for i := range n {
		var c *jpegComp
		for _, k := range j.comps {
			if k.id == int(d[1+2*i]) {
				c = k
			}
		}
		if c == nil {
			return fmt.Errorf("a scan has component %d, which the frame lacks", d[1+2*i])
		}
		c.dc, c.ac, c.pred = int(d[2+2*i]>>4), int(d[2+2*i]&15), 0
		if c.dc > 3 || c.ac > 3 {
			return errJPEGData
		}
		comps = append(comps, c)
	}
	d = d[1+2*n:]
	s := scan{0, 63, 0, 0}
	if j.progressive {
		s = scan{int(d[0]), int(d[1]), int(d[2] >> 4), int(d[2] & 15)}
		if s.from > s.to || s.to > 63 || s.from == 0 && s.to != 0 || s.from > 0 && n > 1 || s.low > 13 || s.high > 13 {
			return fmt.Errorf("a scan has coefficients %d to %d, bits %d and %d", s.from, s.to, s.high, s.low)
		}
	}
	for _, c := range comps {
		if s.from == 0 && s.high == 0 && j.huff[0][c.dc] == nil || s.to > 0 && j.huff[1][c.ac] == nil {
			return errors.New("a Huffman table is missing")
		}
	}
	j.scans++
	j.acc, j.nacc, j.eobRun = 0, 0, 0
	return j.runScan(comps, s)
}

// runScan decodes the blocks of a scan, MCU by MCU.
func (j *jpegFile) runScan(comps []*jpegComp, s scan) error {
	c0 := comps[0]
	mw, mh := ceilDiv(c0.w, 8), ceilDiv(c0.rows, 8)
	if len(comps) > 1 {
		mw, mh = c0.bw/c0.h, c0.bh/c0.v
	}
	left := j.restart
	for my := range mh {
		if err := j.e.Tick(1 + mw); err != nil {
			return err
		}
		for mx := range mw {
			if j.restart > 0 && left == 0 {
				if err := j.readRestart(comps); err != nil {
					return err
				}
				left = j.restart
			}
			left--
			if len(comps) == 1 {
				if err := j.block(c0, my*c0.bw+mx, s); err != nil {
					return err
				}
				continue
			}
			for _, c := range comps {
				for k := range c.h * c.v {
					if err := j.block(c, (my*c.v+k/c.h)*c.bw+mx*c.h+k%c.h, s); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

func (j *jpegFile) readRestart(comps []*jpegComp) error {
	j.acc, j.nacc, j.eobRun = 0, 0, 0
	m, err := j.marker()
	if err != nil {
		return err
	}
	if m < 0xd0 || m > 0xd7 {
		return errJPEGData
	}
	for _, c := range comps {
		c.pred = 0
	}
	return nil
}

func (j *jpegFile) block(c *jpegComp, k int, s scan) error {
	b := c.coef[64*k : 64*k+64]
	switch {
	case !j.progressive:
		if err := j.dcFirst(c, b, 0); err != nil {
			return err
		}
		return j.acFirst(c, b, scan{1, 63, 0, 0})
	case s.from == 0 && s.high == 0:
		return j.dcFirst(c, b, s.low)
	case s.from == 0:
		v, err := j.bits(1)
		b[0] |= int16(v << s.low)
		return err
	case s.high == 0:
		return j.acFirst(c, b, s)
	}
	return j.acRefine(c, b, s)
}

func (j *jpegFile) dcFirst(c *jpegComp, b []int16, low int) error {
	n, err := j.symbol(j.huff[0][c.dc])
	if err != nil {
		return err
	}
	if n > 16 {
		return errJPEGData
	}
	v, err := j.extend(n)
	c.pred += v
	b[0] = int16(c.pred << low)
	return err
}

// acFirst decodes the AC coefficients of a block, of progressive files in their
// first scan (T.81, F.2.2.2 and G.1.2.2).
func (j *jpegFile) acFirst(c *jpegComp, b []int16, s scan) error {
	if j.eobRun > 0 {
		j.eobRun--
		return nil
	}
	for k := s.from; k <= s.to; k++ {
		sym, err := j.symbol(j.huff[1][c.ac])
		if err != nil {
			return err
		}
		run, n := sym>>4, sym&15
		if n == 0 {
			if run == 15 {
				k += 15
				continue
			}
			if run > 0 && !j.progressive {
				return errJPEGData
			}
			v, err := j.bits(run)
			j.eobRun = 1<<run + v - 1
			return err
		}
		if k += run; k > s.to {
			return errJPEGData
		}
		v, err := j.extend(n)
		if err != nil {
			return err
		}
		b[zigzag[k]] = int16(v << s.low)
	}
	return nil
}

// acRefine adds a bit to coefficients of earlier scans and finds new ones
// (T.81, G.1.2.3).
func (j *jpegFile) acRefine(c *jpegComp, b []int16, s scan) error {
	bit := int16(1) << s.low
	k := s.from
	if j.eobRun == 0 {
		for ; k <= s.to; k++ {
			sym, err := j.symbol(j.huff[1][c.ac])
			if err != nil {
				return err
			}
			run, n := sym>>4, sym&15
			var v int16
			switch {
			case n == 1:
				p, err := j.bits(1)
				if err != nil {
					return err
				}
				v = bit
				if p == 0 {
					v = -bit
				}
			case n > 1:
				return errJPEGData
			case run < 15:
				p, err := j.bits(run)
				if err != nil {
					return err
				}
				j.eobRun = 1<<run + p
			}
			if j.eobRun > 0 {
				break
			}
			if k, err = j.refine(b, k, s.to, run, bit); err != nil {
				return err
			}
			if v != 0 {
				if k > s.to {
					return errJPEGData
				}
				b[zigzag[k]] = v
			}
		}
	}
	if j.eobRun > 0 {
		j.eobRun--
		_, err := j.refine(b, k, s.to, -1, bit)
		return err
	}
	return nil
}

// refine passes over coefficients from k on, reading a bit for each that is not
// zero, until skip zeros are passed and another one is met (skip -1: to the
// end), and returns where.
func (j *jpegFile) refine(b []int16, k, to, skip int, bit int16) (int, error) {
	for ; k <= to; k++ {
		p := &b[zigzag[k]]
		if *p == 0 {
			if skip == 0 {
				return k, nil
			}
			skip--
			continue
		}
		v, err := j.bits(1)
		if err != nil {
			return k, err
		}
		if v == 1 && *p&bit == 0 {
			if *p > 0 {
				*p += bit
			} else {
				*p -= bit
			}
		}
	}
	return k, nil
}
