// Package afterimagev1 is the events and the API, as the protos beside it say.
package afterimagev1

import _ "embed" // the schema

// EventProto is event.proto as it stands, for those who are to read the stored
// bytes of an event without this program.
//
//go:embed event.proto
var EventProto string
