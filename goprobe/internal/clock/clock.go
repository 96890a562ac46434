// Package clock asks the clocks and timers of the process that go on through exec.
package clock

// Timer is ITIMER_PROF as getitimer(2) tells it.
type Timer struct {
	Known      bool // false where the system has no such call
	Armed      bool
	IntervalUS int64
	ValueUS    int64
}
