package text

import (
	"fmt"
	"unicode/utf8"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

const (
	startMark = "\x02"
	endMark   = "\x03"
)

// tokenizer is com.microsoft.Tokenizer: each string of [C] or [N, C] becomes a
// row of tokens, padded at the end. Tokens are single characters, or what
// matches an expression, or what is left between separators (expressions too,
// applied one after the other). Expressions match the longest text.
type tokenizer struct {
	mark  bool
	pad   string
	least int // characters of a token
	chars bool
	seps  []expression
	token expression
}

var tokenizerDef = &op.Def{Domain: "com.microsoft", Name: "Tokenizer", New: func(a *op.Args) (op.Op, error) {
	o := &tokenizer{mark: a.Bool("mark", false), pad: a.String("pad_value", ""), least: a.Int("mincharnum", 1)}
	seps, exp := a.Strings("separators"), a.String("tokenexp", "")
	if o.least < 1 {
		return nil, fmt.Errorf("attribute \"mincharnum\" = %d, must be positive", o.least)
	}
	if len(seps) == 0 && exp == "" {
		return nil, fmt.Errorf("attribute \"separators\" or \"tokenexp\" is required")
	}
	o.chars = len(seps) == 1 && seps[0] == "" || len(seps) == 0 && exp == "."
	if o.chars {
		if o.least > 1 {
			return nil, fmt.Errorf("attribute \"mincharnum\" = %d for tokens of one character", o.least)
		}
		return o, nil
	}
	for _, s := range seps {
		re, err := compile(s)
		if err != nil {
			return nil, fmt.Errorf("separator: %w", err)
		}
		re.Longest()
		o.seps = append(o.seps, re)
	}
	if len(seps) == 0 {
		re, err := compile(exp)
		if err != nil {
			return nil, fmt.Errorf("tokenexp: %w", err)
		}
		re.Longest()
		o.token = re
	}
	return o, nil
}}

func (o *tokenizer) Infer(c *op.Infer) error {
	s := c.Shape(0)
	if s == nil {
		return nil
	}
	if len(s) != 1 && len(s) != 2 {
		return fmt.Errorf("input is %v, must be [C] or [N, C]", s)
	}
	c.Out(0, tensor.String, append(append(graph.Shape{}, s...), c.Fresh()))
	return nil
}

func (o *tokenizer) Eval(e *op.Eval) error {
	x := e.In(0)
	if x.Rank() != 1 && x.Rank() != 2 {
		return fmt.Errorf("input is %v, must be [C] or [N, C]", x)
	}
	rows := make([][]string, x.Len())
	empty := true
	for i := range rows {
		s := x.Str(i)
		if !utf8.ValidString(s) {
			return fmt.Errorf("string %d is no valid UTF-8", i)
		}
		if err := e.Tick(1 + len(s)); err != nil {
			return err
		}
		if err := e.Charge(len(s), 16); err != nil {
			return err
		}
		var err error
		if rows[i], err = o.tokens(e, s); err != nil {
			return err
		}
		empty = empty && len(rows[i]) == 0
	}
	if o.mark && !empty { // without any token there are no marks either
		for i, r := range rows {
			rows[i] = append(append([]string{startMark}, r...), endMark)
		}
	}
	return setPadded(e, x.Shape(), rows, o.pad)
}

func (o *tokenizer) tokens(e *op.Eval, s string) ([]string, error) {
	if o.chars {
		var out []string
		for len(s) > 0 {
			_, n := utf8.DecodeRuneInString(s)
			out = append(out, s[:n])
			s = s[n:]
		}
		return out, nil
	}
	if o.token.Regexp != nil {
		var out []string
		err := eachMatch(e, o.token, s, func(lo, hi int) { out = o.keep(out, s[lo:hi]) })
		return out, err
	}
	row := []string{s}
	for _, re := range o.seps {
		var next []string
		for _, t := range row {
			from := 0
			err := eachMatch(e, re, t, func(lo, hi int) {
				next = o.keep(next, t[from:lo])
				from = hi
			})
			if err != nil {
				return nil, err
			}
			next = o.keep(next, t[from:])
		}
		row = next
	}
	return row, nil
}

// keep appends t if it has enough characters.
func (o *tokenizer) keep(l []string, t string) []string {
	if utf8.RuneCountInString(t) < o.least {
		return l
	}
	return append(l, t)
}
