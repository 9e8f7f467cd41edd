// Package math holds the element-wise operators: arithmetic, comparison,
// logic, bits, activations, casts.
package math

import "github.com/walnut-ai/walnut/internal/op"

// Table lists the operators of this package.
var Table = []*op.Def{
	absDef,
	addDef,
	sigmoidDef,
}
