"""What hotgate says, held against what is true: known edits, releases, damage, other readers."""
