package analyzer

import (
	"maps"
	"slices"
)

// kept are the entities of Presidio of no one country that have the same name
// here (docs/supported_entities.md, and what its NlpEngine makes of the labels
// of models).
var kept = []string{"AGE", "CREDIT_CARD", "IP_ADDRESS", "LOCATION", "MAC_ADDRESS", "NRP", "ORGANIZATION", "PERSON", "URL"}

// Types returns our names of what Presidio finds by itself, sorted, but for
// national numbers that have the same name there as here. A server may know
// more, under names of its own; see TypeOf.
func Types() []string {
	all := slices.AppendSeq(slices.Clone(kept), maps.Values(types))
	slices.Sort(all)
	return slices.Compact(all)
}

// TypeOf returns the type of the spans that a server finds for one of its
// entities, and whether spans can have it.
func TypeOf(entity string) (typ string, ok bool) { return ourType(entity) }
