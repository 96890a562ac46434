"""Sections of a report for a terminal."""
