// Package media holds the operators on signals and images: Fourier transforms,
// windows, mel filters, and ImageDecoder.
package media

import "github.com/walnut-ai/walnut/internal/op"

// Table lists the operators of this package.
var Table = []*op.Def{
	blackmanWindowDef,
	dftDef,
	hammingWindowDef,
	hannWindowDef,
	imageDecoderDef,
	melWeightMatrixDef,
	stftDef,
}
