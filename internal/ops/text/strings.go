package text

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// stringConcat is StringConcat: x followed by y, element by element, with broadcasting.
type stringConcat struct{}

var stringConcatDef = &op.Def{Name: "StringConcat", New: func(*op.Args) (op.Op, error) { return stringConcat{}, nil }}

func (stringConcat) Infer(c *op.Infer) error {
	s, err := c.Broadcast(c.Shape(0), c.Shape(1))
	c.Out(0, tensor.String, s)
	return err
}

func (stringConcat) Eval(e *op.Eval) error {
	x, y := e.In(0), e.In(1)
	dims, err := op.BroadcastDims(x.Shape(), y.Shape())
	if err != nil {
		return err
	}
	if _, err := e.Temp(tensor.String, dims...); err != nil {
		return err
	}
	out := make([]string, op.Prod(dims))
	const chunk = 1 << 16 // bytes counted at a time
	pending := 0
	err = op.Each2(dims, x.Shape(), y.Shape(), func(k, i, j int) error {
		a, b := x.Str(i), y.Str(j)
		if pending += 2 * (len(a) + len(b)); pending >= chunk {
			if err := reserve(e, pending); err != nil {
				return err
			}
			pending = 0
		}
		out[k] = a + b
		return nil
	})
	if err != nil {
		return err
	}
	return e.SetStrings(0, dims, out)
}

// stringSplit is StringSplit, which cuts as Python's str.split does.
type stringSplit struct {
	sep string // empty: white space
	max int    // splits at most, -1: any number
}

var stringSplitDef = &op.Def{Name: "StringSplit", New: func(a *op.Args) (op.Op, error) {
	return &stringSplit{a.String("delimiter", ""), max(a.Int("maxsplit", -1), -1)}, nil
}}

func (o *stringSplit) Infer(c *op.Infer) error {
	s := c.Shape(0)
	if s == nil {
		return nil
	}
	c.Out(0, tensor.String, append(append(graph.Shape{}, s...), c.Fresh()))
	c.Out(1, tensor.Int64, s)
	return nil
}

func (o *stringSplit) Eval(e *op.Eval) error {
	x := e.In(0)
	rows := make([][]string, x.Len())
	z, err := e.Out(1, tensor.Int64, x.Shape()...)
	if err != nil {
		return err
	}
	for i := range rows {
		s := x.Str(i)
		pieces := len(s)/2 + 1
		if o.sep != "" {
			pieces = strings.Count(s, o.sep) + 1
		}
		if err := e.Charge(pieces, 32); err != nil {
			return err
		}
		rows[i] = o.split(s)
		if err := e.Tick(1 + len(rows[i])); err != nil {
			return err
		}
		z.SetIntAt(i, int64(len(rows[i])))
	}
	return setPadded(e, x.Shape(), rows, "")
}

func (o *stringSplit) split(s string) []string {
	if o.sep != "" {
		if o.max < 0 || o.max > len(s) {
			return strings.Split(s, o.sep)
		}
		return strings.SplitN(s, o.sep, o.max+1)
	}
	var out []string
	s = strings.TrimFunc(s, isSpace)
	for s != "" {
		if o.max >= 0 && len(out) == o.max {
			return append(out, s)
		}
		n := strings.IndexFunc(s, isSpace)
		if n < 0 {
			return append(out, s)
		}
		out = append(out, s[:n])
		s = strings.TrimLeftFunc(s[n:], isSpace)
	}
	return out
}

// isSpace is Python's str.isspace: Unicode's white space and the separators
// U+001C to U+001F.
func isSpace(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f }

// stringNormalizer is StringNormalizer: it drops stop words and changes case,
// rune by rune. The locale has no effect except that "C" and "POSIX" know
// letters of ASCII only.
type stringNormalizer struct {
	stop    map[string]bool
	change  func(rune) rune // nil: none
	compare func(rune) rune // before looking for stop words; nil: none
}

