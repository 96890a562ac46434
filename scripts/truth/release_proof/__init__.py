"""What releases and their way to a host can be trusted with: `make release-proof`, or `python -m scripts.truth.release_proof PART…`."""
