package main

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"
)

// fileConfig answers for flags that were not given, from a YAML file whose
// keys are the flags' names.
type fileConfig map[string]any

// loadConfig reads a configuration file, for kong.Configuration.
func loadConfig(r io.Reader) (kong.Resolver, error) {
	values := fileConfig{}
	if err := yaml.NewDecoder(r).Decode(&values); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("configuration file: %w", err)
	}
	return values, nil
}

// Validate refuses keys that are no flags: a misspelt key would otherwise be
// a setting that silently does not hold.
func (f fileConfig) Validate(*kong.Application) error {
	known := flagNames(reflect.TypeFor[serveFlags]())
	for key := range f {
		if !slices.Contains(known, key) {
			return fmt.Errorf("configuration file: unknown setting %q: want one of %v", key, known)
		}
	}
	return nil
}

// Resolve returns what the file says for the flag.
func (f fileConfig) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	return f[flag.Name], nil
}

// flagNames returns the names of a struct's flags.
func flagNames(t reflect.Type) []string {
	var names []string
	for f := range t.Fields() {
		names = append(names, f.Tag.Get("name"))
	}
	return names
}
