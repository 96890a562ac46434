//go:build !linux

package descriptor

import (
	"errors"
	"os"
)

var errNoMemoryFiles = errors.New("hand-over needs sealed memory files, which only Linux has")

// NewMemoryFile cannot make one here.
func NewMemoryFile() (*os.File, error) { return nil, errNoMemoryFiles }

// Seal has nothing to seal here.
func Seal(*os.File) error { return errNoMemoryFiles }

// OpenSealed has nothing to open here.
func OpenSealed(int) (*os.File, error) { return nil, errNoMemoryFiles }

// OpenPipe has nothing to open here.
func OpenPipe(int) (*os.File, error) { return nil, errNoMemoryFiles }

// OpenSocket has nothing to open here.
func OpenSocket(int) (*os.File, error) { return nil, errNoMemoryFiles }
