"""A release is brought to a host: fetched, judged, switched to, watched, and taken back where it is bad.

`run` and `rollback` begin an operation, `pending` knows one that was killed and `resume` ends it; `update` is what they share from the switch on.
"""
