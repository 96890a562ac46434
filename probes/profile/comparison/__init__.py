"""Two sides of profile windows: which functions cost more, and how much less could have been seen."""
