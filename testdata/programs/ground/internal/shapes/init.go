package shapes

// Unit is set before main runs.
var Unit Shape

func init() {
	Unit = Square{Side: 1}
}