var stringNormalizerDef = &op.Def{Name: "StringNormalizer", New: func(a *op.Args) (op.Op, error) {
	o := &stringNormalizer{stop: map[string]bool{}}
	loc := a.String("locale", "")
	lower, upper := unicode.ToLower, unicode.ToUpper
	if loc == "C" || loc == "POSIX" {
		lower, upper = ascii(lower), ascii(upper)
	}
	fold := lower
	switch a.OneOf("case_change_action", "NONE", "NONE", "LOWER", "UPPER") {
	case "LOWER":
		o.change = lower
	case "UPPER":
		o.change, fold = upper, upper
	}
	if !a.Bool("is_case_sensitive", false) {
		o.compare = fold
	}
	for _, w := range a.Strings("stopwords") {
		k, err := mapRunes(w, o.compare)
		if err != nil {
			return nil, fmt.Errorf("stop word: %w", err)
		}
		o.stop[k] = true
	}
	return o, nil
}}

func ascii(f func(rune) rune) func(rune) rune {
	return func(r rune) rune {
		if r < utf8.RuneSelf {
			return f(r)
		}
		return r
	}
}

// mapRunes applies f, which may be nil, to every rune of s.
func mapRunes(s string, f func(rune) rune) (string, error) {
	if f == nil {
		return s, nil
	}
	if !utf8.ValidString(s) {
		return "", fmt.Errorf("%q is no valid UTF-8", s)
	}
	return strings.Map(f, s), nil
}

func (o *stringNormalizer) Infer(c *op.Infer) error {
	s := c.Shape(0)
	if s == nil {
		return nil
	}
	if err := checkWords(s); err != nil {
		return err
	}
	n := s[len(s)-1]
	if len(o.stop) > 0 {
		n = c.Fresh()
	} else if n.Known() {
		n = graph.D(max(1, n.N))
	} else {
		n = c.Fresh() // 0 words give 1
	}
	out := graph.Shape{n}
	if len(s) == 2 {
		out = graph.Shape{graph.D(1), n}
	}
	c.Out(0, tensor.String, out)
	return nil
}

func checkWords(s graph.Shape) error {
	if len(s) != 1 && (len(s) != 2 || s[0].Known() && s[0].N != 1) {
		return fmt.Errorf("input is %v, must be [C] or [1, C]", s)
	}
	return nil
}

func (o *stringNormalizer) Eval(e *op.Eval) error {
	x := e.In(0)
	if err := checkWords(graph.Dims(x.Shape()...)); err != nil {
		return err
	}
	if err := e.Tick(x.Len()); err != nil {
		return err
	}
	var out []string
	for i := range x.Len() {
		s := x.Str(i)
		if len(o.stop) > 0 {
			k, err := mapRunes(s, o.compare)
			if err != nil {
				return err
			}
			if o.stop[k] {
				continue
			}
		}
		s, err := mapRunes(s, o.change)
		if err != nil {
			return err
		}
		out = append(out, s)
	}
	if len(out) == 0 {
		out = []string{""}
	}
	dims := []int{len(out)}
	if x.Rank() == 2 {
		dims = []int{1, len(out)}
	}
	return e.SetStrings(0, dims, out)
}

// regexFullMatch is RegexFullMatch. RE2's syntax is that of Go's regexp.
type regexFullMatch struct{ re *regexp.Regexp }

var regexFullMatchDef = &op.Def{Name: "RegexFullMatch", New: func(a *op.Args) (op.Op, error) {
	if !a.Has("pattern") {
		return nil, fmt.Errorf("attribute \"pattern\" is required")
	}
	p := a.String("pattern", "")
	if _, err := compile(p); err != nil { // alone first: ")(" must not pass for being wrapped
		return nil, err
	}
	re, err := regexp.Compile(`\A(?:` + p + `)\z`)
	return &regexFullMatch{re}, err // the program is bounded: it is p's and a few instructions
}}

func (o *regexFullMatch) Infer(c *op.Infer) error {
	c.Out(0, tensor.Bool, c.Shape(0))
	return nil
}

func (o *regexFullMatch) Eval(e *op.Eval) error {
	x := e.In(0)
	y, err := e.OutLike(0, tensor.Bool, x)
	if err != nil {
		return err
	}
	for i := range x.Len() {
		s := x.Str(i)
		if err := e.Tick(1 + len(s)/16); err != nil {
			return err
		}
		v := int64(0)
		r := ticker{e: e}
		r.Reset(s)
		if len(s) < 4096 && o.re.MatchString(s) || len(s) >= 4096 && o.re.MatchReader(&r) {
			v = 1
		}
		if r.err != nil {
			return r.err
		}
		y.SetIntAt(i, v)
	}
	return nil
}
