package canary

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"
)

func v4(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}) }

// crowds are ways in which clients come; each gives the address of a connection.
var crowds = map[string]func(r *rand.Rand) func(i int) netip.Addr{
	"each its own":   func(*rand.Rand) func(int) netip.Addr { return func(i int) netip.Addr { return v4(i) } },
	"a thousand":     func(r *rand.Rand) func(int) netip.Addr { return func(int) netip.Addr { return v4(r.Intn(1000)) } },
	"eight":          func(r *rand.Rand) func(int) netip.Addr { return func(int) netip.Addr { return v4(r.Intn(8)) } },
	"one":            func(*rand.Rand) func(int) netip.Addr { return func(int) netip.Addr { return v4(7) } },
	"without an own": func(*rand.Rand) func(int) netip.Addr { return func(int) netip.Addr { return netip.Addr{} } },
	"a few bring most": func(r *rand.Rand) func(int) netip.Addr {
		zipf := rand.NewZipf(r, 1.2, 1, 100_000)
		return func(int) netip.Addr { return v4(int(zipf.Uint64())) }
	},
	"one after the other": func(*rand.Rand) func(int) netip.Addr { return func(i int) netip.Addr { return v4(i / 500) } },
}

// The share is off by at most Drift connections at any moment, whoever comes.
func TestTheShareIsExact(t *testing.T) {
	for name, crowd := range crowds {
		for _, share := range []float64{0.001, 0.01, 0.05, 0.3, 0.5} {
			c, next := NewChooser(share), crowd(rand.New(rand.NewSource(1)))
			passed := 0
			for i := 1; i <= 10_000; i++ {
				if c.Next(next(i)) {
					passed++
				}
				if off := float64(passed) - share*float64(i); math.Abs(off) > Drift+1 {
					t.Fatalf("%s, share %v: off by %.1f after %d connections", name, share, off, i)
				}
			}
			if _, got, _ := c.Counts(); int(got) != passed || math.Abs(float64(passed)/10_000-share) > 0.01 {
				t.Errorf("%s: %d of 10,000, and %v was wanted", name, passed, share)
			}
		}
	}
}

// A bad NEW gets no more than its share of clients that come once, however few there are.
func TestNewAddressesNeverBringMoreThanTheShare(t *testing.T) {
	for _, name := range []string{"each its own", "without an own"} {
		for _, share := range []float64{0.001, 0.05, 0.5} {
			c, next := NewChooser(share), crowds[name](nil)
			passed := 0
			for i := 1; i <= 2000; i++ {
				if c.Next(next(i)) {
					passed++
				}
				if float64(passed) > share*float64(i)+1 {
					t.Fatalf("%s, share %v: %d of %d", name, share, passed, i)
				}
			}
		}
	}
}

// Addresses stay on their side; where few bring most of the connections they change it as seldom as the share allows.
func TestAddressesAreSticky(t *testing.T) {
	// The key is another one each time: the bounds are several times what was seen. Without memory it would be thousands.
	for name, most := range map[string]int64{"each its own": 0, "a thousand": 300, "eight": 300, "one": 300} {
		for _, share := range []float64{0.01, 0.05, 0.5} {
			c, next := NewChooser(share), crowds[name](rand.New(rand.NewSource(2)))
			sides, changes := map[netip.Addr]bool{}, int64(0)
			for i := 1; i <= 10_000; i++ {
				address := next(i)
				side := c.Next(address)
				if before, known := sides[address]; known && before != side {
					changes++
				}
				sides[address] = side
			}
			t.Logf("%s, share %v: %d changes", name, share, changes)
			if _, _, moved := c.Counts(); moved != changes || changes > most {
				t.Errorf("%s, share %v: %d changes, %d counted, at most %d expected", name, share, changes, moved, most)
			}
		}
	}
}

func TestTheSameClientHasManyForms(t *testing.T) {
	c := NewChooser(0.5)
	for i := 0; i < 50; i++ {
		side := c.Next(v4(i))
		if c.Next(netip.MustParseAddr("::ffff:"+v4(i).String())) != side {
			t.Error("a mapped address is another client")
		}
		network := netip.MustParseAddr(fmt.Sprintf("2001:db8:0:%x::1", i))
		side = c.Next(network)
		if c.Next(netip.MustParseAddr(fmt.Sprintf("2001:db8:0:%x:1:2:3:4", i))) != side {
			t.Error("an address of the same network is another client")
		}
	}
}

