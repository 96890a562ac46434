package profile

import (
	"bytes"
	"compress/gzip"
	"testing"
)

func TestWhatIsNotAProfileIsNotCounted(t *testing.T) {
	squeeze := func(data []byte) []byte {
		var out bytes.Buffer
		w := gzip.NewWriter(&out)
		_, _ = w.Write(data)
		_ = w.Close()
		return out.Bytes()
	}
	for name, data := range map[string][]byte{
		"empty": {}, "html": []byte("<html>"), "cut": squeeze([]byte{0x12, 0x05, 0x12}), "huge length": squeeze([]byte{0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}),
		"group": squeeze([]byte{0x0b}), "endless number": squeeze(bytes.Repeat([]byte{0xff}, 20)),
	} {
		if n, err := CountSamples(data); err == nil {
			t.Errorf("%s: %d samples", name, n)
		}
	}
	if n, err := CountSamples(squeeze([]byte{0x12, 0x04, 0x12, 0x02, 0x03, 0x09, 0x12, 0x02, 0x10, 0x04})); err != nil || n != 7 {
		t.Errorf("3 packed and 4 not: %d, %v", n, err)
	}
}
