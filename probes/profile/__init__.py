"""profile.proto -> facts: samples as arrays. Never judges."""
