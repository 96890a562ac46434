"""A release is brought to a host: fetched, judged, switched to, watched, and taken back where it is bad.

`run` and `rollback` begin an operation, `resume` ends one that was killed; `update` is what they share from the switch on.
"""
