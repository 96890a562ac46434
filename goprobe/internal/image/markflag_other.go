//go:build !linux

package image

// MarkFlag is not known here.
type MarkFlag struct{}

// Marking is not known here.
func (*MarkFlag) Marking() (marking, known bool) { return false, false }

// FindMarkFlag finds none here.
func FindMarkFlag() *MarkFlag { return nil }
