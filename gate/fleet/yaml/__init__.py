"""YAML files, read with the line of every value and without anything that could run or grow."""
