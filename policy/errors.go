package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// An Error is one thing wrong with a condition or a policy document, and
// where. It is bad input: whoever wrote the condition can mend it.
type Error struct {
	Line, Column int    // of the text given, in characters, counted from 1
	Reason       string // one line
}

// Error returns position and reason in one line.
func (e *Error) Error() string {
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Reason)
}

// Errors is everything wrong with a policy document, in the order of its
// text. errors.As finds the first [*Error] in it.
type Errors []*Error

// Error lists all problems in one line.
func (es Errors) Error() string {
	texts := make([]string, len(es))
	for i, e := range es {
		texts[i] = e.Error()
	}
	return strings.Join(texts, "; ")
}

// Unwrap returns the problems.
func (es Errors) Unwrap() []error {
	errs := make([]error, len(es))
	for i, e := range es {
		errs[i] = e
	}
	return errs
}

func (es Errors) sort() {
	slices.SortStableFunc(es, byPosition)
}

func byPosition(a, b *Error) int {
	return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
}
