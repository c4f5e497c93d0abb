package seating

import (
	"fmt"
	"strings"

	"boxoffice/internal/safetext"
)

// Limits of what is drawn beneath the seats.
const (
	MaxShapes = 2000
	MaxPoints = 1000 // of a polygon
)

// checkShapes checks what is drawn beneath the seats. The error is a Fault.
func checkShapes(shapes []Shape) error {
	if len(shapes) > MaxShapes {
		return Fault{"shapes", fmt.Sprintf("must have at most %d elements", MaxShapes)}
	}
	for i := range shapes {
		if member, reason := shapes[i].Check(); reason != "" {
			return Fault{fmt.Sprintf("shapes[%d]%s", i, member), reason}
		}
	}
	return nil
}

// Check returns which member of a shape is wrong, and why. The reason is empty if the
// shape is correct.
func (s *Shape) Check() (member, reason string) {
	numbers := []float64{s.X, s.Y, s.Width, s.Height, s.Rotation, s.TextSize}
	for _, p := range s.Points {
		numbers = append(numbers, p.X, p.Y)
	}
	if s.TextAt != nil {
		numbers = append(numbers, s.TextAt.X, s.TextAt.Y)
	}
	for _, n := range numbers {
		if !finite(n) {
			return "", "must have numbers up to 1,000,000"
		}
	}
	for name, colour := range map[string]string{".fill": s.Fill, ".line": s.Line, ".text_fill": s.TextFill} {
		if badColor(colour) {
			return name, "must be a colour such as #2563eb"
		}
	}
	switch s.Kind {
	case "rectangle", "ellipse":
		if s.Width <= 0 || s.Height <= 0 {
			return ".width", "and height must be above 0"
		}
	case "polygon":
		if len(s.Points) < 3 || len(s.Points) > MaxPoints {
			return ".points", fmt.Sprintf("must have 3 to %d elements", MaxPoints)
		}
	case "text":
		if s.Text == "" {
			return ".text", "is required"
		}
	default:
		return ".kind", "must be rectangle, ellipse, polygon or text"
	}
	if reason := safetext.LineFault(s.Text, 0, 200).Text; reason != "" {
		return ".text", reason
	}
	if s.TextSize < 0 {
		return ".text_size", "must be 0 or more"
	}
	return "", ""
}

func badColor(c string) bool {
	return len(c) > 32 || strings.Trim(c, "#abcdefABCDEF0123456789") != ""
}
