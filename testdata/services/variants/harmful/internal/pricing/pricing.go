// Package pricing works out what an order costs. Amounts are in cents.
package pricing

import "errors"

// Line is one article of an order.
type Line struct {
	Article  string `json:"article"`
	Quantity int64  `json:"quantity"`
	Unit     int64  `json:"unit"`
}

// ErrQuantity is returned for lines without a positive quantity.
var ErrQuantity = errors.New("quantity must be positive")

// Total adds up lines, discount and shipping.
func Total(lines []Line, coupon string) (int64, error) {
	var sum int64
	for _, line := range lines {
		if line.Quantity <= 0 {
			return 0, ErrQuantity
		}
		sum += line.Quantity * line.Unit
	}
	sum -= Discount(sum, coupon, len(lines) > 20)
	return sum + Shipping(sum), nil
}

// Discount is what a coupon takes off.
//
//go:noinline
func Discount(sum int64, coupon string, loyal bool) int64 {
	switch coupon {
	case "SPRING":
		return sum * 10 / 100
	case "LOYAL":
		return sum * 15 / 100
	}
	if loyal {
		return sum * 5 / 100
	}
	return 0
}

// Shipping is free from 50.00 on.
//
//go:noinline
func Shipping(sum int64) int64 {
	if sum > 5000 {
		return 0
	}
	return 490
}
