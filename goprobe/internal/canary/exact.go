package canary

import "math"

// tiny is the share of the sum below which further terms are left out.
const tiny = 1e-18

// BinomialTail is P(X >= count) for X ~ Binomial(number, chance). The terms are summed from the largest on, until the rest
// is below 1e-18 of the sum. It is binomial_tail of gate/watch/exact.py; testdata/exact.json holds the two against each
// other.
func BinomialTail(count, number uint64, chance float64) float64 {
	switch {
	case count == 0:
		return 1
	case count > number || chance <= 0:
		return 0
	case chance >= 1:
		return 1
	}
	if float64(count) <= float64(number)*chance { // the other side is the shorter one, and 1 - tail loses nothing here
		return math.Max(0, 1-sumFrom(number-count+1, number, 1-chance))
	}
	return sumFrom(count, number, chance)
}

// sumFrom is the sum of the terms from count up; they fall from the start when count is above the mean.
func sumFrom(count, number uint64, chance float64) float64 {
	if count > number {
		return 0
	}
	n, c := float64(number), float64(count)
	logTerm := lgamma(n+1) - lgamma(c+1) - lgamma(n-c+1) + c*math.Log(chance) + (n-c)*math.Log1p(-chance)
	total, term := 1.0, 1.0
	odds := chance / (1 - chance)
	for k := c; k < n; k++ {
		term *= (n - k) / (k + 1) * odds
		total += term
		if term < tiny*total {
			break
		}
	}
	return math.Min(1, math.Exp(logTerm+math.Log(total)))
}

func lgamma(x float64) float64 {
	value, _ := math.Lgamma(x)
	return value
}

// Excess is the probability of bad or more of total when the share is the same as in badBeside of totalBeside: two Poisson
// counts with exposures, compared given their sum (Przyborowski and Wilenski, Biometrika 31, 1940). Both totals are above
// 0. It is excess of gate/watch/exact.py.
func Excess(bad, total, badBeside, totalBeside uint64) float64 {
	return BinomialTail(bad, bad+badBeside, float64(total)/(float64(total)+float64(totalBeside)))
}

// Alpha is how often a rule may fire by chance, as ALPHA of gate/watch/judge.py.
const Alpha = 1e-4

// Fires tells whether bad of total is so much worse than badBeside of totalBeside that a watch would roll back: at least
// minCount, above times the share, and not by chance. It is what the rollback watch asks of a rule of kind "ratio"
// (gate/watch/judge.py).
func Fires(bad, total, badBeside, totalBeside uint64, times float64, minCount uint64) (fires bool, chance float64) {
	if total == 0 || totalBeside == 0 {
		return false, 1
	}
	chance = Excess(bad, total, badBeside, totalBeside)
	higher := float64(bad)*float64(totalBeside) > times*float64(badBeside)*float64(total)
	return bad >= minCount && higher && chance < Alpha, chance
}
