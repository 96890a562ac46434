"""The function table (`.gopclntab`): functions, pc-value tables, inlining."""
