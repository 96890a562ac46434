"""Evidence made by hand, for the samples of rules."""
