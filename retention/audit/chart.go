package audit

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// The size of a chart, in its own units.
const (
	chartWidth, chartHeight = 960, 260
	chartLeft, chartTop     = 70, 10
	chartRight, chartBottom = 10, 30
	plotWidth               = chartWidth - chartLeft - chartRight
	plotHeight              = chartHeight - chartTop - chartBottom
)

// maxColumns is how many columns a chart has: of more days several share one.
const maxColumns = 370

// maxLayers is how many classes a chart tells apart; the others are one.
const maxLayers = 9

// A Chart is columns, one or several days each, of layers on top of each other. It
// is drawn by a template, without any script.
type Chart struct {
	Title  string
	Layers []Layer // from the bottom up
	Lines  []Tick  // across
	Marks  []Tick  // below
	Empty  bool    // nothing is higher than 0
}

// A Layer is one class.
type Layer struct {
	Name  string
	Color int    // which of the style sheet's
	Path  string // of SVG
}

// A Tick is a place on an axis.
type Tick struct {
	At   string // in the units of the chart
	Text string
}

// charts are those of an audit.
func charts(a *pb.RetentionAudit) []Chart {
	if len(a.GetDays()) == 0 {
		return nil
	}
	classes := layers(a)
	of := func(title string, sum bool, get func(*pb.RetentionAudit_DayClass) uint64) Chart {
		values := make([][]float64, len(classes))
		for i := range values {
			values[i] = make([]float64, len(a.GetDays()))
		}
		for x, d := range a.GetDays() {
			for _, c := range d.GetClasses() {
				i := slices.Index(classes, c.GetClass())
				if i < 0 {
					i = len(classes) - 1
				}
				values[i][x] += float64(get(c))
			}
		}
		return draw(title, a, classes, values, sum)
	}
	held := make([]float64, len(a.GetDays()))
	for x, d := range a.GetDays() {
		held[x] = float64(d.GetHeld())
	}
	return []Chart{
		of("Kept at the end of each day", false, (*pb.RetentionAudit_DayClass).GetKept),
		of("Appended", true, (*pb.RetentionAudit_DayClass).GetAppended),
		of("Forgotten", true, (*pb.RetentionAudit_DayClass).GetForgotten),
		draw("Held at the end of each day", a, []string{"held"}, [][]float64{held}, false),
	}
}

// layers are the names of the classes that charts tell apart, in the order of the
// audit; the last stands for all others where there are more.
func layers(a *pb.RetentionAudit) (names []string) {
	for _, c := range a.GetClasses() {
		names = append(names, c.GetRule().GetClass())
	}
	if len(names) > maxLayers {
		names = append(names[:maxLayers:maxLayers], "other classes")
	}
	return names
}

// draw makes a chart of values by layer and day; sum tells whether days that share
// a column are added up, or the last of them stands for all.
func draw(title string, a *pb.RetentionAudit, names []string, values [][]float64, sum bool) Chart {
	per := (len(a.GetDays()) + maxColumns - 1) / maxColumns
	if sum && per > 1 {
		title += fmt.Sprintf(", %d days a column", per)
	} else if sum {
		title += " each day"
	}
	n := (len(a.GetDays()) + per - 1) / per
	heights := make([][]float64, len(values))
	tops := make([]float64, n)
	for i := range values {
		heights[i] = make([]float64, n)
		for x, v := range values[i] {
			if sum {
				heights[i][x/per] += v
			} else {
				heights[i][x/per] = v
			}
		}
		for x, v := range heights[i] {
			tops[x] += v
		}
	}
	c := Chart{Title: title}
	highest := 0.0
	if n > 0 {
		highest = slices.Max(tops)
	}
	if c.Empty = highest == 0; c.Empty {
		return c
	}
	top := nice(highest)
	c.Lines, c.Marks = lines(top), marks(a, n, per)
	c.Layers = stack(names, heights, top, n)
	return c
}

// stack puts the layers on top of each other.
func stack(names []string, heights [][]float64, top float64, n int) (out []Layer) {
	width := float64(plotWidth) / float64(n)
	base := make([]float64, n)
	for i, name := range names {
		var path strings.Builder
		for x, v := range heights[i] {
			if v > 0 {
				y, h := place(base[x]+v, top), v/top*plotHeight
				fmt.Fprintf(&path, "M%s %sh%sv%sh-%sz", unit(chartLeft+float64(x)*width), unit(y), unit(width), unit(h), unit(width))
				base[x] += v
			}
		}
		if path.Len() > 0 {
			out = append(out, Layer{text(name), i % (maxLayers + 1), path.String()})
		}
	}
	return out
}

// place is where a value lies, from the top of the chart.
func place(v, top float64) float64 { return chartTop + plotHeight - v/top*plotHeight }

// unit is a length with two digits, so that the same chart is the same text.
func unit(v float64) string {
	s := strings.TrimRight(fmt.Sprintf("%.2f", v), "0")
	return strings.TrimSuffix(s, ".")
}

// nice is the first round number that is not below a value.
func nice(v float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 4, 5, 10} {
		if m*power >= v {
			return max(m*power, 1)
		}
	}
	return 10 * power
}

// lines are some steps up to the top, each a whole number.
func lines(top float64) (out []Tick) {
	steps := top
	for _, n := range []float64{5, 4} {
		if math.Mod(top, n) == 0 {
			steps = n
		}
	}
	for i := 0.0; i <= steps; i++ {
		v := top * i / steps
		out = append(out, Tick{unit(place(v, top)), unit(v)})
	}
	return out
}

// marks are some days below.
func marks(a *pb.RetentionAudit, n, per int) (out []Tick) {
	width := float64(plotWidth) / float64(n)
	step := (n + 7) / 8
	for x := 0; x < n; x += step {
		at := a.GetDays()[x*per].GetDay().AsTime().Format(time.DateOnly)
		out = append(out, Tick{unit(chartLeft + (float64(x)+0.5)*width), at})
	}
	return out
}
