package policy

import (
	"cmp"
	"slices"
	"strconv"

	"cel.dev/cel-go/common/ast"
)

// Pseudonymous returns a condition as it was written, with the users that it
// names replaced as [Condition.Rewrite] does: a form that can be put on record,
// as far as nothing else in it is personal. Errors as of [Compile], or
// pseudonym's.
func Pseudonymous(expr string, pseudonym func(user string) (string, error)) (string, error) {
	c, err := Compile(expr)
	if err != nil {
		return "", err
	}
	named, err := c.named(pseudonym)
	if err != nil {
		return "", err
	}
	text := []rune(expr) // CEL counts characters
	for _, u := range named {
		text = slices.Replace(text, int(u.at.Start), int(u.at.Stop), []rune(strconv.Quote(u.token))...)
	}
	return string(text), nil
}

// A namedUser is where a condition names a user, and what is to stand there.
type namedUser struct {
	at    ast.OffsetRange
	token string
}

// named returns where the condition names users, the last first.
func (c *Condition) named(pseudonym func(string) (string, error)) (out []namedUser, failed error) {
	in := inspect(c.ast)
	in.walk(in.ast.Expr(), nil, func(e ast.Expr, s *scope) {
		for _, constant := range in.users(e, s) {
			name, _ := stringOf(constant)
			token, err := pseudonym(name)
			at, known := in.ast.SourceInfo().GetOffsetRange(constant.ID())
			if !known && err == nil {
				err = &Error{1, 1, "names a user where it cannot be replaced"}
			}
			failed = cmp.Or(failed, err)
			out = append(out, namedUser{at, token})
		}
	})
	slices.SortFunc(out, func(a, b namedUser) int { return cmp.Compare(b.at.Start, a.at.Start) })
	return slices.CompactFunc(out, func(a, b namedUser) bool { return a.at == b.at }), failed
}
