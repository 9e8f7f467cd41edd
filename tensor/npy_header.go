package tensor

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// parseNPYHeader parses the Python dict of an NPY header:
// {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }.
func parseNPYHeader(s string) (*npyHeader, error) {
	p := npyParser{s: s}
	h := &npyHeader{}
	seen := map[string]bool{}
	bad := func(err error) (*npyHeader, error) {
		return nil, fmt.Errorf("%w (header %q)", err, clip(s))
	}
	if err := p.expect('{'); err != nil {
		return bad(err)
	}
	for !p.accept('}') {
		key, err := p.text()
		if err == nil {
			err = p.expect(':')
		}
		if err == nil && seen[key] {
			err = fmt.Errorf("%w: key %q occurs twice", ErrNPY, key)
		}
		if err != nil {
			return bad(err)
		}
		seen[key] = true
		switch key {
		case "descr":
			if p.peek() == '[' {
				return bad(fmt.Errorf("%w: records are not supported", ErrNPY))
			}
			var descr string
			if descr, err = p.text(); err == nil {
				h.npyType, err = parseNPYType(descr)
			}
		case "fortran_order":
			h.fortran, err = p.bool()
		case "shape":
			h.dims, err = p.tuple()
		default:
			err = fmt.Errorf("%w: unknown key %q", ErrNPY, key)
		}
		if err != nil {
			return bad(err)
		}
		if !p.accept(',') && p.peek() != '}' {
			return bad(fmt.Errorf("%w: expected \",\" or \"}\"", ErrNPY))
		}
	}
	if strings.TrimSpace(p.s) != "" {
		return bad(fmt.Errorf("%w: text after the header", ErrNPY))
	}
	if len(seen) != 3 {
		return bad(fmt.Errorf("%w: descr, fortran_order and shape are needed", ErrNPY))
	}
	if err := h.measure(); err != nil {
		return nil, err
	}
	return h, nil
}

// measure sets the numbers of elements and bytes.
func (h *npyHeader) measure() error {
	n, ok := NumElements(h.dims)
	if !ok || n > maxInt/16 || h.size > 0 && n > (maxInt-64)/h.size {
		return fmt.Errorf("%w: %v does not fit memory", ErrShape, h)
	}
	if h.size == 0 && n > 1<<16 { // strings of no bytes: nothing in the file stands for them
		return fmt.Errorf("%w: %d empty strings", ErrNPY, n)
	}
	h.n, h.bytes = n, n*h.size
	return nil
}

// npyParser parses the little Python that NPY headers use.
type npyParser struct{ s string }

func (p *npyParser) peek() byte {
	p.s = strings.TrimLeft(p.s, " \t\r\n")
	if p.s == "" {
		return 0
	}
	return p.s[0]
}

func (p *npyParser) accept(c byte) bool {
	if p.peek() != c {
		return false
	}
	p.s = p.s[1:]
	return true
}

func (p *npyParser) expect(c byte) error {
	if !p.accept(c) {
		return fmt.Errorf("%w: expected %q", ErrNPY, c)
	}
	return nil
}

// text parses a quoted string without escapes.
func (p *npyParser) text() (string, error) {
	q := p.peek()
	if q != '\'' && q != '"' {
		return "", fmt.Errorf("%w: expected a string", ErrNPY)
	}
	end := strings.IndexByte(p.s[1:], q)
	if end < 0 {
		return "", fmt.Errorf("%w: a string does not end", ErrNPY)
	}
	s := p.s[1 : 1+end]
	p.s = p.s[end+2:]
	return s, nil
}

func (p *npyParser) bool() (bool, error) {
	p.peek()
	for _, x := range []string{"False", "True"} {
		if rest, ok := strings.CutPrefix(p.s, x); ok {
			p.s = rest
			return x == "True", nil
		}
	}
	return false, fmt.Errorf("%w: expected True or False", ErrNPY)
}

// tuple parses "()", "(3,)", "(3, 4)"; Python 2 wrote "3L".
func (p *npyParser) tuple() ([]int, error) {
	if err := p.expect('('); err != nil {
		return nil, err
	}
	dims := []int{}
	for !p.accept(')') {
		p.peek()
		end := 0
		for end < len(p.s) && p.s[end] >= '0' && p.s[end] <= '9' {
			end++
		}
		n, err := strconv.ParseInt(p.s[:end], 10, strconv.IntSize)
		if err != nil {
			return nil, fmt.Errorf("%w: dimension %d is no number that fits", ErrNPY, len(dims))
		}
		if len(dims) == maxRank {
			return nil, fmt.Errorf("%w: more than %d dimensions", ErrNPY, maxRank)
		}
		dims = append(dims, int(n))
		p.s = p.s[end:]
		p.accept('L')
		if !p.accept(',') && p.peek() != ')' {
			return nil, fmt.Errorf("%w: expected \",\" or \")\"", ErrNPY)
		}
	}
	return dims, nil
}

// utf32 returns the elements of a string tensor as NPY's Unicode of fixed width.
func utf32(t *Tensor) (descr string, data []byte, err error) {
	width := 1 // NumPy has no strings of width 0 in files that it writes
	for i := range t.Len() {
		s := t.Str(i)
		if !utf8.ValidString(s) || strings.HasSuffix(s, "\x00") {
			return "", nil, fmt.Errorf("%w: element %d, %q, is no text that NPY can hold", ErrNPY, i, clip(s))
		}
		width = max(width, utf8.RuneCountInString(s))
	}
	if width > maxInt/4/max(t.Len(), 1) {
		return "", nil, fmt.Errorf("%w: %v with strings of %d", ErrShape, t, width)
	}
	data = make([]byte, 4*width*t.Len())
	for i := range t.Len() {
		at := 4 * width * i
		for _, r := range t.Str(i) {
			binary.LittleEndian.PutUint32(data[at:], uint32(r))
			at += 4
		}
	}
	return "<U" + strconv.Itoa(width), data, nil
}
