package canary

import (
	"math/bits"
	"sync"
	"time"
)

// Times are counted in buckets: microseconds below 8, and above that eight buckets an octave, so that a bucket's bounds are
// at most an eighth apart. The last begins at 2^31 us, about 36 minutes.
const (
	perOctave = 8
	// Buckets is how many there are.
	Buckets = perOctave * 30
	// maxUnderWay bounds how many requests under way are looked at, the oldest first.
	maxUnderWay = 4096
)

// BucketOf is the bucket of a time.
func BucketOf(d time.Duration) int {
	us := uint64(max(d.Microseconds(), 0))
	if us < perOctave {
		return int(us)
	}
	octave := bits.Len64(us) - 4
	return min(perOctave*octave+int(us>>octave), Buckets-1)
}

// BucketStart is where a bucket begins.
func BucketStart(bucket int) time.Duration {
	if bucket < perOctave {
		return time.Duration(bucket) * time.Microsecond
	}
	octave := bucket/perOctave - 1
	return time.Duration(bucket-perOctave*octave) << octave * time.Microsecond
}

// Counts are what one side has counted so far. Took and Waiting have a count for each bucket that is not empty.
type Counts struct {
	Requests uint64         `json:"requests"` // that have ended
	Failed   uint64         `json:"failed"`   // of those
	Took     map[int]uint64 `json:"took"`     // of those, by their time
	UnderWay uint64         `json:"under_way"`
	Waiting  map[int]uint64 `json:"waiting"` // requests under way, by their time so far
}

// Valid tells whether the counts can be what a Meter counted: they come from another process.
func (c *Counts) Valid() bool {
	sum := uint64(0)
	for bucket, count := range c.Took {
		if bucket < 0 || bucket >= Buckets || count > c.Requests {
			return false
		}
		sum += count
	}
	for bucket := range c.Waiting {
		if bucket < 0 || bucket >= Buckets {
			return false
		}
	}
	return sum == c.Requests && c.Failed <= c.Requests && c.Requests < 1<<62
}

// Less are the counts less those of an earlier moment; requests under way are those of now.
func (c Counts) Less(earlier Counts) Counts {
	took := make(map[int]uint64, len(c.Took))
	for bucket, count := range c.Took {
		if count > earlier.Took[bucket] {
			took[bucket] = count - earlier.Took[bucket]
		}
	}
	return Counts{
		Requests: c.Requests - earlier.Requests, Failed: c.Failed - earlier.Failed, Took: took,
		UnderWay: c.UnderWay, Waiting: c.Waiting,
	}
}

// Slower counts the requests that took at least as long as the bucket's start: those that have ended, and those that are under
// way for so long already. The number of all that it is a part of comes with it.
func (c *Counts) Slower(bucket int) (slow, all uint64) {
	for b, count := range c.Took {
		if b >= bucket {
			slow += count
		}
	}
	all = c.Requests
	for b, count := range c.Waiting {
		if b >= bucket {
			slow += count
			all += count
		}
	}
	return slow, all
}

// Quantile is the time below which that part of the requests ended, by the start of its bucket; 0 without any.
func (c *Counts) Quantile(part float64) time.Duration {
	below, rank := uint64(0), part*float64(c.Requests)
	for bucket := 0; bucket < Buckets; bucket++ {
		if below += c.Took[bucket]; below > 0 && float64(below) >= rank {
			return BucketStart(bucket)
		}
	}
	return 0
}

// Meter counts requests, failures and times.
type Meter struct {
	mu       sync.Mutex
	requests uint64
	failed   uint64
	took     [Buckets]uint64

	// Requests under way, in a list with the oldest first.
	oldest, newest *Request
	underWay       uint64
}

// Request is one that is under way, until it ends.
type Request struct {
	meter         *Meter
	begun         time.Time
	before, after *Request
	over          bool
}

// Begin counts a request that begins.
func (m *Meter) Begin() *Request {
	r := &Request{meter: m, begun: time.Now()}
	m.mu.Lock()
	defer m.mu.Unlock()
	if r.before = m.newest; r.before != nil {
		r.before.after = r
	} else {
		m.oldest = r
	}
	m.newest = r
	m.underWay++
	return r
}

// End counts its end; calls after the first do nothing.
func (r *Request) End(failed bool) {
	m, bucket := r.meter, BucketOf(time.Since(r.begun))
	m.mu.Lock()
	defer m.mu.Unlock()
	if r.over {
		return
	}
	r.over = true
	if r.before != nil {
		r.before.after = r.after
	} else {
		m.oldest = r.after
	}
	if r.after != nil {
		r.after.before = r.before
	} else {
		m.newest = r.before
	}
	r.before, r.after = nil, nil
	m.underWay--
	m.requests++
	if failed {
		m.failed++
	}
	m.took[bucket]++
}

// Read gives the counts as they are now.
func (m *Meter) Read() Counts {
	m.mu.Lock()
	defer m.mu.Unlock()
	counts := Counts{
		Requests: m.requests, Failed: m.failed, Took: map[int]uint64{}, UnderWay: m.underWay, Waiting: map[int]uint64{},
	}
	for bucket, count := range m.took {
		if count > 0 {
			counts.Took[bucket] = count
		}
	}
	left := maxUnderWay
	for r := m.oldest; r != nil && left > 0; r = r.after {
		counts.Waiting[BucketOf(time.Since(r.begun))]++
		left--
	}
	return counts
}
