package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/client"
)

// open returns a client of the store; nothing is sent yet.
func (f storeFlag) open() (*client.Client, error) {
	c, err := client.New(client.Config{Address: f.Server})
	if err != nil {
		return nil, usage("--server %q: want host:port, the gRPC address of `afterimage serve`", f.Server)
	}
	return c, nil
}

// explain turns the error of a call into one line that says what to do.
func (f storeFlag) explain(err error) error {
	e, ok := errors.AsType[*client.Error](err)
	switch {
	case errors.Is(err, client.ErrCutOff):
		return fmt.Errorf("the answer of %s was cut off", f.Server)
	case !ok:
		return err
	case errors.Is(e, context.Canceled):
		return context.Canceled
	case errors.Is(e, client.ErrUnavailable):
		return fmt.Errorf("no answer from %s: is `afterimage serve` running? Its gRPC address goes into --server or AFTERIMAGE_SERVER", f.Server)
	case errors.Is(e, client.ErrInvalid):
		return coded{errors.New(visible(inFlags(e))), exitUsage}
	case errors.Is(e, client.ErrTampered):
		return coded{fmt.Errorf("%s: run `afterimage verify`", visible(e.Error())), exitTampered}
	}
	return errors.New(visible(e.Error()) + nextSteps[e.Reason])
}

// nextSteps are what to do about reasons that name no step themselves.
var nextSteps = map[client.Reason]string{
	client.ErrUnknownPerson: "; nothing was erased",
	client.ErrReleased:      ": what it covered has its own time again; place another with afterimage hold place",
}

// fieldFlags are what fields of requests are called on the command line.
var fieldFlags = map[string]string{
	"pageSize": "--limit", "maxResults": "--limit", "maxClusters": "--limit", "pageToken": "--page-token", "orderBy": "--order",
	"textKinds": "--in", "groupBy": "--by", "histogramBins": "--histogram", "sessions": "--session", "seqs": "--seq",
	"tenant": "--tenant", "filter": "--filter", "text": "--text", "since": "--since", "until": "--until", "timeout": "--timeout",
	"threshold": "--threshold", "interval": "--interval", "quantiles": "--quantiles", "limit": "--limit",
	"actor": "--actor", "reason": "--reason", "approvals": "--approved-by", "replaces": "--replaces", "incident": "--incident", "format": "--format",
	"caseId": "--case", "authority": "--authority", "owners": "--owner", "user": "--user", "hold": "HOLD", "request": "REQUEST",
	"scope": "what to hold", "scope.filter": "--filter", "scope.text": "--text", "scope.sessions": "--session", "scope.users": "--user",
	"scope.since": "--since", "scope.until": "--until",
}

// fieldNames finds names of fields in a text, which are no words of any language.
var fieldNames = regexp.MustCompile(`\b(pageSize|maxResults|maxClusters|pageToken|orderBy|textKinds|groupBy|histogramBins)\b`)

// inFlags is what is wrong with a request, in the words of whoever typed it.
func inFlags(e *client.Error) string {
	var all []string
	for _, v := range e.Violations {
		reason := fieldNames.ReplaceAllStringFunc(v.Reason, func(field string) string { return fieldFlags[field] })
		list, _, _ := strings.Cut(v.Field, "[") // approvals[0]
		all = append(all, strings.TrimPrefix(cmp.Or(fieldFlags[list], v.Field)+": "+reason, ": "))
	}
	return cmp.Or(strings.Join(all, "; "), e.Error())
}

// given returns the value of a flag that may be left out, and is not to be blank: an
// empty variable of a script must not ask for everything.
func given(flag string, value *string) (string, error) {
	if value == nil {
		return "", nil
	}
	if strings.TrimSpace(*value) == "" {
		return "", usage("%s is blank: leave it out to ask for everything", flag)
	}
	return *value, nil
}

// compactJSON is proto3 JSON without white space, the same for the same
// message at all times. seq is written where proto3 would leave a zero out:
// the first event of a log has a position like any other.
func compactJSON(m proto.Message) ([]byte, error) {
	text, err := protojson.Marshal(m)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := json.Compact(&b, text); err != nil {
		return nil, err
	}
	if s, ok := m.(interface{ GetSeq() uint64 }); ok && s.GetSeq() == 0 && b.Len() > len("{}") && !hasSeq(m) {
		return append([]byte(`{"seq":"0",`), b.Bytes()[1:]...), nil
	}
	return b.Bytes(), nil
}

// hasSeq tells whether the message says its seq, which JSON then has.
func hasSeq(m proto.Message) bool {
	fd := m.ProtoReflect().Descriptor().Fields().ByName("seq")
	return fd != nil && m.ProtoReflect().Has(fd)
}

// parseTimes reads --since and --until; what is not given is zero.
func parseTimes(since, until string, now time.Time) (from, to time.Time, err error) {
	for _, bound := range []struct {
		text string
		to   *time.Time
	}{{since, &from}, {until, &to}} {
		if bound.text != "" && err == nil {
			*bound.to, err = parseTime(bound.text, now)
		}
	}
	return from, to, err
}

// parseStamps is parseTimes, for messages; what is not given is nil.
func parseStamps(since, until string, now time.Time) (from, to *timestamppb.Timestamp, err error) {
	first, last, err := parseTimes(since, until, now)
	if !first.IsZero() {
		from = timestamppb.New(first)
	}
	if !last.IsZero() {
		to = timestamppb.New(last)
	}
	return from, to, err
}

// parseTime reads RFC 3339, a date, or an age such as 90m, 2h or 3d.
func parseTime(s string, now time.Time) (time.Time, error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), nil
		}
	}
	age := strings.TrimSpace(strings.TrimSuffix(s, "ago"))
	if days, ok := strings.CutSuffix(age, "d"); ok {
		var n float64
		if _, err := fmt.Sscanf(days+" ", "%g ", &n); err == nil && n >= 0 {
			return now.Add(-time.Duration(n * float64(24*time.Hour))), nil
		}
	}
	if d, err := time.ParseDuration(age); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	return time.Time{}, usage("%q is no time: give 2026-11-22T03:00:00Z, 2026-11-22, or an age such as 90m, 2h or 3d", s)
}
