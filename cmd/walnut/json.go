package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/walnut-ai/walnut"
	"github.com/walnut-ai/walnut/tensor"
)

// maxJSONDepth bounds the nesting of lists.
const maxJSONDepth = 32

// parseJSON reads nested lists of numbers, booleans or strings into a tensor of
// x's element type.
func parseJSON(b []byte, x *walnut.Info) (tensor.Value, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	p := jsonParser{d: d}
	if err := p.value(0); err != nil {
		return nil, err
	}
	if d.More() {
		return nil, errors.New("json: text after the value")
	}
	if x.DType == tensor.String {
		return tensor.FromStrings(p.strings, fit(x, len(p.strings), p.dims)...)
	}
	if p.strings != nil {
		return nil, fmt.Errorf("json: strings for an input of type %s", x.Type)
	}
	dt := x.DType
	if !dt.Valid() {
		dt = tensor.Float32
	}
	t, err := tensor.New(dt, fit(x, len(p.numbers), p.dims)...)
	if err != nil {
		return nil, err
	}
	for i, n := range p.numbers {
		if v, err := strconv.ParseInt(n, 10, 64); err == nil {
			t.SetIntAt(i, v)
		} else if v, err := strconv.ParseFloat(n, 64); err == nil {
			t.SetFloatAt(i, v)
		} else {
			return nil, fmt.Errorf("json: %q is out of range", n)
		}
	}
	return t, nil
}

// jsonParser collects the leaves of nested lists and their shape.
type jsonParser struct {
	d       *json.Decoder
	dims    []int
	closed  int // axes whose length is known, counted from the last
	numbers []string
	strings []string
}

func (p *jsonParser) value(depth int) error {
	tok, err := p.d.Token()
	if err != nil {
		return fmt.Errorf("json: %w", err)
	}
	switch v := tok.(type) {
	case json.Delim:
		if v != '[' {
			return errors.New("json: needs nested lists, not an object")
		}
		return p.list(depth)
	case json.Number:
		p.numbers = append(p.numbers, v.String())
	case bool:
		n := "0"
		if v {
			n = "1"
		}
		p.numbers = append(p.numbers, n)
	case string:
		p.strings = append(p.strings, v)
	default:
		return errors.New("json: null in a tensor")
	}
	if depth != len(p.dims) && p.closed > 0 || p.strings != nil && p.numbers != nil {
		return errors.New("json: the lists are ragged or of mixed types")
	}
	return nil
}

func (p *jsonParser) list(depth int) error {
	if depth >= maxJSONDepth {
		return fmt.Errorf("json: nested deeper than %d", maxJSONDepth)
	}
	first := depth == len(p.dims)
	if first {
		if p.closed > 0 || p.numbers != nil || p.strings != nil {
			return errors.New("json: the lists are ragged")
		}
		p.dims = append(p.dims, -1)
	}
	n := 0
	for p.d.More() {
		if err := p.value(depth + 1); err != nil {
			return err
		}
		n++
	}
	if _, err := p.d.Token(); err != nil {
		return fmt.Errorf("json: %w", err)
	}
	p.closed = 1
	if p.dims[depth] == -1 {
		p.dims[depth] = n
	} else if p.dims[depth] != n {
		return fmt.Errorf("json: a list of %d among lists of %d", n, p.dims[depth])
	}
	return nil
}
