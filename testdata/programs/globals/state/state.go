// Package state has a package variable of each kind.
package state

var (
	Rate     int64 = 25
	Currency       = "usd"
	Weekdays       = [...]string{"mon", "tue", "wed"}
	Strict         = true
	Limits   [16]int32
	Prices   = map[string]int{"tea": 2}
	Sessions []string
	Mixed    struct {
		First  *int64
		Second int64
	}
	Total  uint64
	Stale  [3]byte
	Hook   func() = hook
	Failed error
)

//go:noinline
func hook() { Total++ }

// All keeps the variables linked in.
//
//go:noinline
func All() []any {
	return []any{&Rate, &Currency, &Weekdays, &Strict, &Limits, &Prices, &Sessions, &Mixed, &Total, &Stale, &Hook, &Failed}
}
