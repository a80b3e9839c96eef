"""What speaks HTTP: one file a resource; each handler checks, asks a part, and answers."""
