// Package ops joins the families of operators into the catalogue.
package ops

import (
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/internal/ops/attn"
	"github.com/walnut-ai/walnut/internal/ops/control"
	"github.com/walnut-ai/walnut/internal/ops/linalg"
	"github.com/walnut-ai/walnut/internal/ops/math"
	"github.com/walnut-ai/walnut/internal/ops/media"
	"github.com/walnut-ai/walnut/internal/ops/ml"
	"github.com/walnut-ai/walnut/internal/ops/move"
	"github.com/walnut-ai/walnut/internal/ops/nn"
	"github.com/walnut-ai/walnut/internal/ops/quant"
	"github.com/walnut-ai/walnut/internal/ops/reduce"
	"github.com/walnut-ai/walnut/internal/ops/seq"
	"github.com/walnut-ai/walnut/internal/ops/text"
	"github.com/walnut-ai/walnut/internal/ops/train"
)

// Catalog returns every operator there is. It is built once a process.
func Catalog() *op.Catalog { return catalog }

var catalog = op.NewCatalog(
	attn.Table,
	control.Table,
	linalg.Table,
	math.Table,
	media.Table,
	ml.Table,
	move.Table,
	nn.Table,
	quant.Table,
	reduce.Table,
	seq.Table,
	text.Table,
	train.Table,
)
