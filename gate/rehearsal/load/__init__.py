"""Requests at exact times, and a strict account of what became of each."""
