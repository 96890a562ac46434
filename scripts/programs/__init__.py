"""Building: toolchains, fixtures, programs to try things on."""
