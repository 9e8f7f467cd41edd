package kerneltest

import (
	"os/exec"
	"testing"
)

// TestAssemblyIsGenerated compares the committed assembly with what its generator writes.
func TestAssemblyIsGenerated(t *testing.T) {
	gotool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("no go command")
	}
	cmd := exec.Command(gotool, "run", ".", "-check")
	cmd.Dir = "../_asm"
	cmd.Env = append(cmd.Environ(), "GOFLAGS=", "GOWORK=off", "GOOS=", "GOARCH=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}
