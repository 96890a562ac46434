package goprobe

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"

	"hotgate/goprobe/internal/bounds"
	"hotgate/goprobe/internal/descriptor"
	"hotgate/goprobe/internal/proc"
)

// What one image hands to the next lies in a sealed memory file: a header, the serialised states, and a manifest in JSON.
// The header is written last, and the file is sealed after that.
//
//	0   8  magic
//	8   8  offset of the manifest, little-endian
//	16  8  size of the manifest, little-endian
const (
	handoverMagic  = "HGHAND1\n"
	handoverHeader = 24
	maxManifest    = 1 << 20
)

// Variables that tell the next image of the memory file. The first has the form "1 pid=P fd=N at=T reload=S report=R".
const (
	handoverVariable = "HOTGATE_HANDOVER"
	trialVariable    = "HOTGATE_PROBE_TRIAL"
)

const maxSignal = 64 // _NSIG of Linux

type manifest struct {
	Epoch      string           `json:"epoch"`
	Generation int              `json:"generation"`
	NextSeq    uint64           `json:"next_seq"`
	Listeners  []handedListener `json:"listeners"`
	States     []handedState    `json:"states"`
}

type handedListener struct {
	Name    string `json:"name"`
	Network string `json:"network"`
	Address string `json:"address"`
	FD      int    `json:"fd"`
	Inode   uint64 `json:"inode"`
}

type handedState struct {
	Name        string `json:"name"`
	Version     int    `json:"version"`
	Type        string `json:"type"`
	Fingerprint string `json:"fingerprint"`
	Codec       string `json:"codec"`
	Offset      int64  `json:"offset"`
	Size        int64  `json:"size"`
	Digest      string `json:"digest"`
}

// received is what this image got from the one before.
type received struct {
	manifest manifest
	file     *os.File // the memory file, sealed
	at       int64    // when the image before called exec, CLOCK_MONOTONIC in ns
	trial    bool
	reload   syscall.Signal // that the image before declared, and ignores through exec; 0 for none
	report   *os.File       // of a trial: where to say how it went
}

func (r *received) isTrial() bool { return r != nil && r.trial }

func (r *received) close() {
	if r == nil {
		return
	}
	if r.file != nil {
		_ = r.file.Close()
	}
	if r.report != nil {
		_ = r.report.Close()
	}
}

var errMoreTrusted = errors.New("the program has set-id bits or file capabilities (AT_SECURE): it takes nothing over, and " +
	"cannot be updated in place")

// receive takes the hand-over out of the environment; nil when there is none, or when it was meant for another process.
// A program that may do more than whoever executed it takes nothing from there: the state would be the caller's. In a
// trial that is an error, so that the image does not run as a service beside the one that tries it.
func receive(limit int64) (*received, error) {
	text, trial := os.Getenv(handoverVariable), os.Getenv(trialVariable) == "1"
	_ = os.Unsetenv(handoverVariable)
	_ = os.Unsetenv(trialVariable)
	if text == "" {
		if trial {
			return nil, damaged(fmt.Errorf("%s is set without %s", trialVariable, handoverVariable))
		}
		return nil, nil
	}
	if proc.MoreTrusted() {
		if trial {
			return nil, damaged(errMoreTrusted)
		}
		return nil, nil
	}
	numbers, err := parseHandover(text)
	if err != nil {
		return nil, damaged(err)
	}
	meant := os.Getpid()
	if trial {
		meant = os.Getppid()
	}
	if numbers["pid"] != int64(meant) {
		if trial {
			return nil, damaged(errors.New("the process that tries this image is gone"))
		}
		return nil, nil // left over in the environment of a child
	}
	r := &received{trial: trial, at: numbers["at"]}
	if sig := numbers["reload"]; sig <= maxSignal {
		r.reload = syscall.Signal(sig)
	}
	if r.file, err = descriptor.OpenSealed(int(numbers["fd"])); err != nil {
		return nil, damaged(err)
	}
	if trial {
		if r.report, err = descriptor.OpenPipe(int(numbers["report"])); err != nil {
			r.close()
			return nil, damaged(err)
		}
	}
	if err := r.readManifest(limit); err != nil {
		r.close()
		return nil, damaged(err)
	}
	return r, nil
}

func damaged(err error) error { return &StateError{Op: "receive", Err: err} }

func parseHandover(text string) (map[string]int64, error) {
	fields := strings.Fields(text)
	if len(text) > bounds.MaxText || len(fields) == 0 || fields[0] != "1" {
		return nil, fmt.Errorf("%s has a form that this version does not know", handoverVariable)
	}
	numbers := map[string]int64{}
	for _, field := range fields[1:] {
		name, value, _ := strings.Cut(field, "=")
		number, err := strconv.ParseInt(value, 10, 64)
		if err != nil || number < 0 || (name != "at" && number > 1<<31-1) {
			return nil, fmt.Errorf("%s: %q is not a number", handoverVariable, bounds.Cut(field))
		}
		numbers[name] = number
	}
	for _, name := range []string{"pid", "fd"} {
		if _, ok := numbers[name]; !ok {
			return nil, fmt.Errorf("%s lacks %s", handoverVariable, name)
		}
	}
	return numbers, nil
}

func (r *received) readManifest(limit int64) error {
	info, err := r.file.Stat()
	if err != nil {
		return err
	}
	size := info.Size()
	header := make([]byte, handoverHeader)
	if _, err := r.file.ReadAt(header, 0); err != nil {
		return fmt.Errorf("header: %w", err)
	}
	at, length := binary.LittleEndian.Uint64(header[8:]), binary.LittleEndian.Uint64(header[16:])
	switch {
	case string(header[:8]) != handoverMagic:
		return errors.New("the memory file is not a hand-over")
	case length > maxManifest || at < handoverHeader || at > uint64(size) || length != uint64(size)-at:
		return errors.New("the manifest lies outside the memory file")
	case size > limit+handoverHeader+maxManifest:
		return fmt.Errorf("%d bytes are over StateLimit", size)
	}
	decoder := json.NewDecoder(io.NewSectionReader(r.file, int64(at), int64(length)))
	if err := decoder.Decode(&r.manifest); err != nil {
		return fmt.Errorf("manifest: %w", err)
	}
	if r.manifest.Generation < 1 || len(r.manifest.Epoch) != 32 {
		return errors.New("manifest: no epoch or generation")
	}
	for _, s := range r.manifest.States {
		if s.Offset < handoverHeader || s.Size < 0 || s.Offset > int64(at) || s.Size > int64(at)-s.Offset {
			return fmt.Errorf("state %q lies outside the memory file", bounds.Cut(s.Name))
		}
	}
	return nil
}
