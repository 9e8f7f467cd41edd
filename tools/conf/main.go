// Command conf runs ONNX's conformance cases while operators are being
// written: go run ./tools/conf -filter softmax. See `walnut conformance` for
// the command that users have.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/walnut-ai/walnut/internal/conformance"
	"github.com/walnut-ai/walnut/internal/engine"
)

func main() {
	filter := flag.String("filter", "", "regular expression on case IDs")
	ref := flag.Bool("reference", false, "run the plain definitions without a plan")
	all := flag.Bool("v", false, "print passes too")
	report := flag.Bool("report", false, "print docs/conformance.md")
	flag.Parse()
	paths := flag.Args()
	if len(paths) == 0 {
		paths, _ = filepath.Glob("../shared/onnx-conformance/*.tar.gz")
	}
	re := regexp.MustCompile(*filter)
	count := map[conformance.Status]int{}
	var results []conformance.Result
	open := conformance.Engine(engine.Options{Reference: *ref})
	for _, p := range paths {
		err := conformance.Read(p, func(c *conformance.Case) error {
			if !re.MatchString(c.ID) {
				return nil
			}
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
			defer cancel()
			start := time.Now()
			r := conformance.Run(ctx, c, open)
			count[r.Status]++
			r.Outputs = nil
			results = append(results, r)
			if *report {
				return nil
			}
			if r.Status != conformance.Pass || *all {
				fmt.Printf("%-11s %s %s (%v)\n", r.Status, r.ID, r.Detail, time.Since(start).Round(time.Millisecond))
			}
			return nil
		})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	if !*report {
		fmt.Println(count)
		return
	}
	peers, note := map[string]conformance.Peer{}, ""
	if f, err := os.Open("docs/conformance-peers.tsv"); err == nil {
		peers, note, err = conformance.ReadPeers(f)
		f.Close()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	fmt.Print(conformance.Report(results, peers, note))
}
