// Package text holds the operators on strings: ai.onnx's and, from
// com.microsoft, Tokenizer and MurmurHash3. Case and white space follow the
// Unicode tables of the Go library, whatever the locale of the machine.
package text

import (
	"fmt"
	"io"
	"regexp"
	"regexp/syntax"
	"strings"
	"unsafe"

	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// Table lists the operators of this package.
var Table = []*op.Def{
	murmurHash3Def,
	regexFullMatchDef,
	stringConcatDef,
	stringNormalizerDef,
	stringSplitDef,
	tfIdfVectorizerDef,
	tokenizerDef,
}

// reserve counts n bytes of text against the run's memory budget before they
// are made.
func reserve(e *op.Eval, n int) error {
	if n < 0 {
		return fmt.Errorf("%w: more text than an int counts", op.ErrBudget)
	}
	return e.Charge(n, 1)
}

// Bounds of regular expressions: what they compile to takes a multiple of their
// text, repeats up to a thousand times.
const (
	maxPattern = 16 << 10
	maxProgram = 1 << 17 // instructions
	maxWork    = 1 << 30 // instructions times bytes, without polling
)

// expression is a regular expression of a model, size its instructions.
type expression struct {
	*regexp.Regexp
	size int
}

func compile(p string) (expression, error) {
	if len(p) > maxPattern {
		return expression{}, fmt.Errorf("regular expression of %d bytes, at most %d are allowed", len(p), maxPattern)
	}
	r, err := syntax.Parse(p, syntax.Perl)
	if err != nil {
		return expression{}, err
	}
	prog, err := syntax.Compile(r.Simplify())
	if err != nil || len(prog.Inst) > maxProgram {
		return expression{}, fmt.Errorf("regular expression %.60q is too large once its repeats are written out", p)
	}
	re, err := regexp.Compile(p)
	return expression{re, len(prog.Inst)}, err
}

// ticker reads a string and polls for cancellation.
type ticker struct {
	strings.Reader
	e   *op.Eval
	n   int
	err error
}

// ReadRune implements io.RuneReader.
func (t *ticker) ReadRune() (rune, int, error) {
	if t.n++; t.n%512 == 0 {
		if t.err = t.e.Tick(32); t.err != nil {
			return 0, 0, io.EOF
		}
	}
	return t.Reader.ReadRune()
}

// eachMatch calls f for every match of re in s that is not empty; it polls for
// cancellation, since each may look at all of s.
func eachMatch(e *op.Eval, re expression, s string, f func(lo, hi int)) (err error) {
	type stop struct{}
	if len(s) > maxWork/re.size {
		return fmt.Errorf("%w: regular expression of %d instructions on %d bytes", op.ErrBudget, re.size, len(s))
	}
	defer func() {
		if r := recover(); r != nil && r != (stop{}) {
			panic(r)
		}
	}()
	re.ReplaceAllStringFunc(s, func(m string) string {
		if err = e.Tick(1); err != nil {
			panic(stop{})
		}
		if m != "" {
			lo := int(uintptr(unsafe.Pointer(unsafe.StringData(m))) - uintptr(unsafe.Pointer(unsafe.StringData(s))))
			f(lo, lo+len(m))
		}
		return ""
	})
	return err
}

// setPadded makes output 0 of rows with the shape dims plus an axis as long as
// the longest row; shorter rows are filled up with pad.
func setPadded(e *op.Eval, dims []int, rows [][]string, pad string) error {
	width := 0
	for _, r := range rows {
		width = max(width, len(r))
	}
	out := append(append([]int{}, dims...), width)
	if _, err := e.Temp(tensor.String, out...); err != nil {
		return err
	}
	if pad != "" {
		holes := 0
		for _, r := range rows {
			holes += width - len(r)
		}
		if holes > (1<<31-1)/len(pad) {
			return fmt.Errorf("%w: %d copies of the padding", op.ErrBudget, holes)
		}
		if err := reserve(e, holes*len(pad)); err != nil {
			return err
		}
	}
	all := make([]string, 0, width*len(rows))
	for _, r := range rows {
		all = append(all, r...)
		for range width - len(r) {
			all = append(all, pad)
		}
	}
	return e.SetStrings(0, out, all)
}
