package policy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// A parser reads one document and gathers what is wrong with it, and what stands
// out.
type parser struct {
	source   []byte
	errors   Errors
	warnings []Warning
}

func (p *parser) fail(n *yaml.Node, format string, args ...any) {
	p.failAt(n.Line, n.Column, fmt.Sprintf(format, args...))
}

func (p *parser) failAt(line, column int, reason string) {
	if len(p.errors) < maxErrors {
		p.errors = append(p.errors, &Error{max(line, 1), max(column, 1), reason})
	}
}

// maxErrors bounds how much is said about one hopeless document.
const maxErrors = 100

// root returns the document's one mapping, or nil after a complaint.
func (p *parser) root() *yaml.Node {
	if len(p.source) > MaxSource {
		p.failAt(1, 1, fmt.Sprintf("the policy is longer than %d bytes", MaxSource))
		return nil
	}
	if err := badCharacter(p.source); err != nil {
		p.errors = append(p.errors, err)
		return nil
	}
	decoder := yaml.NewDecoder(bytes.NewReader(p.source))
	var first, second yaml.Node
	if err := decoder.Decode(&first); errors.Is(err, io.EOF) {
		p.failAt(1, 1, "the policy is empty")
		return nil
	} else if err != nil {
		p.failSyntax(err)
		return nil
	}
	if err := decoder.Decode(&second); err == nil {
		p.fail(&second, "a second document begins here")
		return nil
	} else if !errors.Is(err, io.EOF) {
		p.failSyntax(err)
		return nil
	}
	return first.Content[0]
}

// badCharacter finds what is no UTF-8, and what YAML takes for the end of a
// line though editors do not: with it, lines would be counted differently.
func badCharacter(source []byte) *Error {
	line, column := 1, 1
	for i := 0; i < len(source); {
		r, size := utf8.DecodeRune(source[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			return &Error{line, column, "is not valid UTF-8"}
		case r == '\r' && !bytes.HasPrefix(source[i+1:], []byte("\n")), r == '\u0085', r == '\u2028', r == '\u2029':
			return &Error{line, column, "ends a line as only YAML does: want a line feed"}
		}
		if i, column = i+size, column+1; r == '\n' {
			line, column = line+1, 1
		}
	}
	return nil
}

var syntaxLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)

// failSyntax reports what the YAML parser said, which names at most a line.
func (p *parser) failSyntax(err error) {
	line, text := 1, oneLine(err.Error())
	if m := syntaxLine.FindStringSubmatch(text); m != nil {
		line, _ = strconv.Atoi(m[1])
		text = m[2]
	}
	p.failAt(line, 1, text)
}

// mapping returns the values of a mapping by key. It complains of keys that
// are not known, or of any if none are given.
func (p *parser) mapping(n *yaml.Node, what string, known ...string) map[string]*yaml.Node {
	if !p.plain(n, yaml.MappingNode, what, "a mapping") {
		return nil
	}
	values := make(map[string]*yaml.Node)
	for key, value := range pairs(n) {
		if !p.plain(key, yaml.ScalarNode, "key", "a word") {
			continue
		}
		if _, ok := values[key.Value]; ok {
			p.fail(key, "%s is given twice", key.Value)
			continue
		}
		if len(known) > 0 && !slices.Contains(known, key.Value) {
			p.fail(key, "%s is no key of a %s: want %s", short(key.Value), what, strings.Join(known, ", "))
			continue
		}
		values[key.Value] = value
	}
	return values
}

func pairs(n *yaml.Node) iter.Seq2[*yaml.Node, *yaml.Node] {
	return func(yield func(key, value *yaml.Node) bool) {
		for i := 0; i+1 < len(n.Content); i += 2 {
			if !yield(n.Content[i], n.Content[i+1]) {
				return
			}
		}
	}
}

// plain complains unless n is of the kind, without anchor, alias or tag.
func (p *parser) plain(n *yaml.Node, kind yaml.Kind, what, want string) bool {
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		p.fail(n, "anchors and aliases have no meaning in a policy")
	case n.Style&yaml.TaggedStyle != 0:
		p.fail(n, "tags have no meaning in a policy")
	case n.Kind != kind:
		p.fail(n, "%s is not %s", what, want)
	default:
		return true
	}
	return false
}

func (p *parser) required(parent *yaml.Node, fields map[string]*yaml.Node, key string) *yaml.Node {
	n := fields[key]
	if n == nil && !slices.ContainsFunc(parent.Content, func(k *yaml.Node) bool { return k.Value == key }) {
		p.fail(parent, "%s is missing", key)
	}
	return n
}

// short cuts what a complaint repeats of the document.
func short(s string) string {
	if len(s) <= 64 {
		return oneLine(s)
	}
	return oneLine(strings.ToValidUTF8(s[:64], "")) + "…"
}
