package conformance

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/walnut-ai/walnut/internal/engine"
	"github.com/walnut-ai/walnut/internal/testutil"
)

// TestArchives runs ONNX's cases: what fails must be known, and what is known
// must fail. The large networks are left out with -short.
func TestArchives(t *testing.T) {
	dir := testutil.Shared(t, "onnx-conformance")
	archives, err := filepath.Glob(filepath.Join(dir, "*.tar.gz"))
	if err != nil || len(archives) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	open := Engine(engine.Options{Threads: 2})
	for _, a := range archives {
		name := filepath.Base(a)
		t.Run(name, func(t *testing.T) {
			if testing.Short() && name == "light.tar.gz" {
				t.Skip("large networks are left out with -short")
			}
			total, passed := 0, 0
			err := Read(a, func(c *Case) error {
				ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
				defer cancel()
				r := Run(ctx, c, open)
				total++
				if r.Status == Pass {
					passed++
				}
				switch why := Why(c.ID); {
				case r.Status != Pass && why == "":
					t.Errorf("%s: %s: %s", r.ID, r.Status, r.Detail)
				case r.Status == Pass && why != "":
					t.Errorf("%s passes, but is listed as a known miss: %s", r.ID, why)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d of %d cases pass", passed, total)
		})
	}
}
