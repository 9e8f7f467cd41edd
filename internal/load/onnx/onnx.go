// Package onnx reads ONNX models into the portable graph.
//
// The reader is written by hand on the wire format: it copies no weights, knows
// its limits before it allocates, and never trusts what a file declares.
// Captures of bodies become explicit inputs, model-local functions are expanded
// in place, sparse constants become dense.
package onnx

import (
	"errors"
	"fmt"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/tensor"
)

// Opener returns the bytes of an external data file. The location is relative,
// has no "..", and uses slashes; the opener must not follow links. It is called
// once for each file.
type Opener func(location string) ([]byte, error)

// Read decodes the model in data; name is for messages. Tensors share data and
// what open returns, which therefore must stay as they are while the model is
// in use. open may be nil: external data is an error then.
func Read(name string, data []byte, open Opener) (*graph.Model, error) {
	// Objects of small text take several times its size; a file that is all
	// weights needs none of that.
	size := int64(len(data))
	total := baseBudget + size + min(2*size, 16<<20)
	b := &budget{total: total, left: total}
	m, err := read(b, data, open)
	if err != nil {
		return nil, withModel(name, err)
	}
	m.Name = name
	return m, nil
}

// withModel adds the model's name to err.
func withModel(name string, err error) error {
	var e *graph.Error
	if errors.As(err, &e) {
		e.Model = name
		return e
	}
	return fmt.Errorf("%s: %w", name, err)
}

func read(b *budget, data []byte, open Opener) (*graph.Model, error) {
	ext := externals{open: open, charge: b.charge, files: map[string]*external{}}
	p := &parser{budget: b, names: map[string]string{}}
	p.tensors = tensor.ProtoReader{External: ext.data, Alloc: b.charge}
	pm, err := p.model(data)
	if err != nil {
		return nil, err
	}
	if err := pm.check(); err != nil {
		return nil, err
	}
	p.names = nil
	build := &builder{parser: p, model: pm, paths: map[string]int{}}
	g, err := build.main()
	if err != nil {
		return nil, err
	}
	m := &graph.Model{
		Graph:     g,
		Opsets:    pm.imports,
		IR:        int(pm.ir),
		Producer:  pm.producer,
		Version:   fmt.Sprint(pm.version),
		Domain:    pm.domain,
		Doc:       pm.doc,
		Metadata:  pm.meta,
		Functions: pm.order,
	}
	if pm.producerVersion != "" {
		m.Producer += " " + pm.producerVersion
	}
	return m, nil
}

// check refuses versions of the format that the reader does not know.
func (m *pModel) check() error {
	if m.ir < minIR || m.ir > maxIR {
		return fmt.Errorf("%w: its IR version is %d; versions %d to %d are supported", ErrFormat, m.ir, minIR, maxIR)
	}
	if m.graph == nil {
		return fmt.Errorf("%w: it has no graph", ErrFormat)
	}
	if len(m.imports) == 0 {
		return fmt.Errorf("%w: it imports no operator set", ErrFormat)
	}
	return nil
}
