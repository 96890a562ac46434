"""What rehearsals can be trusted with, on real services: one part a file, run by `python -m scripts.truth.rehearsals PART…`."""
