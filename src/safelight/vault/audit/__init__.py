"""The audit log: what was decided and computed, so that nobody can rewrite it unnoticed.

`log` appends, `reading` proves and verifies, `watching` remembers checkpoints elsewhere;
`merkle`, `proofs` and `checkpoint` are the formats, which do no input or output.
"""
