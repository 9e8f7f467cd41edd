package media

import (
	"errors"
	"fmt"
	"math"

	"github.com/walnut-ai/walnut/internal/op"
)

// decodePNM decodes the formats of Netpbm: P1 to P3 (text) and P4 to P6
// (binary): bitmaps, grey and RGB. Samples are scaled to 255.
func decodePNM(e *op.Eval, b []byte) (*pixels, error) {
	s := &pnm{b: b, at: 2}
	kind := b[1] - '0'
	w, h, limit := s.number(), s.number(), 1
	if kind != 1 && kind != 4 {
		limit = s.number()
	}
	if s.err != nil {
		return nil, s.err
	}
	if limit < 1 || limit > 65535 {
		return nil, fmt.Errorf("largest value %d, must be 1 to 65535", limit)
	}
	if err := checkSize(w, h); err != nil {
		return nil, err
	}
	ch := 1
	if kind == 3 || kind == 6 {
		ch = 3
	}
	if kind > 3 {
		s.at++ // one white space before the samples
	}
	if need := s.need(kind, w, h, ch, limit); need > len(b)-s.at {
		return nil, errTruncated
	}
	p, err := newPixels(e, w, h, ch)
	if err != nil {
		return nil, err
	}
	for y := range h {
		if err := e.Tick(w); err != nil {
			return nil, err
		}
		s.row(p.pix[y*w*ch:(y+1)*w*ch], kind, limit)
	}
	return p, s.err
}

// pnm reads a file from position at.
type pnm struct {
	b   []byte
	at  int
	err error
}

// need returns the least bytes that the samples take.
func (s *pnm) need(kind byte, w, h, ch, limit int) int {
	switch {
	case kind < 4:
		return w * h * ch
	case kind == 4:
		return (w + 7) / 8 * h
	case limit > 255:
		return 2 * w * h * ch
	}
	return w * h * ch
}

func (s *pnm) row(dst []byte, kind byte, limit int) {
	scale := func(v int) byte {
		if limit == 255 {
			return byte(min(v, 255))
		}
		return byte(math.RoundToEven(float64(min(v, limit)) / float64(limit) * 255))
	}
	for x := range dst {
		switch {
		case kind == 1:
			dst[x] = 255 * (1 - s.bit())
		case kind == 4:
			dst[x] = 255 * (1 - s.b[s.at+x/8]>>(7-x%8)&1)
		case kind < 4:
			dst[x] = scale(s.number())
		case limit > 255:
			dst[x] = scale(int(s.b[s.at+2*x])<<8 | int(s.b[s.at+2*x+1]))
		default:
			dst[x] = scale(int(s.b[s.at+x]))
		}
	}
	switch {
	case kind == 4:
		s.at += (len(dst) + 7) / 8
	case kind > 4 && limit > 255:
		s.at += 2 * len(dst)
	case kind > 4:
		s.at += len(dst)
	}
}

// skip moves over white space and comments.
func (s *pnm) skip() {
	for s.at < len(s.b) {
		switch s.b[s.at] {
		case ' ', '\t', '\n', '\v', '\f', '\r':
			s.at++
		case '#':
			for s.at < len(s.b) && s.b[s.at] != '\n' && s.b[s.at] != '\r' {
				s.at++
			}
		default:
			return
		}
	}
}

// number reads a decimal number of at most nine digits.
func (s *pnm) number() int {
	s.skip()
	v, from := 0, s.at
	for s.at < len(s.b) && s.b[s.at] >= '0' && s.b[s.at] <= '9' && s.at-from < 9 {
		v = 10*v + int(s.b[s.at]-'0')
		s.at++
	}
	if s.at == from && s.err == nil {
		s.err = errors.New("a number is missing")
		if s.at >= len(s.b) {
			s.err = errTruncated
		}
	}
	return v
}

// bit reads a digit 0 or 1; digits need no space between them.
func (s *pnm) bit() byte {
	s.skip()
	if s.at >= len(s.b) || s.b[s.at] != '0' && s.b[s.at] != '1' {
		if s.err == nil {
			s.err = errors.New("a bit is missing")
		}
		return 0
	}
	s.at++
	return s.b[s.at-1] - '0'
}
