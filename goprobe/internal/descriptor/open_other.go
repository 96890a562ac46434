//go:build !linux

package goprobe

import "os"

var runningImage, _ = os.Executable()

func procStatus() map[string]string         { return nil }
func threadCount(map[string]string) int     { return -1 }
func signalFacts(map[string]string) Signals { return Signals{Ignored: []string{}, Blocked: []string{}} }

func descriptorFacts() Descriptors {
	return Descriptors{Inheritable: []DescriptorRow{}, Listening: []ListeningRow{}, Limit: -1}
}
