// Package walnut runs ONNX models in pure Go: no cgo, no build flags.
//
//	m, err := walnut.Open("model.onnx")
//	if err != nil { … }
//	defer m.Close()
//	out, err := m.Run(ctx, walnut.Values{"x": tensor.MustFrom(data, 1, 8)})
//
// Open loads a file, OpenBytes a model in memory, OpenFS a file of an fs.FS.
// Run takes values by name and returns fresh ones. RunInto takes them by
// position and writes into tensors of the caller; in steady state it allocates
// nothing. A Model is safe for concurrent use. A Session keeps the state of a
// model with recurrent inputs and outputs from one call to the next.
//
// Tensors are in package tensor. Everything under internal may change at any time.
package walnut
