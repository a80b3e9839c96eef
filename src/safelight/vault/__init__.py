"""Envelopes, archive, access rules, audit log."""
