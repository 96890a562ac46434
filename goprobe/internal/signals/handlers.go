package signals

// Handlers are the signal handlers outside Go's text.
type Handlers struct {
	Known   bool
	Rows    []Handler
	LeftOut int
}

// Handler is one of them.
type Handler struct {
	Signal  string
	Address string // hex with 0x
	Module  string // the mapped file, "" for none
	Offset  string // of the address in that file, hex with 0x
	Symbol  string // as dladdr(3) names it; "" where it does not
}
