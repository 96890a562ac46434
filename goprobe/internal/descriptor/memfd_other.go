//go:build !linux

package goprobe

import (
	"errors"
	"os"
)

var errNoMemoryFiles = errors.New("hand-over needs sealed memory files, which only Linux has")

func newMemoryFile() (*os.File, error)   { return nil, errNoMemoryFiles }
func seal(*os.File) error                { return errNoMemoryFiles }
func openHandover(int) (*os.File, error) { return nil, errNoMemoryFiles }
func openReport(int) (*os.File, error)   { return nil, errNoMemoryFiles }
