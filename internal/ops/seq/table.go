// Package seq holds the operators on sequences and optionals.
package seq

import "github.com/walnut-ai/walnut/internal/op"

// Table lists the operators of this package.
var Table = []*op.Def{
	atDef,
	concatDef,
	constructDef,
	emptyDef,
	eraseDef,
	getElementDef,
	hasElementDef,
	insertDef,
	lengthDef,
	optionalDef,
	splitDef,
}
