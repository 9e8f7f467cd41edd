// Package testutil helps tests to find what they need.
package testutil

import (
	"os"
	"path/filepath"
	"testing"
)

// Shared returns the path of a file or folder in the folder "shared" that lies
// beside the repository or further up, and skips the test where there is none:
// test data too large for the repository lives there.
func Shared(t testing.TB, elem ...string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	rel := filepath.Join(append([]string{"shared"}, elem...)...)
	for {
		p := filepath.Join(dir, rel)
		if _, err := os.Stat(p); err == nil {
			return p
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Skipf("%s is not here", rel)
		}
		dir = up
	}
}
