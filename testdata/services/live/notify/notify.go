// Package notify tells systemd where the service is: sd_notify(3), as Type=notify-reload wants it.
package notify

import (
	"fmt"
	"net"
	"os"
	"syscall"
	"unsafe"
)

// Ready says that the service serves: after its start, and when a reload is over, whatever came of it.
func Ready() { tell("READY=1") }

// Reloading says that a reload has begun. systemd wants to know when, by the monotonic clock.
func Reloading() { tell(fmt.Sprintf("RELOADING=1\nMONOTONIC_USEC=%d", monotonic()/1000)) }

func tell(message string) {
	address := os.Getenv("NOTIFY_SOCKET")
	if address == "" {
		return
	}
	if address[0] == '@' {
		address = "\x00" + address[1:]
	}
	connection, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		return
	}
	defer connection.Close()
	_, _ = connection.Write([]byte(message))
}

func monotonic() int64 {
	const clockMonotonic = 1
	var now syscall.Timespec
	_, _, _ = syscall.Syscall(syscall.SYS_CLOCK_GETTIME, clockMonotonic, uintptr(unsafe.Pointer(&now)), 0)
	return now.Nano()
}
