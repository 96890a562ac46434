package goprobe

import (
	"sort"
	"strings"
)

const (
	maxRows = 64
	maxText = 256

	// maxListeners bounds listening sockets: in answers, and those taken over from the image before. A service has few.
	maxListeners = 1024
)

// cut bounds a string that the service or the system named, to valid UTF-8 of maxText bytes.
func cut(text string) string {
	if len(text) > maxText {
		text = text[:maxText]
	}
	return strings.ToValidUTF8(text, "")
}

// head gives at most maxRows of a list, never nil, and how many were left out.
func head[T any](rows []T) ([]T, int) { return headOf(rows, maxRows) }

func headOf[T any](rows []T, most int) ([]T, int) {
	if rows == nil {
		return []T{}, 0
	}
	if len(rows) > most {
		return rows[:most], len(rows) - most
	}
	return rows, 0
}

// first puts the rows that are bad before the others, so that a bound does not hide them; else the order stays.
func first[T any](rows []T, bad func(T) bool) []T {
	sorted := append([]T(nil), rows...)
	sort.SliceStable(sorted, func(i, j int) bool { return bad(sorted[i]) && !bad(sorted[j]) })
	return sorted
}
