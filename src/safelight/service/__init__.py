"""The service: runs programs on ciphertexts over HTTP; it cannot decrypt.

Rooms below: `app` builds the ASGI application from its parts, `run` starts it, `handlers` speak
HTTP, `clients`/`keysets`/`jobs` keep what was accepted, `worker` evaluates.
"""
