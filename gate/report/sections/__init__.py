"""Drift and evidence to the sections of a report."""
