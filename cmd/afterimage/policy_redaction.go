package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/afterimage/afterimage/policy"
	"github.com/afterimage/afterimage/redaction"
	"github.com/afterimage/afterimage/redaction/escrow"
)

// A redactionTold is what a policy makes of redaction, as people and scripts
// are told. Operators are those in force, the defaults included; a type that
// is not named is a pseudonym.
type redactionTold struct {
	Regions   []string          `json:"regions,omitempty"`
	Operators map[string]string `json:"operators"`
	Content   string            `json:"content"`
	Escrow    *escrowTold       `json:"escrow,omitempty"`
	Analyzer  *analyzerTold     `json:"analyzer,omitempty"`
}

type escrowTold struct {
	Types []string `json:"types"`
	Key   uint32   `json:"key"` // its id, as escrow keygen prints it
}

type analyzerTold struct {
	URL      string   `json:"url"`
	Language string   `json:"language"`
	Entities []string `json:"entities,omitempty"`
	Timeout  string   `json:"timeout"`
}

func tellRedaction(p policy.Redaction) redactionTold {
	told := redactionTold{Regions: p.Regions, Operators: map[string]string{}, Content: "keep"}
	operators := redaction.DefaultOperators()
	maps.Copy(operators, p.Operators)
	for what, op := range operators {
		if op != redaction.Pseudonymise {
			told.Operators[what] = op.String()
		}
	}
	if p.DropContent {
		told.Content = "drop"
	}
	if sealer, err := escrow.NewSealer(p.EscrowKey); len(p.EscrowTypes) > 0 && err == nil {
		told.Escrow = &escrowTold{p.EscrowTypes, sealer.KeyID()}
	}
	if a := p.Analyzer; a.URL != "" {
		told.Analyzer = &analyzerTold{a.URL, orEnglish(a.Language), a.Entities, a.Timeout.String()}
	}
	return told
}

// orEnglish is what the analyser is asked for where no language is named.
func orEnglish(language string) string {
	if language == "" {
		return "en"
	}
	return language
}

// print tells it in a few lines.
func (r redactionTold) print(out io.Writer) {
	line := func(name, text string) { fmt.Fprintf(out, "  %-11s%s\n", name, text) }
	if r.Content == "drop" {
		line("content", "is dropped: no text is kept")
		return
	}
	byOperator := map[string][]string{}
	for what, op := range r.Operators {
		byOperator[op] = append(byOperator[op], what)
	}
	for _, op := range slices.Sorted(maps.Keys(byOperator)) {
		line(op, strings.Join(slices.Sorted(slices.Values(byOperator[op])), ", "))
	}
	line("pseudonym", "everything else")
	if len(r.Regions) > 0 {
		line("regions", strings.Join(r.Regions, ", "))
	}
	if r.Escrow != nil {
		line("escrow", fmt.Sprintf("%s, to key %d", strings.Join(r.Escrow.Types, ", "), r.Escrow.Key))
	}
	if a := r.Analyzer; a != nil {
		entities := "all it knows"
		if len(a.Entities) > 0 {
			entities = strings.Join(a.Entities, ", ")
		}
		line("analyzer", fmt.Sprintf("%s, %s, %s, at most %s", a.URL, a.Language, entities, a.Timeout))
	}
}
