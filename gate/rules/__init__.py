"""What every rule has: its base, samples of evidence, and what several need."""
