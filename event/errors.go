package event

import (
	"errors"
	"strings"
)

// ErrTooLarge reports a message, batch or event over its limit. Errors that
// wrap it say which limit and how large.
var ErrTooLarge = errors.New("too large")

// A Violation is one thing wrong with an event.
type Violation struct {
	// Path leads to the field in the event's JSON,
	// e.g. `events[3].interaction.verdicts[0].score`.
	Path string
	// Reason completes a sentence that begins with the path, e.g.
	// `1.7 is above 1`. It never quotes content.
	Reason string
}

// A ValidationError lists everything that is wrong with what was given.
type ValidationError struct {
	Violations []Violation // at least one, in document order
}

// Error lists all violations in one line.
func (e *ValidationError) Error() string {
	var b strings.Builder
	for i, v := range e.Violations {
		if i > 0 {
			b.WriteString("; ")
		}
		if v.Path != "" {
			b.WriteString(v.Path + ": ")
		}
		b.WriteString(v.Reason)
	}
	return b.String()
}

func violation(path, reason string) *ValidationError {
	return &ValidationError{Violations: []Violation{{Path: path, Reason: reason}}}
}
