package main

import (
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"
)

// A typed command is one that could be typed, with its words quoted for a shell.
type typed struct{ words []string }

func newTyped(words ...string) *typed {
	return (&typed{}).add(append([]string{"afterimage"}, words...)...)
}

func (t *typed) add(words ...string) *typed {
	for _, w := range words {
		t.words = append(t.words, quoted(w))
	}
	return t
}

// flag adds a flag for each value that is not empty.
func (t *typed) flag(name string, values ...string) {
	for _, v := range values {
		if v != "" {
			t.add(name, v)
		}
	}
}

// needed adds a flag with its value, or with a word that stands for it.
func (t *typed) needed(name, value, word string) {
	if value == "" {
		value = word
	}
	t.add(name, value)
}

// stamp adds a flag for a time, if there is one.
func (t *typed) stamp(name string, at *timestamppb.Timestamp) {
	if at != nil {
		t.add(name, at.AsTime().Format(time.RFC3339Nano))
	}
}

// tenant adds whose events it is about, unless it is about them anyway.
func (t *typed) tenant(f tenantFlag) {
	if f.Tenant != "default" {
		t.add("--tenant", f.Tenant)
	}
}

// String is the command.
func (t *typed) String() string { return visible(strings.Join(t.words, " ")) }
