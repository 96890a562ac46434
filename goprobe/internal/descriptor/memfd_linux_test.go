package descriptor

import "testing"

func TestOnlyASealedFileIsAHandOver(t *testing.T) {
	open, err := NewMemoryFile()
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	if _, err := OpenSealed(Number(open)); err == nil {
		t.Error("a file that can still be written was taken")
	}
	for _, fd := range []int{0, 2, 9999} {
		if _, err := OpenSealed(fd); err == nil {
			t.Errorf("descriptor %d was taken", fd)
		}
	}
	if err := Seal(open); err != nil {
		t.Fatal(err)
	}
	if _, err := open.WriteString("x"); err == nil {
		t.Error("a sealed file was written")
	}
}