func TestTheKeyIsDrawnAnew(t *testing.T) {
	different := 0
	a, b := NewChooser(0.5), NewChooser(0.5)
	for i := 0; i < 200; i++ {
		if a.Next(v4(i)) != b.Next(v4(i)) {
			different++
		}
	}
	if different < 50 {
		t.Errorf("%d of 200 addresses are on different sides of two canaries", different)
	}
}

func TestAddressesBeyondTheBoundAreToldByTheirHash(t *testing.T) {
	c := NewChooser(0.05)
	for i := 0; i < MaxAddresses+20_000; i++ {
		c.Next(v4(i))
	}
	if len(c.sides) != MaxAddresses {
		t.Errorf("%d addresses are remembered", len(c.sides))
	}
	accepted, passed, _ := c.Counts()
	if off := float64(passed) - 0.05*float64(accepted); math.Abs(off) > Drift+1 {
		t.Errorf("off by %v", off)
	}
	changes := 0
	for i := MaxAddresses; i < MaxAddresses+1000; i++ {
		if c.Next(v4(i)) != c.Next(v4(i)) {
			changes++
		}
	}
	if changes > 60 {
		t.Errorf("%d of 1000 changed their side", changes)
	}
}

func TestWhatWasNotTakenIsMadeUpFor(t *testing.T) {
	c := NewChooser(0.2)
	for i := 0; i < 5000; i++ {
		if c.Next(v4(i)) && i < 1000 {
			c.Missed()
		}
	}
	if _, passed, _ := c.Counts(); passed < 979 || passed > 1021 {
		t.Errorf("%d of 5000", passed)
	}
}

// The vectors are gate/watch's: tests/watch/test_canary.py holds them against its own formula, and writes them.
func TestTheFormulaIsThatOfTheWatch(t *testing.T) {
	text, err := os.ReadFile("testdata/exact.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		Bad         uint64  `json:"bad"`
		Total       uint64  `json:"total"`
		BadBeside   uint64  `json:"bad_beside"`
		TotalBeside uint64  `json:"total_beside"`
		Times       float64 `json:"times"`
		MinCount    uint64  `json:"min_count"`
		Chance      float64 `json:"chance"`
		Fires       bool    `json:"fires"`
	}
	if err := json.Unmarshal(text, &vectors); err != nil || len(vectors) < 100 {
		t.Fatalf("%d vectors: %v", len(vectors), err)
	}
	fired := 0
	for _, v := range vectors {
		fires, chance := Fires(v.Bad, v.Total, v.BadBeside, v.TotalBeside, v.Times, v.MinCount)
		if math.Abs(chance-v.Chance) > 1e-8*v.Chance+1e-300 || fires != v.Fires {
			t.Errorf("%+v: %v, %v", v, fires, chance)
		}
		if fires {
			fired++
		}
	}
	if fired == 0 || fired == len(vectors) {
		t.Errorf("%d of %d fire", fired, len(vectors))
	}
}

func TestWithoutRequestsNothingFires(t *testing.T) {
	for _, totals := range [][2]uint64{{0, 0}, {0, 10}, {10, 0}} {
		if fires, _ := Fires(10, totals[0], 0, totals[1], 3, 1); fires {
			t.Error(totals)
		}
	}
}

func TestBucketsAreInOrderAndNarrow(t *testing.T) {
	for bucket := 0; bucket < Buckets-1; bucket++ {
		from, to := BucketStart(bucket), BucketStart(bucket+1)
		if to <= from || (bucket >= 8 && float64(to-from) > float64(from)/8+1) {
			t.Errorf("bucket %d goes from %v to %v", bucket, from, to)
		}
		if BucketOf(from) != bucket || BucketOf(to-1) != bucket {
			t.Errorf("bucket %d: %v is in %d, %v in %d", bucket, from, BucketOf(from), to-1, BucketOf(to-1))
		}
	}
	if BucketOf(-time.Second) != 0 || BucketOf(math.MaxInt64) != Buckets-1 {
		t.Error("times beyond have no bucket")
	}
}

