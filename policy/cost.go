package policy

import (
	"errors"
	"fmt"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/interpreter"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// costLimit bounds one evaluation, in CEL's cost units: about one for each
// step, a tenth for each character looked at. It allows for several passes
// over the text of the largest event and some tens of milliseconds.
const costLimit = 1_000_000

// valid reports whether the lists of which a condition's cost is estimated
// are no longer than valid events have them.
func valid(e *pb.Event) bool {
	return len(e.GetInteraction().GetVerdicts()) <= event.MaxVerdicts &&
		len(e.GetCapture().GetRedactions()) <= event.MaxRedactions &&
		len(e.GetCapture().GetEscrow()) <= event.MaxEscrow &&
		len(e.GetCoverage().GetStrata()) <= event.MaxStrata
}

// estimate returns between what the condition costs on valid events.
func estimate(a *ast.AST) (cost.Estimate, *Error) {
	estimate, err := cost.Cost(a, sizes{})
	if err != nil {
		return estimate, &Error{1, 1, reason(err.Error())}
	}
	if estimate.Min > costLimit {
		return estimate, &Error{1, 1, fmt.Sprintf("costs at least %d, the limit is %d", estimate.Min, costLimit)}
	}
	return estimate, nil
}

// sizes tells CEL how long the fields of a valid event can be.
type sizes struct{}

// EstimateCallCost leaves the cost of functions to CEL.
func (sizes) EstimateCallCost(string, string, *cost.AstNode, []cost.AstNode) *cost.CallEstimate {
	return nil
}

// EstimateSize bounds the size of a field, by its name.
func (sizes) EstimateSize(node cost.AstNode) *cost.SizeEstimate {
	path := node.Path()
	if len(path) == 0 {
		return nil
	}
	return &cost.SizeEstimate{Max: maxSize(path[len(path)-1])}
}

func maxSize(field string) uint64 {
	switch field {
	case "verdicts", "strata", "redactions", "escrow":
		return event.MaxVerdicts // as many as of the others
	case "ciphertext":
		return event.MaxCiphertext
	case "input", "output", "shown", "parts", "retrieved":
		return event.MaxMessages
	case "deltas":
		return event.MaxDeltas
	case "text", "arguments", "result", "error", "reasoning", "title", "comment", "document", "stop", "@items":
		return event.DefaultEventBytes
	case "uri":
		return event.MaxURI
	}
	return event.MaxName
}

// evalReason tells the kind of a failed evaluation without what CEL says of
// the values, which are content.
func evalReason(err error) string {
	if stopped, ok := errors.AsType[interpreter.EvalCancelledError](err); ok && stopped.Cause == interpreter.CostLimitExceeded {
		return fmt.Sprintf("costs more than %d on this event", costLimit)
	}
	for _, known := range []struct{ text, remedy string }{
		{"index out of bounds", ": ask for size(...) before, or use exists(...)"},
		{"no such key", ": ask for it with in before"},
		{"division by zero", ": ask for the divisor before"},
		{"modulus by zero", ": ask for the divisor before"},
		{"overflow", ""},
		{"conversion", ""},
	} {
		if strings.Contains(err.Error(), known.text) {
			return known.text + known.remedy
		}
	}
	return "cannot be computed for this event"
}
