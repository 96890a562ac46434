"""What releases can be trusted with: `make release-proof`, or `python -m scripts.truth.release_proof [PART…] [--quick]`.

Each module here whose name has no underscore in front is one part: `prove(quick)` prints what it found, and says whether it held.
"""
