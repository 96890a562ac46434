"""Go functions: pairing, finding what may differ, deciding by decoding, explaining."""
