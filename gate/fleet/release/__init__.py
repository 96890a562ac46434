"""`release.yaml`: which components go to which version, in which order and batches."""
