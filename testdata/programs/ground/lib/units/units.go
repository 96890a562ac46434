// Package units converts amounts; it stands for a dependency of the program.
package units

// Grams converts kilograms.
//
//go:noinline
func Grams(kilograms int64) int64 {
	if kilograms < 0 {
		return 0
	}
	return kilograms * 1000
}

// Minor converts a whole currency unit into its minor one.
func Minor(whole int64) int64 { return whole*100 + 1 }
