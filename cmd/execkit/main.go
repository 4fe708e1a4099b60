// Command execkit runs shell commands for agents and people; see `execkit help`.
package main

import (
	"os"

	"github.com/execkit/execkit/cmd/execkit/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }
