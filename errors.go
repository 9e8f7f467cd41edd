package walnut

import (
	"github.com/walnut-ai/walnut/internal/engine"
	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
)

// Errors to test for with errors.Is and errors.As. All are wrapped with the
// names of the model, the node and what was expected.
var (
	// ErrClosed is returned by runs of a model after Close.
	ErrClosed = engine.ErrClosed
	// ErrInput is returned by runs whose inputs are missing, unknown, or not of
	// the type and shape that the model declares.
	ErrInput = engine.ErrInput
	// ErrBudget is returned by runs that exceed their budget of memory or iterations.
	ErrBudget = op.ErrBudget
)

// NodeError is an error about one node of a model, at Open or in a run.
type NodeError = graph.Error

// UnsupportedError is returned by Open for models with operators that Walnut
// does not have; it lists all of them.
type UnsupportedError = op.UnsupportedError
