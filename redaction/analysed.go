package redaction

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/afterimage/afterimage/redaction/analyzer"
)

// An Analyzer finds what only a model of language can, such as names, in the
// texts of one event at a time; [analyzer.Client] is one. It is given texts
// that are already redacted, and answers with a slice of spans for each: inside
// the text and on the borders of characters. An error makes redaction fail
// closed. It must be safe for concurrent use.
type Analyzer interface {
	Analyze(ctx context.Context, texts []string) ([][]analyzer.Span, error)
}

// A stage is what the scan does with the texts it comes to.
type stage uint8

const (
	detecting  stage = iota // looks for what the detectors find
	collecting              // notes the texts, for the analyser
	applying                // replaces what the analyser found in them
)

// analyse asks the analyser about the texts that were collected. It reports
// whether there is anything to apply.
func (sc *scan) analyse(a Analyzer) (bool, error) {
	spans, err := a.Analyze(sc.clock.ctx, sc.leaves)
	if err != nil {
		return false, err
	}
	if len(spans) != len(sc.leaves) { // nothing is known about the others
		return false, fmt.Errorf("%w: about %d of %d texts", analyzer.ErrMalformed, len(spans), len(sc.leaves))
	}
	sc.analysed, sc.leaves = spans, nil
	return slices.ContainsFunc(spans, func(s []analyzer.Span) bool { return len(s) > 0 }), nil
}

// leafStage does what stage says with one text, other than detecting.
func (sc *scan) leafStage(s string) error {
	if sc.stage == collecting {
		sc.leaves = append(sc.leaves, strings.Clone(s))
		return nil
	}
	found := sc.analysed[0]
	sc.analysed = sc.analysed[1:]
	slices.SortFunc(found, func(a, b analyzer.Span) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(b.End, a.End), cmp.Compare(b.Score, a.Score))
	})
	last := 0
	for _, sp := range found {
		start := behindToken(s, max(sp.Start, last))
		if start >= sp.End {
			continue
		}
		end, _ := clearOfTokens(s, start, sp.End)
		value := s[start:end]
		rule := sc.t.ruleOf(sp.Type)
		edits := len(sc.edits)
		if err := sc.replace(rule, strings.ToLower(strings.TrimSpace(value)), value, start, end, 0); err != nil {
			return err
		}
		if len(sc.edits) == edits {
			sc.kept = append(sc.kept, edit{rule: rule, start: start, end: end})
			continue
		}
		last = end
	}
	return nil
}

// behindToken returns i or, where that is within a replacement, its end.
func behindToken(s string, i int) int {
	for at := max(0, i-maxReplacement); at < i; at++ {
		if n := replacement(s[at:]); n > 0 {
			if at+n > i {
				return at + n
			}
			at += n - 1
		}
	}
	return i
}

// analyserName is the detector that stands in the record for what the analyser
// found.
const analyserName = "analyzer"

// ruleOf returns the rule for what the analyser finds.
func (t *tables) ruleOf(typ string) *rule {
	return &rule{typ: typ, name: analyserName, version: 1, op: operatorOf(t.operators, &Detector{Type: typ, Name: analyserName}), source: "the remote analyser"}
}

// analysedText does to one text that was redacted what the analyser says, and
// returns the edits of all.
func (sc *scan) analysedText(a Analyzer, before, text string, edits []edit, m mode) (string, []edit, error) {
	defer func() { sc.stage = detecting }()
	sc.stage = collecting
	if err := sc.search(text, m); err != nil {
		return "", nil, err
	}
	if any, err := sc.analyse(a); err != nil || !any {
		return text, edits, err
	}
	sc.stage = applying
	if err := sc.search(text, m); err != nil {
		return "", nil, err
	}
	all := compose(edits, sc.edits)
	out := apply(before, all)
	sc.stage = detecting
	return sc.settle(before, out, all, m)
}
