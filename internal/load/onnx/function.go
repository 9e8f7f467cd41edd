package onnx

import (
	"fmt"

	"github.com/walnut-ai/walnut/internal/graph"
)

// function decodes a FunctionProto.
func (p *parser) function(f *field) (*pFunc, error) {
	b, err := f.bytes()
	if err == nil {
		err = p.charge(costGraph)
	}
	if err != nil {
		return nil, err
	}
	fn := &pFunc{attrs: map[string]*pAttr{}, imports: map[string]int{}, body: &pGraph{types: map[string]graph.Type{}}}
	if err := p.functionNames(fn, b); err != nil {
		return nil, fmt.Errorf("function %s: %w", fn.key, err)
	}
	c := fields{b: b}
	var m field
	for err == nil && c.next(&m) {
		switch m.num {
		case 6:
			var s string
			if s, err = p.name(&m); err == nil {
				err = fn.declare(s, nil)
			}
		case 7:
			err = p.addNode(fn.body, &m, 0)
		case 9:
			err = p.opsetImport(&m, fn.imports)
		case 11:
			var a *pAttr
			if m.data, err = m.bytes(); err == nil {
				a, err = p.attr(m.data, 0)
			}
			if err == nil && a.ref != "" {
				err = fmt.Errorf("%w: the default of attribute %q refers to %q", ErrFormat, a.Name, a.ref)
			}
			if err == nil {
				err = fn.declare(a.Name, a)
			}
		case 12:
			err = p.valueInfo(fn.body.types, &m)
		}
	}
	if err == nil {
		err = c.err
	}
	if err == nil {
		err = p.analyse(fn.body)
	}
	if err == nil && len(fn.body.free) > 0 {
		err = fmt.Errorf("%w: value %q is produced by no node and is no input of the function", ErrFormat, fn.body.free[0])
	}
	if err != nil {
		return nil, fmt.Errorf("function %s: %w", fn.key, err)
	}
	return fn, nil
}

// functionNames reads what messages name a function by, and its signature.
func (p *parser) functionNames(fn *pFunc, b []byte) error {
	c := fields{b: b}
	var m field
	var err error
	for err == nil && c.next(&m) {
		switch m.num {
		case 1:
			fn.key.name, err = p.name(&m)
		case 10:
			fn.key.domain, err = p.name(&m)
			fn.key.domain = domainName(fn.key.domain)
		case 13:
			fn.key.overload, err = p.name(&m)
		case 4:
			fn.body.inputs, err = p.formal(fn.body.inputs, &m, "input")
		case 5:
			fn.body.outputs, err = p.formal(fn.body.outputs, &m, "output")
		}
	}
	if err == nil {
		err = c.err
	}
	if err == nil && fn.key.name == "" {
		err = fmt.Errorf("%w: it has no name", ErrFormat)
	}
	return err
}

func (p *parser) formal(list []pValue, f *field, what string) ([]pValue, error) {
	s, err := p.name(f)
	if err != nil {
		return nil, err
	}
	if s == "" {
		return nil, fmt.Errorf("%w: %s %d has no name", ErrFormat, what, len(list))
	}
	return append(list, pValue{name: s}), p.charge(costValue)
}

// declare notes an attribute of fn with its default, nil if it has none.
func (fn *pFunc) declare(name string, def *pAttr) error {
	if _, ok := fn.attrs[name]; ok {
		return fmt.Errorf("%w: attribute %q is declared twice", ErrFormat, name)
	}
	fn.attrs[name] = def
	return nil
}
