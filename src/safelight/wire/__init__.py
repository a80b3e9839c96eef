"""Byte formats: strict, versioned, without I/O; docs/wire-format.md describes every field.

**Contract** of every decoder: it returns a valid object or raises `WireError`, never anything
else, and never allocates more than the size that the message declares and that was checked.
"""
