package attn

import (
	"testing"

	"github.com/walnut-ai/walnut/internal/ops/optest"
)

// TestGolden compares with other implementations; see testdata/make.py.
func TestGolden(t *testing.T) { optest.Golden(t, Table, "testdata/cases.json.gz") }
