// Package control holds the operators with bodies: If, Loop, Scan, SequenceMap.
package control

import "github.com/walnut-ai/walnut/internal/op"

// Table lists the operators of this package.
var Table = []*op.Def{
	ifDef,
	loopDef,
	scanDef,
	sequenceMapDef,
}
