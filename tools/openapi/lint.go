package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/speakeasy-api/openapi/linter"
	"github.com/speakeasy-api/openapi/openapi"
	openapilinter "github.com/speakeasy-api/openapi/openapi/linter"
	"gopkg.in/yaml.v3"
)

// lint returns what is wrong with a description by the rules in a file, "" if
// nothing is. Errors, warnings and hints count alike.
func lint(ctx context.Context, rules, file string) (string, error) {
	var config linter.Config
	text, err := os.ReadFile(rules)
	if err != nil {
		return "", err
	}
	if err := yaml.Unmarshal(text, &config); err != nil {
		return "", fmt.Errorf("%s: %w", rules, err)
	}
	rule, err := openapilinter.NewLinter(&config)
	if err != nil {
		return "", err
	}
	if err := known(rule, config.Rules); err != nil {
		return "", fmt.Errorf("%s: %w", rules, err)
	}
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	doc, invalid, err := openapi.Unmarshal(ctx, f)
	if err != nil {
		return "", fmt.Errorf("%s: %w", file, err)
	}
	found, err := rule.Lint(ctx, linter.NewDocumentInfo(doc, file), invalid, nil)
	if err != nil || len(found.Results) == 0 {
		return "", err
	}
	return file + "\n" + found.FormatText(), nil
}

// known checks that the rules are spelt right: the linter passes over others.
func known(l *openapilinter.Linter, rules []linter.RuleEntry) error {
	for _, r := range rules {
		if _, ok := l.Registry().GetRule(r.ID); !ok {
			return errors.New(r.ID + " is no rule")
		}
	}
	return nil
}
