package policy

import (
	"bytes"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// locate returns where in the document the character at the given line and
// column of a scalar's value stands. Values differ from their text by quotes,
// escapes, indentation and folded lines.
func (p *parser) locate(n *yaml.Node, line, column int) (int, int) {
	c := cursor{rest: bytes.TrimPrefix(p.source, []byte("\ufeff")), line: 1, column: 1}
	c.enter(n)
	valueLine, valueColumn := 1, 1
	for _, r := range n.Value {
		c.meet(r)
		if valueLine == line && valueColumn >= column {
			break
		}
		c.next()
		if valueColumn++; r == '\n' {
			if valueLine == line {
				break
			}
			valueLine, valueColumn = valueLine+1, 1
		}
	}
	return c.line, c.column
}

// A cursor is a place in the text of a document.
type cursor struct {
	rest         []byte // from the place on
	line, column int
	style        yaml.Style // of the scalar it is in
	escape       int        // characters that the one character at the place takes; 0: one
}

// enter moves to the first character of the scalar's value.
func (c *cursor) enter(n *yaml.Node) {
	for len(c.rest) > 0 && (c.line < n.Line || c.line == n.Line && c.column < n.Column) {
		c.step()
	}
	c.style = n.Style
	switch {
	case c.style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0:
		c.step()
	case c.style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		for line := c.line; len(c.rest) > 0 && c.line == line; {
			c.step()
		}
	}
}

// meet moves over white space that is not part of the value, up to the text
// of its next character r.
func (c *cursor) meet(r rune) {
	c.escape = 0
	for len(c.rest) > 0 {
		found, _ := utf8.DecodeRune(c.rest)
		switch {
		case c.style&yaml.DoubleQuotedStyle != 0 && found == '\\':
			if after := c.rest[1:]; len(after) > 0 && after[0] != '\n' && after[0] != '\r' {
				c.escape = escapeLength(after[0])
				return
			}
			c.step() // a line break that is no part of the value follows
		case found == r:
			if c.style&yaml.SingleQuotedStyle != 0 && r == '\'' {
				c.escape = 2
			}
			return
		case bytes.ContainsRune([]byte(" \t\r\n"), found) && r != ' ' && r != '\n':
			c.step()
		default:
			return // a line break that stands for r, or text we do not understand
		}
	}
}

// next moves over the character at the place.
func (c *cursor) next() {
	for range max(c.escape, 1) {
		c.step()
	}
}

func (c *cursor) step() {
	if len(c.rest) == 0 {
		return
	}
	r, size := utf8.DecodeRune(c.rest)
	c.rest = c.rest[size:]
	if c.column++; r == '\n' {
		c.line, c.column = c.line+1, 1
	}
}

// escapeLength returns the length of a double-quoted escape whose second
// character is b, with its backslash.
func escapeLength(b byte) int {
	switch b {
	case 'x':
		return 4
	case 'u':
		return 6
	case 'U':
		return 10
	}
	return 2
}
