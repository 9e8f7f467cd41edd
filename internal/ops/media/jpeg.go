package media

import (
	"errors"
	"fmt"

	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// jpegComp is a colour component of a JPEG image.
type jpegComp struct {
	id, h, v, tq int
	w, rows      int // size in samples
	bw, bh       int // size in blocks, up to whole MCUs
	coef         []int16
	plane        []byte // decoded samples, 8*bw a row
	dc, ac       int    // tables of the scan
	pred         int
}

// jpegFile decodes baseline, extended and progressive JPEG with Huffman coding
// (ITU-T T.81), 8 bits a sample. All coefficients are kept until the last scan
// is read.
type jpegFile struct {
	e           *op.Eval
	b           []byte
	at          int
	w, h        int
	progressive bool
	comps       []*jpegComp
	hmax, vmax  int
	quant       [4][64]int
	quantSet    [4]bool
	huff        [2][4]*huffman // DC, AC
	restart     int
	jfif, adobe bool
	transform   byte // of the Adobe marker
	scans       int

	acc    uint32 // bits read ahead, left-aligned
	nacc   int
	eobRun int
}

// zigzag is the place of the k-th coefficient of a scan in a block (T.81, figure 5).
var zigzag = [64]uint8{
	0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5,
	12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
	35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
	58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
}

func decodeJPEG(e *op.Eval, b []byte) (*pixels, error) {
	j := &jpegFile{e: e, b: b, at: 2}
	for {
		m, err := j.marker()
		if err != nil {
			return nil, err
		}
		if m == 0xd9 {
			break
		}
		if err := j.segment(m); err != nil {
			return nil, err
		}
	}
	if j.scans == 0 {
		return nil, errors.New("there is no scan")
	}
	return j.finish()
}

// marker finds the next marker.
func (j *jpegFile) marker() (byte, error) {
	for j.at+1 < len(j.b) {
		if j.b[j.at] == 0xff && j.b[j.at+1] != 0 && j.b[j.at+1] != 0xff {
			j.at += 2
			return j.b[j.at-1], nil
		}
		j.at++
	}
	return 0, errTruncated
}

func (j *jpegFile) segment(m byte) error {
	if m >= 0xd0 && m <= 0xd8 || m == 0x01 {
		return nil // no length: restart, start, temporary
	}
	if j.at+2 > len(j.b) {
		return errTruncated
	}
	n := int(j.b[j.at])<<8 | int(j.b[j.at+1])
	if n < 2 || n > len(j.b)-j.at {
		return errTruncated
	}
	d := j.b[j.at+2 : j.at+n]
	j.at += n
	switch {
	case m == 0xdb:
		return j.readQuant(d)
	case m == 0xc4:
		return j.readHuffman(d)
	case m == 0xdd:
		if len(d) < 2 {
			return errTruncated
		}
		j.restart = int(d[0])<<8 | int(d[1])
	case m == 0xe0:
		j.jfif = j.jfif || len(d) >= 5 && string(d[:5]) == "JFIF\x00"
	case m == 0xee:
		if len(d) >= 12 && string(d[:5]) == "Adobe" {
			j.adobe, j.transform = true, d[11]
		}
	case m == 0xc0 || m == 0xc1 || m == 0xc2:
		j.progressive = m == 0xc2
		return j.readFrame(d)
	case m == 0xda:
		return j.readScan(d)
	case m >= 0xc3 && m <= 0xcf:
		return fmt.Errorf("process %d (lossless, hierarchical or arithmetic coding) can't be decoded", m-0xc0)
	}
	return nil
}

func (j *jpegFile) readQuant(d []byte) error {
	for len(d) > 0 {
		wide, t := int(d[0]>>4), d[0]&15
		size := 64 * (1 + wide)
		if t > 3 || wide > 1 || len(d) < 1+size {
			return errors.New("bad quantization table")
		}
		for k := range 64 {
			v := int(d[1+k*(1+wide)])
			if wide == 1 {
				v = v<<8 | int(d[2+2*k])
			}
			j.quant[t][zigzag[k]] = v
		}
		j.quantSet[t] = true
		d = d[1+size:]
	}
	return nil
}

func (j *jpegFile) readHuffman(d []byte) error {
	for len(d) > 0 {
		if len(d) < 17 || d[0]>>4 > 1 || d[0]&15 > 3 {
			return errors.New("bad Huffman table")
		}
		h, n, err := newHuffman(d[1:])
		if err != nil {
			return err
		}
		j.huff[d[0]>>4][d[0]&15] = h
		d = d[1+n:]
	}
	return nil
}

func (j *jpegFile) readFrame(d []byte) error {
	if j.comps != nil {
		return errors.New("there are two frames")
	}
	if len(d) < 6 || len(d) < 6+3*int(d[5]) {
		return errTruncated
	}
	if d[0] != 8 {
		return fmt.Errorf("%d bits a sample can't be decoded, only 8", d[0])
	}
	j.h, j.w = int(d[1])<<8|int(d[2]), int(d[3])<<8|int(d[4])
	n := int(d[5])
	if n != 1 && n != 3 && n != 4 {
		return fmt.Errorf("%d components", n)
	}
	if err := checkSize(j.w, j.h); err != nil {
		return err
	}
	for i := range n {
		c := &jpegComp{id: int(d[6+3*i]), h: int(d[7+3*i] >> 4), v: int(d[7+3*i] & 15), tq: int(d[8+3*i])}
		if c.h < 1 || c.h > 4 || c.v < 1 || c.v > 4 || c.tq > 3 {
			return fmt.Errorf("component %d has factors %d, %d and table %d", c.id, c.h, c.v, c.tq)
		}
		j.hmax, j.vmax = max(j.hmax, c.h), max(j.vmax, c.v)
		j.comps = append(j.comps, c)
	}
	return j.layout()
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }

// layout sizes the components.
func (j *jpegFile) layout() error {
	mw, mh := ceilDiv(j.w, 8*j.hmax), ceilDiv(j.h, 8*j.vmax)
	for _, c := range j.comps {
		if j.hmax%c.h != 0 || j.vmax%c.v != 0 {
			return fmt.Errorf("component %d has factors %d, %d of %d, %d, which don't divide", c.id, c.h, c.v, j.hmax, j.vmax)
		}
		c.w, c.rows = ceilDiv(j.w*c.h, j.hmax), ceilDiv(j.h*c.v, j.vmax)
		c.bw, c.bh = mw*c.h, mh*c.v
		if c.bw*c.bh/8 > len(j.b) { // a block takes a bit at least
			return errTruncated
		}
		t, err := j.e.Temp(tensor.Int16, c.bh, c.bw, 64)
		if err != nil {
			return err
		}
		c.coef = tensor.Of[int16](t)
	}
	return nil
}

// finish makes pixels of the coefficients.
func (j *jpegFile) finish() (*pixels, error) {
	for _, c := range j.comps {
		if !j.quantSet[c.tq] {
			return nil, fmt.Errorf("quantization table %d is missing", c.tq)
		}
		if err := c.inverse(j.e, &j.quant[c.tq]); err != nil {
			return nil, err
		}
	}
	ch := 3
	if len(j.comps) == 1 {
		ch = 1
	}
	p, err := newPixels(j.e, j.w, j.h, ch)
	if err != nil {
		return nil, err
	}
	rows := make([][]byte, len(j.comps))
	for i, c := range j.comps {
		rows[i] = make([]byte, c.w*(j.hmax/c.h)+j.hmax)
	}
	convert := j.converter()
	for y := range j.h {
		if err := j.e.Tick(j.w); err != nil {
			return nil, err
		}
		for i, c := range j.comps {
			c.upsample(rows[i], y, j.hmax/c.h, j.vmax/c.v)
		}
		convert(p.pix[y*j.w*ch:(y+1)*j.w*ch], rows)
	}
	return p, nil
}

// converter chooses the colour transform as libjpeg does: by the JFIF and
// Adobe markers, then by the components' identifiers.
func (j *jpegFile) converter() func(dst []byte, rows [][]byte) {
	switch len(j.comps) {
	case 1:
		return func(dst []byte, rows [][]byte) { copy(dst, rows[0]) }
	case 4:
		return func(dst []byte, rows [][]byte) { cmykRow(dst, rows, j.adobe && j.transform == 2) }
	}
	c := j.comps
	rgb := c[0].id == 'R' && c[1].id == 'G' && c[2].id == 'B'
	if j.jfif {
		rgb = false
	} else if j.adobe {
		rgb = j.transform == 0
	}
	if rgb {
		return func(dst []byte, rows [][]byte) {
			for x := range len(dst) / 3 {
				dst[3*x], dst[3*x+1], dst[3*x+2] = rows[0][x], rows[1][x], rows[2][x]
			}
		}
	}
	return func(dst []byte, rows [][]byte) {
		for x := range len(dst) / 3 {
			dst[3*x], dst[3*x+1], dst[3*x+2] = yccToRGB(int(rows[0][x]), int(rows[1][x]), int(rows[2][x]))
		}
	}
}
