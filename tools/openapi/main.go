// Command openapi makes the description of the HTTP API that programs of today
// read, OpenAPI 3, of what protoc-gen-openapiv2 writes, and checks it.
//
//	openapi make [-examples FILE] [-routes FILE] SWAGGER OUT
//	openapi lint [-rules FILE] FILE
//
// What it makes depends on what it reads alone. It is run in the folder of this
// module.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
)

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "openapi:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("openapi", flag.ContinueOnError)
	examples := flags.String("examples", "", "bodies to show with the requests, by operation, as YAML")
	routes := flags.String("routes", "", "routes that no method has, as OpenAPI")
	rules := flags.String("rules", "openapi/rules.yaml", "which rules to check")
	if len(args) == 0 {
		return errors.New("want make or lint")
	}
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	switch files := flags.Args(); {
	case args[0] == "make" && len(files) == 2:
		return convert(ctx, files[0], *examples, *routes, files[1])
	case args[0] == "lint" && len(files) == 1:
		report, err := lint(ctx, *rules, files[0])
		if err == nil && report != "" {
			err = errors.New(report)
		}
		return err
	}
	return fmt.Errorf("%q is no way to call it: see the package's documentation", args)
}
