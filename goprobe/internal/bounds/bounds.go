// Package bounds keeps what is read and what is answered within bounds, whatever the service or the system says.
package bounds

import (
	"sort"
	"strings"
)

const (
	// MaxRows bounds lists in answers, those of listeners apart.
	MaxRows = 64
	// MaxText bounds strings that the service or the system named, in bytes.
	MaxText = 256

	// MaxAddresses bounds the addresses that one kind of connections came in on, in answers.
	MaxAddresses = 16

	// MaxListeners bounds listening sockets: in answers, and those taken over from the image before. A service has few.
	MaxListeners = 1024
)

// Cut bounds a string that the service or the system named, to valid UTF-8 of MaxText bytes.
func Cut(text string) string {
	if len(text) > MaxText {
		text = text[:MaxText]
	}
	return strings.ToValidUTF8(text, "")
}

// Head gives at most MaxRows of a list, never nil, and how many were left out.
func Head[T any](rows []T) ([]T, int) { return HeadOf(rows, MaxRows) }

// HeadOf is Head with another bound.
func HeadOf[T any](rows []T, most int) ([]T, int) {
	if rows == nil {
		return []T{}, 0
	}
	if len(rows) > most {
		return rows[:most], len(rows) - most
	}
	return rows, 0
}

// First puts the rows that are bad before the others, so that a bound does not hide them; else the order stays.
func First[T any](rows []T, bad func(T) bool) []T {
	sorted := append([]T(nil), rows...)
	sort.SliceStable(sorted, func(i, j int) bool { return bad(sorted[i]) && !bad(sorted[j]) })
	return sorted
}
