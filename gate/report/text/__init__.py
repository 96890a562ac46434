"""Sentences and lines that several formats share."""
