"""Samples as stacks of functions that can be compared and added up."""
