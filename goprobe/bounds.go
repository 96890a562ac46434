package goprobe

import "strings"

const (
	maxRows = 64
	maxText = 256
)

// cut bounds a string that the service or the system named, to valid UTF-8 of maxText bytes.
func cut(text string) string {
	if len(text) > maxText {
		text = text[:maxText]
	}
	return strings.ToValidUTF8(text, "")
}

// head gives at most maxRows of a list, never nil, and how many were left out.
func head[T any](rows []T) ([]T, int) {
	if rows == nil {
		return []T{}, 0
	}
	if len(rows) > maxRows {
		return rows[:maxRows], len(rows) - maxRows
	}
	return rows, 0
}
