// Package model shares its last element with another package.
package model

// Item has the name of a type in the other package.
type Item struct {
	ID   int64 `json:"id" gob:"x"`
	Name string
}
