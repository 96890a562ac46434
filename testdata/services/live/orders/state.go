package orders

import (
	"fmt"

	"hotgate/goprobe"
)

// Version is that of the serialised orders.
const Version = 1

// Codec hands the orders over as JSON, and refuses a list with a gap in its numbers.
func Codec(b *Book) goprobe.Codec {
	return goprobe.JSON(
		func() ([]Order, error) {
			b.mu.Lock()
			defer b.mu.Unlock()
			return append([]Order{}, b.list...), nil
		},
		func(list []Order) error {
			for i, order := range list {
				if order.ID != int64(i)+1 {
					return fmt.Errorf("order %d stands at place %d", order.ID, i+1)
				}
			}
			b.mu.Lock()
			defer b.mu.Unlock()
			b.list = list
			return nil
		})
}
