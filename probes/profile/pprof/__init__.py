"""profile.proto: the bytes of a profile, read with bounds."""
