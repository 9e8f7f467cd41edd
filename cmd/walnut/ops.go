package main

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/walnut-ai/walnut/internal/opdoc"
)

func newOps() *cobra.Command {
	var asJSON, md bool
	c := &cobra.Command{
		Use:   "ops",
		Short: "List the operators, their versions, types and implementation",
		Example: `  walnut ops
  walnut ops --json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			w := c.OutOrStdout()
			rows := opdoc.Rows()
			switch {
			case asJSON:
				e := json.NewEncoder(w)
				for _, r := range rows {
					if err := e.Encode(r); err != nil {
						return err
					}
				}
				return nil
			case md:
				_, err := fmt.Fprint(w, opdoc.Markdown(rows))
				return err
			}
			tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
			fmt.Fprintln(tw, "operator\tversions\timplementation\ttypes (newest version)\t")
			for _, r := range rows {
				fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t\n", r.Operator, r.VersionText(), r.Implementation, r.TypeText())
			}
			return tw.Flush()
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print a JSON line an operator")
	c.Flags().BoolVar(&md, "markdown", false, "print the table of docs/operators.md")
	return c
}
