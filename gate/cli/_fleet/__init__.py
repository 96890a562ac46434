"""The commands of `hotgate fleet`, one a module."""
