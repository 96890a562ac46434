"""The kinds of evidence that rules may ask for."""
