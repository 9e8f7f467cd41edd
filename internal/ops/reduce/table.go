// Package reduce holds a family of operators.
package reduce

import "github.com/walnut-ai/walnut/internal/op"

// Table lists the operators of this package.
var Table = []*op.Def{}