func TestAMeterCounts(t *testing.T) {
	var m Meter
	all := []*Request{}
	for i := 0; i < 10; i++ {
		all = append(all, m.Begin())
	}
	before := m.Read()
	time.Sleep(20 * time.Millisecond)
	for i, n := range []int{3, 0, 9, 5, 4, 1} { // in the middle, and at both ends
		all[n].End(i == 0)
		all[n].End(true) // counts no more
	}
	counts := m.Read()
	if counts.Requests != 6 || counts.Failed != 1 || counts.UnderWay != 4 || !counts.Valid() {
		t.Errorf("%+v", counts)
	}
	if slow, all := counts.Slower(BucketOf(15 * time.Millisecond)); slow != 10 || all != 10 {
		t.Errorf("%d of %d are slow", slow, all)
	}
	if slow, all := counts.Slower(BucketOf(time.Hour)); slow != 0 || all != 6 {
		t.Errorf("%d of %d are slow", slow, all)
	}
	if q := counts.Quantile(0.5); q < 15*time.Millisecond || q > time.Minute {
		t.Error(q)
	}
	if since := counts.Less(before); since.Requests != 6 || since.Failed != 1 {
		t.Errorf("%+v", since)
	}
	if none := counts.Less(counts); none.Requests != 0 || len(none.Took) != 0 || none.Quantile(0.5) != 0 {
		t.Errorf("%+v", none)
	}
}

func TestCountsFromAnotherProcessAreChecked(t *testing.T) {
	for _, text := range []string{
		`{"requests": 1}`, `{"requests": 1, "failed": 2, "took": {"3": 1}}`, `{"requests": 1, "took": {"-1": 1}}`,
		`{"requests": 1, "took": {"240": 1}}`, `{"requests": 1, "took": {"1": 18446744073709551615, "2": 2}}`,
		`{"requests": 0, "waiting": {"999": 1}}`,
	} {
		var c Counts
		if err := json.Unmarshal([]byte(text), &c); err != nil || c.Valid() {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestALinkCarriesMessagesAndDescriptors(t *testing.T) {
	a, b := pair(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	client, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	conn, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	file, err := conn.(*net.TCPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for i := uint64(1); i <= 50; i++ {
			_ = a.Send(KindTaken, i, nil, -1)
			_ = a.Send(KindConn, i, []byte(strings.Repeat("x", int(i))), int(file.Fd()))
		}
		_ = a.Say(KindReport, Report{Open: 7})
		_ = file.Close()
		_ = conn.Close()
		_ = a.Close()
	}()
	for i := uint64(1); i <= 50; i++ {
		taken, err := b.Receive()
		if err != nil || taken.Kind != KindTaken || taken.Number != i || taken.File != nil || len(taken.Text) != 0 {
			t.Fatalf("%+v, %v", taken, err)
		}
		passed, err := b.Receive()
		if err != nil || passed.Kind != KindConn || passed.Number != i || passed.File == nil || len(passed.Text) != int(i) {
			t.Fatalf("%+v, %v", passed, err)
		}
		if i == 50 {
			if _, err := passed.File.WriteString("hello"); err != nil {
				t.Error(err)
			}
		}
		_ = passed.File.Close()
	}
	report, err := b.Receive()
	var said Report
	if err != nil || report.Decode(&said) != nil || said.Open != 7 {
		t.Errorf("%+v, %v", report, err)
	}
	if _, err := b.Receive(); err == nil {
		t.Error("a message after the end")
	}
	if text, err := io.ReadAll(client); err != nil || string(text) != "hello" {
		t.Errorf("%q, %v", text, err)
	}
}

func TestWhatIsNoMessageEndsTheLink(t *testing.T) {
	for _, text := range []string{"GET / HTTP/1.1\r\n\r\n", "HC\x01\x00\xff\xff\xff\xff12345678", "HC\x01", ""} {
		a, b := pair(t)
		if _, err := a.conn.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		_ = a.Close()
		if m, err := b.Receive(); err == nil {
			t.Errorf("%q: %+v", text, m)
		}
	}
	a, _ := pair(t)
	if a.Send(KindReport, 0, make([]byte, maxText+1), -1) == nil {
		t.Error("a message without bounds")
	}
}

func pair(t *testing.T) (*Link, *Link) {
	t.Helper()
	a, file, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	b, err := Open(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close(); _ = b.Close() })
	return a, b
}
