package redaction

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"
)

// An edit replaces text[start:end] by repl. The edits of a text are in order
// and do not overlap.
type edit struct {
	*rule
	start, end       int
	near             bool // a word near it says so
	also             bool // another detector's finding won its place
	repl             string
	token, original  string // where the original is to be sealed
	quote            int    // how deep in JSON strings repl needs quotes about it: 0 not at all
	outStart, outEnd int    // where repl stands in the result; set by apply
}

// mode says how a text is to be read.
type mode int

const (
	prose mode = iota // JSON if it is an object or an array
	tool              // JSON if it is any JSON value
)

// redact returns s with everything replaced, and the edits, which are valid
// until the next call. It searches until there is nothing more to find, so
// that a second pass changes nothing: a replacement can uncover a span, for
// example by taking away the letters before a number.
func (sc *scan) redact(s string, m mode) (string, []edit, error) {
	if err := sc.search(s, m); err != nil || len(sc.edits) == 0 {
		return s, nil, err
	}
	all := slices.Clone(sc.edits)
	return sc.settle(s, apply(s, all), all, m)
}

// redactIn does with s what the stage says.
func (sc *scan) redactIn(s string, m mode) (string, []edit, error) {
	if sc.stage == detecting {
		return sc.redact(s, m)
	}
	if err := sc.search(s, m); err != nil || len(sc.edits) == 0 {
		return s, nil, err
	}
	return apply(s, sc.edits), sc.edits, nil
}

// settle searches out, which is s with the edits in all made, until nothing
// more is found in it.
func (sc *scan) settle(s, out string, all []edit, m mode) (string, []edit, error) {
	first := len(sc.kept)
	for range maxRounds {
		if err := sc.search(out, m); err != nil {
			return "", nil, err
		}
		sc.kept = sc.kept[:first]
		if len(sc.edits) == 0 {
			return out, all, nil
		}
		all = compose(all, sc.edits)
		out = apply(s, all)
	}
	return "", nil, ErrUnsettled
}

// search fills sc.edits with what is found in s, and appends to sc.kept what
// is found and stays.
func (sc *scan) search(s string, m mode) error {
	sc.edits = sc.edits[:0]
	return sc.document(s, m, 0, "")
}

// leaf searches a text that has no structure and stands under a key, "" for
// none, and appends the edits.
func (sc *scan) leaf(s, key string) error {
	if sc.stage != detecting {
		return sc.leafStage(s)
	}
	sc.under(key)
	if err := sc.text(s); err != nil {
		return err
	}
	if err := sc.viewed(s, key); err != nil || len(sc.spans) == 0 {
		return err
	}
	sc.setAside()
	for _, sp := range resolve(sc.spans) {
		value := s[sp.start:sp.end]
		if meant := meaning(value); sp.decoded && utf8.ValidString(meant) {
			value = meant
		}
		if err := sc.replace(sc.ruleAt(sp.det), sc.normalAt(sp.det, value), value, sp.start, sp.end, 0); err != nil {
			return err
		}
		if n := len(sc.edits); n > 0 && sc.edits[n-1].start == sp.start {
			sc.edits[n-1].near = sp.sure
		}
	}
	return nil
}

// setAside moves the spans that stay to sc.kept: they hide none of the others.
func (sc *scan) setAside() {
	spans := sc.spans[:0]
	for _, sp := range sc.spans {
		if r := sc.ruleAt(sp.det); r.op == Keep {
			sc.kept = append(sc.kept, edit{rule: r, start: sp.start, end: sp.end, near: sp.sure})
			continue
		}
		spans = append(spans, sp)
	}
	sc.spans = spans
	if !sc.reports {
		return
	}
	for _, sp := range spans {
		sc.kept = append(sc.kept, edit{rule: sc.ruleAt(sp.det), start: sp.start, end: sp.end, near: sp.sure, also: true})
	}
}

