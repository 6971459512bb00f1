package event

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// uint reads an integer of the given size that is not negative.
func (d *jsonDecoder) uint(size int) (uint64, error) {
	start := d.pos
	b, err := d.number()
	if err != nil {
		return 0, err
	}
	if s, ok := integer(b); ok {
		if n, err := strconv.ParseUint(s, 10, size); err == nil {
			return n, nil
		}
	}
	return 0, d.wrong(start, "is not a whole number from 0 to "+strconv.FormatUint(math.MaxUint64>>(64-size), 10))
}

// int reads an integer of the given size.
func (d *jsonDecoder) int(size int) (int64, error) {
	start := d.pos
	b, err := d.number()
	if err != nil {
		return 0, err
	}
	if s, ok := integer(b); ok {
		if n, err := strconv.ParseInt(s, 10, size); err == nil {
			return n, nil
		}
	}
	limit := int64(math.MaxInt64) >> (64 - size)
	return 0, d.wrong(start, "is not a whole number from "+strconv.FormatInt(-limit-1, 10)+" to "+strconv.FormatInt(limit, 10))
}

// integer writes a JSON number without fraction and exponent, if it is a whole
// number of at most 20 digits or so: `1.50e2` is 150.
func integer(b []byte) (string, bool) {
	if len(b) < 20 && digits(b) == len(b) {
		return string(b), true
	}
	sign := ""
	if b[0] == '-' {
		sign, b = "-", b[1:]
	}
	b, exponent, ok := cutExponent(b)
	whole, fraction, _ := bytes.Cut(b, []byte("."))
	whole = bytes.TrimLeft(whole, "0")
	fraction = bytes.TrimRight(fraction, "0")
	switch {
	case len(whole)+len(fraction) == 0:
		return "0", true
	case !ok || len(fraction) > max(exponent, 0) || len(whole)+exponent > 20 || len(whole)+exponent < 0:
		return "", false
	case exponent >= 0:
		zeros := strings.Repeat("0", exponent-len(fraction))
		return sign + string(whole) + string(fraction) + zeros, true
	}
	whole, cut := whole[:len(whole)+exponent], whole[len(whole)+exponent:]
	return sign + string(whole), len(whole) > 0 && len(bytes.Trim(cut, "0")) == 0
}

// cutExponent splits a number before its exponent.
func cutExponent(b []byte) (mantissa []byte, exponent int, ok bool) {
	i := bytes.IndexAny(b, "eE")
	if i < 0 {
		return b, 0, true
	}
	n, err := strconv.ParseInt(string(b[i+1:]), 10, 32)
	return b[:i], int(n), err == nil
}

// float reads a number; the strings NaN, Infinity and -Infinity are numbers
// here, which validation refuses where they mean nothing.
func (d *jsonDecoder) float() (float64, error) {
	if d.space() == '"' {
		for word, x := range notFinite {
			if d.literal(word) {
				d.pos += len(word)
				return x, nil
			}
		}
	}
	start := d.pos
	b, err := d.number()
	if err != nil {
		return 0, err
	}
	if len(b) == 1 {
		return float64(b[0] - '0'), nil
	}
	x, err := strconv.ParseFloat(string(b), 64)
	if err != nil {
		return 0, d.wrong(start, "is a number too large")
	}
	return x, nil
}

var notFinite = map[string]float64{
	`"NaN"`:       math.NaN(),
	`"Infinity"`:  math.Inf(1),
	`"-Infinity"`: math.Inf(-1),
}

// enum reads a value of an enumeration by name or number.
func (d *jsonDecoder) enum(values map[string]int32) (int32, error) {
	if d.space() != '"' {
		n, err := d.int(32)
		return int32(n), err
	}
	start := d.pos
	name, err := d.quoted("a name")
	if err != nil {
		return 0, err
	}
	n, ok := values[string(name)]
	if !ok {
		return 0, d.wrong(start, "is none of "+strings.Join(named(values), ", "))
	}
	return n, nil
}

// named returns the names of values that may be given, by their numbers.
func named(values map[string]int32) []string {
	names := slices.SortedFunc(maps.Keys(values), func(a, b string) int { return cmp.Compare(values[a], values[b]) })
	return slices.DeleteFunc(names, func(name string) bool { return strings.HasSuffix(name, "_UNSPECIFIED") })
}

// bytes reads base64 in its standard or URL alphabet, padded or not.
func (d *jsonDecoder) bytes() ([]byte, error) {
	start := d.pos
	s, err := d.quoted("a string of base64")
	if err != nil {
		return nil, err
	}
	encoding := base64.StdEncoding
	if bytes.ContainsAny(s, "-_") {
		encoding = base64.URLEncoding
	}
	if len(s)%4 != 0 {
		encoding = encoding.WithPadding(base64.NoPadding)
	}
	b, err := encoding.AppendDecode(make([]byte, 0, encoding.DecodedLen(len(s))), s)
	if err != nil {
		return nil, d.wrong(start, "is not base64")
	}
	return b, nil
}

// timestamp reads a time as RFC 3339 writes it, down to nanoseconds.
func (d *jsonDecoder) timestamp() (*timestamppb.Timestamp, error) {
	start := d.pos
	b, err := d.quoted("a time such as 2026-11-22T03:00:00Z")
	if err != nil {
		return nil, err
	}
	t, err := time.Parse(time.RFC3339Nano, string(b))
	dot, zone := bytes.LastIndexByte(b, '.'), bytes.LastIndexAny(b, "Z-+")
	ts := &timestamppb.Timestamp{Seconds: t.Unix(), Nanos: int32(t.Nanosecond())}
	if err != nil || !ts.IsValid() || dot >= 0 && zone-dot > len(".999999999") {
		return nil, d.wrong(start, "is not a time such as 2026-11-22T03:00:00Z")
	}
	return ts, nil
}

// duration reads a number of seconds such as "1.5s".
func (d *jsonDecoder) duration() (*durationpb.Duration, error) {
	const want = `a duration such as 1.5s`
	start := d.pos
	b, err := d.quoted(want)
	if err != nil {
		return nil, err
	}
	dur, ok := parseDuration(string(b))
	if !ok || !dur.IsValid() {
		return nil, d.wrong(start, "is not "+want)
	}
	return dur, nil
}

// parseDuration accepts an optional sign, whole seconds and at most nine
// decimals, of which either may be left out, and an s.
func parseDuration(s string) (*durationpb.Duration, bool) {
	s, ok := strings.CutSuffix(s, "s")
	negative := strings.HasPrefix(s, "-")
	if negative || strings.HasPrefix(s, "+") {
		s = s[1:]
	}
	whole, fraction, _ := strings.Cut(s, ".")
	switch {
	case !ok, s == "", len(fraction) > 9, len(whole) > 1 && whole[0] == '0',
		digits([]byte(whole)) != len(whole), digits([]byte(fraction)) != len(fraction):
		return nil, false
	}
	var d durationpb.Duration
	var err error
	if whole != "" {
		if d.Seconds, err = strconv.ParseInt(whole, 10, 64); err != nil {
			return nil, false
		}
	}
	nanos, err := strconv.ParseInt((fraction + "000000000")[:9], 10, 32)
	if err != nil {
		return nil, false
	}
	d.Nanos = int32(nanos)
	if negative {
		d.Seconds, d.Nanos = -d.Seconds, -d.Nanos
	}
	return &d, true
}
