// Package text holds the operators on strings: ai.onnx's and, from
// com.microsoft, Tokenizer and MurmurHash3. Case and white space follow the
// Unicode tables of the Go library, whatever the locale of the machine.
package text

import (
	"fmt"

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
	_, err := e.Temp(tensor.Uint8, n)
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
