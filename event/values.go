package event

import (
	"math"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// need says whether an empty string is a violation.
type need bool

const (
	required need = true
	optional need = false
)

// text accepts any UTF-8.
func (v *validator) text(name, s string) {
	if !utf8.ValidString(s) {
		v.add(name, "is not valid UTF-8")
	}
}

// name accepts UTF-8 of up to MaxName characters.
func (v *validator) name(name, s string, n need) { v.bounded(name, s, MaxName, n) }

// id accepts an event id: up to MaxID printable characters.
func (v *validator) id(name, s string, n need) {
	v.bounded(name, s, MaxID, n)
	v.printable(name, s)
}

// label accepts a name of printable characters, or none.
func (v *validator) label(name, s string) {
	v.name(name, s, optional)
	v.printable(name, s)
}

func (v *validator) bounded(name, s string, limit int, n need) {
	if s == "" {
		if n == required {
			v.add(name, "is missing")
		}
		return
	}
	v.text(name, s)
	if len(s) <= limit {
		return
	}
	if have := utf8.RuneCountInString(s); have > limit {
		v.add(name, "has %d characters: the limit is %d", have, limit)
	}
}

// printable refuses characters that do not show: controls, format characters
// (which reverse or hide text), and line and paragraph separators.
func (v *validator) printable(name, s string) {
	position := 0
	for _, r := range s {
		position++
		if r < ' ' || r == 0x7f || r > unicode.MaxASCII && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) {
			v.add(name, "has the unprintable character U+%04X at position %d", r, position)
			return
		}
	}
}

// hex accepts the empty string or exactly n lower-case hexadecimal digits.
func (v *validator) hex(name, s string, n int) {
	if s == "" {
		return
	}
	if len(s) != n || strings.Trim(s, "0123456789abcdef") != "" {
		v.add(name, "is not %d lower-case hexadecimal digits", n)
	}
}

func (v *validator) count(name string, have, limit int) {
	if have > limit {
		v.add(name, "has %d elements: the limit is %d", have, limit)
	}
}

// unit accepts a number in [0, 1].
func (v *validator) unit(name string, x float64) {
	switch {
	case math.IsNaN(x):
		v.add(name, "is not a number")
	case x < 0:
		v.add(name, "%v is below 0", x)
	case x > 1:
		v.add(name, "%v is above 1", x)
	}
}

// probability accepts a number in (0, 1] or its absence.
func (v *validator) probability(name string, p *float64) {
	switch {
	case p == nil:
	case *p == 0:
		v.add(name, "is 0: want a number above 0")
	default:
		v.unit(name, *p)
	}
}

// finite accepts a number that is neither infinite nor NaN, or its absence.
func (v *validator) finite(name string, x *float64) {
	if x != nil && (math.IsNaN(*x) || math.IsInf(*x, 0)) {
		v.add(name, "is not a finite number")
	}
}

func (v *validator) notNegative(name string, x int64) {
	if x < 0 {
		v.add(name, "%d is below 0", x)
	}
}

// time accepts a required time from 2000 to an hour from now.
func (v *validator) time(name string, ts *timestamppb.Timestamp) {
	if ts == nil {
		v.add(name, "is missing")
		return
	}
	v.enter(name, -1)
	v.unknown(ts)
	v.leave()
	if !ts.IsValid() {
		v.add(name, "is not a valid time")
		return
	}
	t := ts.AsTime()
	if t.Before(earliest) {
		v.add(name, "is %s: before %s", t.Format(time.RFC3339), earliest.Format(time.DateOnly))
	}
	if limit := v.now.Add(maxAhead); t.After(limit) {
		v.add(name, "is %s: more than an hour ahead of %s",
			t.Format(time.RFC3339), v.now.UTC().Format(time.RFC3339))
	}
}

// duration accepts a valid duration of 0 or more, or its absence.
func (v *validator) duration(name string, d *durationpb.Duration) {
	if d == nil {
		return
	}
	v.enter(name, -1)
	v.unknown(d)
	v.leave()
	switch {
	case !d.IsValid():
		v.add(name, "is not a valid duration")
	case d.Seconds < 0 || d.Nanos < 0:
		v.add(name, "%s is below 0", d.AsDuration())
	}
}

// An enum is a generated enumeration.
type enum interface {
	Descriptor() protoreflect.EnumDescriptor
	Number() protoreflect.EnumNumber
}

func (v *validator) enum(name string, x enum) {
	if n := x.Number(); n != 0 && x.Descriptor().Values().ByNumber(n) == nil {
		v.add(name, "%d is not one of its values", n)
	}
}

// empty reports whether a message that must be there is not; what getters
// return for it is then zero.
func (v *validator) absent(m proto.Message) bool {
	if m.ProtoReflect().IsValid() {
		return false
	}
	v.add("", "is missing")
	return true
}
