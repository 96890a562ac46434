"""Deltas of Go programs: the new image is predicted from the old one by the map of what moved where, and only the rest is sent.

Nearly all that differs between two builds of a Go program are addresses: code and data moved, and everything that refers to them says so. A
delta has the copies (which bytes of the old image are where in the new one), the address map (where addresses of the old image went), and
the bytes that a prediction from both misses. `references` finds the operands, `prediction` makes the new image; both do the same in the
one who makes a delta and the one who applies it. The idea is that of Courgette and Zucchini (chromium.org); the format and the code are
our own.
"""
