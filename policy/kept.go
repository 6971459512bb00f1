package policy

import (
	"slices"
	"strings"
)

// The class that events are kept in is one that a policy declares, or one made of
// such:
//
//	routine@clinic       what an override for a deployment declares
//	flagged+reported     promoted from one to the other, and each promises something
//	hold:routine         claimed by a hold when its time had come
//
// An event says which class the policy gave it; where it is kept changes when it is
// promoted or held. Of several, the longest holds.
const (
	heldPrefix = "hold:"
	joint      = "+"
	deployed   = "@"
)

// Held returns where events of a class are kept whose time has passed while a
// hold claims them.
func Held(class string) string {
	if _, held := Unheld(class); held {
		return class
	}
	return heldPrefix + class
}

// Unheld returns the class without the hold, and whether there was one.
func Unheld(class string) (string, bool) { return strings.CutPrefix(class, heldPrefix) }

// Parts returns the declared classes that a class is made of, sorted.
func Parts(class string) []string {
	class, _ = Unheld(class)
	return strings.Split(class, joint)
}

// Join returns the class of what is kept as long as either class says.
func Join(a, b string) string {
	parts := append(Parts(a), Parts(b)...)
	slices.Sort(parts)
	joined := strings.Join(slices.Compact(parts), joint)
	if _, held := Unheld(a); held {
		return Held(joined)
	}
	if _, held := Unheld(b); held {
		return Held(joined)
	}
	return joined
}

// At returns the class of events of a deployment for which an override says
// otherwise.
func At(class, deployment string) string { return class + deployed + deployment }

// Is reports whether a class is, or is made of, a declared one.
func Is(class, declared string) bool {
	return class == declared || slices.Contains(Parts(class), declared)
}
