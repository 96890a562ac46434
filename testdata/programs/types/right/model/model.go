// Package model shares its last element with another package.
package model

// Item has the name of a type in the other package.
type Item struct {
	Code  [3]byte
	Price float64 `json:"price,omitempty"`
}
