// Command walnut runs, inspects and measures ONNX models.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"
)

func main() { os.Exit(Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// Main runs the command line and returns the exit status: 0, 1 after an error,
// 2 if the command line itself is wrong.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	var s statusError
	if errors.As(err, &s) {
		return int(s)
	}
	fmt.Fprintln(stderr, "walnut:", err)
	var u usageError
	if errors.As(err, &u) {
		return 2
	}
	return 1
}

// statusError ends the process with a status after the command has said why.
type statusError int

func (s statusError) Error() string { return fmt.Sprintf("status %d", int(s)) }

// usageError is an error of the command line.
type usageError struct{ error }

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "walnut",
		Short: "Run ONNX models in pure Go",
		Long: `Walnut runs ONNX models: one static binary, no cgo, no dependencies.

Start with:
  walnut demo                    see it work on models inside the binary
  walnut run model.onnx --random 1
  walnut inspect model.onnx`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(newRun(), newInspect(), newOps(), newConformance(), newBench(), newDemo(), newVersion())
	return root
}

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print version, Go version and platform",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			v, rev := "(devel)", ""
			if bi, ok := debug.ReadBuildInfo(); ok {
				if bi.Main.Version != "" {
					v = bi.Main.Version
				}
				for _, s := range bi.Settings {
					if s.Key == "vcs.revision" {
						rev = " " + s.Value[:min(12, len(s.Value))]
					}
				}
			}
			fmt.Fprintf(c.OutOrStdout(), "walnut %s%s %s %s/%s\n", v, rev, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return nil
		},
	}
}
