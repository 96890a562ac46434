package profile

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
)

// Field numbers of profile.proto (github.com/google/pprof/proto): Profile.sample and Sample.value.
const (
	profileSample = 2
	sampleValue   = 2
	maxInflated   = 256 << 20
)

var errProfile = errors.New("the profile could not be read back")

// CountSamples sums up the first value of every sample, which in a CPU profile is the number of samples.
func CountSamples(profile []byte) (int64, error) {
	reader, err := gzip.NewReader(bytes.NewReader(profile))
	if err != nil {
		return 0, errProfile
	}
	data, err := io.ReadAll(io.LimitReader(reader, maxInflated+1))
	if err != nil || len(data) > maxInflated {
		return 0, errProfile
	}
	total := int64(0)
	err = eachField(data, func(field int, _ uint64, sample []byte) error {
		if field != profileSample {
			return nil
		}
		first := true
		return eachField(sample, func(field int, value uint64, packed []byte) error {
			if field != sampleValue || !first {
				return nil
			}
			first = false
			if packed != nil {
				v, n := binary.Uvarint(packed)
				if n <= 0 {
					return errProfile
				}
				value = v
			}
			total += int64(value)
			return nil
		})
	})
	return total, err
}

// eachField walks the fields of a protobuf message; data is nil for numbers.
func eachField(message []byte, visit func(field int, value uint64, data []byte) error) error {
	for len(message) > 0 {
		key, n := binary.Uvarint(message)
		if n <= 0 {
			return errProfile
		}
		message = message[n:]
		value, data := uint64(0), []byte(nil)
		switch key & 7 {
		case 0:
			if value, n = binary.Uvarint(message); n <= 0 {
				return errProfile
			}
			message = message[n:]
		case 2:
			size, n := binary.Uvarint(message)
			if n <= 0 || size > uint64(len(message)-n) {
				return errProfile
			}
			data, message = message[n:n+int(size):n+int(size)], message[n+int(size):]
		default:
			return errProfile // profile.proto has no other
		}
		if err := visit(int(key>>3), value, data); err != nil {
			return err
		}
	}
	return nil
}