// replace appends the edit that does with text[start:end], which means value,
// what the rule says. normal is the normal form of the value.
func (sc *scan) replace(r *rule, normal, value string, start, end, quote int) error {
	e := edit{rule: r, start: start, end: end, quote: quote}
	switch r.op {
	case Mask:
		e.repl = masked(r.typ)
	case Generalise:
		e.repl = generalised(r.typ, value)
	case Pseudonymise:
		t, err := sc.pseudonym.token(strings.Clone(normal))
		if err != nil {
			return err
		}
		e.repl = "[" + r.typ + ":" + t + "]"
		if e.token = t; sc.escrow != nil && sc.escrow.types[r.typ] {
			e.original = strings.Clone(value)
		}
	case Keep:
		return nil
	}
	if e.repl == value && r.op != Drop {
		return nil // a mask in a place that asks for one is done
	}
	sc.edits = append(sc.edits, e)
	return nil
}

// resolve joins overlaps: the leftmost span wins and takes in what goes beyond
// it, then the longest, then what a word near it speaks for, then that of the
// detector that stands first.
func resolve(spans []span) []span {
	slices.SortFunc(spans, func(a, b span) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(b.end, a.end), cmp.Compare(doubt(a), doubt(b)), cmp.Compare(a.det, b.det))
	})
	kept := spans[:0]
	end := 0
	for _, sp := range spans {
		if sp.start >= end {
			kept = append(kept, sp)
			end = sp.end
		} else if sp.end > end {
			kept[len(kept)-1].end, end = sp.end, sp.end // nothing that was found stays
		}
	}
	return kept
}

func doubt(s span) int {
	if s.sure {
		return 0
	}
	return 1
}

// apply returns s with the edits made and notes where they came to stand.
func apply(s string, edits []edit) string {
	var b strings.Builder
	size := len(s)
	for i := range edits {
		size += len(edits[i].repl) + 2*edits[i].quote
	}
	b.Grow(size)
	at := 0
	for i := range edits {
		e := &edits[i]
		b.WriteString(s[at:e.start])
		e.outStart = b.Len()
		q := quotes(e.quote)
		b.WriteString(q)
		b.WriteString(e.repl)
		b.WriteString(q)
		e.outEnd = b.Len()
		at = e.end
	}
	b.WriteString(s[at:])
	return b.String()
}

// quotes returns a quotation mark as it is written n JSON strings deep,
// counted from 1; "" for 0.
func quotes(n int) string {
	if n == 0 {
		return ""
	}
	return strings.Repeat(`\`, 1<<(n-1)-1) + `"`
}

// compose returns the edits that do what first and then next do, where next
// are edits of the result of first. An edit of next either keeps clear of a
// replacement or takes in the whole of it.
func compose(first, next []edit) []edit {
	var all []edit
	i := 0
	for _, n := range next {
		for i < len(first) && first[i].outEnd <= n.start {
			all = append(all, first[i])
			i++
		}
		start, end := origin(first, n.start), originEnd(first, n.end)
		for i < len(first) && first[i].outStart < n.end {
			start, end = min(start, first[i].start), max(end, first[i].end)
			i++
		}
		n.start, n.end = start, end
		all = append(all, n)
	}
	return append(all, first[i:]...)
}

// originEnd is origin for the end of a span: what was dropped right there is
// no part of it.
func originEnd(edits []edit, out int) int {
	i, _ := slices.BinarySearchFunc(edits, out, func(e edit, out int) int {
		if e.outEnd <= out && e.outStart < out {
			return -1
		}
		return 1
	})
	if i == 0 {
		return out
	}
	return edits[i-1].end + out - edits[i-1].outEnd
}

// origin maps an offset in the result of edits to one in the text before.
func origin(edits []edit, out int) int {
	i, _ := slices.BinarySearchFunc(edits, out, func(e edit, out int) int {
		if e.outEnd <= out {
			return -1
		}
		return 1
	})
	if i == 0 {
		return out
	}
	return edits[i-1].end + out - edits[i-1].outEnd
}

// forward maps an offset in a text to one in the result of edits. What lies
// within a replaced span comes to the end of its replacement.
func forward(edits []edit, in int) int {
	i, _ := slices.BinarySearchFunc(edits, in, func(e edit, in int) int {
		if e.start < in {
			return -1
		}
		return 1
	})
	if i == 0 {
		return in
	}
	e := &edits[i-1]
	return e.outEnd + max(0, in-e.end)
}
