"""Other people, other keys: rewrapping an archive.

1. Draw new keys; write a keyring with new and old ones, for the new recipients.
2. Rewrap each object that is not yet under the new key: headers only, chunks are copied.
3. Encrypt the rows of the index anew, in one transaction.
4. Write the keyring without the old keys.

Killed at any moment, the archive opens as before for the recipients of the last keyring that was
written, and running it again finishes the work.

**Security**: who had the old keys and copied objects before can read those copies for ever. What
rotation ends is what they can read of the archive from now on.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence

from safelight.errors import ArchiveError
from safelight.vault.archive.archive import Archive
from safelight.vault.archive.keyring import keyring_recipients, save_keyring
from safelight.vault.archive.record import open_record, seal_record
from safelight.vault.envelope.inspection import inspect_envelope
from safelight.vault.envelope.keys import PrivateKey, PublicKey
from safelight.vault.envelope.rewrapping import rewrap_stream
from safelight.vault.envelope.suites import Suite


def rewrap_archive(
    archive: Archive,
    own_keys: Sequence[PrivateKey],
    recipients: Sequence[PublicKey],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> int:
    """Moves an archive to new keys and these recipients.

    Args:
        archive: Open.
        own_keys: Of the caller, who must be among the recipients.
        recipients: Who may use the archive from now on.
        progress: Told how many of how many objects are done.

    Returns:
        How many objects were rewrapped.

    Raises:
        ArchiveError: the caller is not among the recipients; the archive cannot be written.
        VaultError: a recipient's key is not a hybrid one.
    """
    if not {key.key_id for key in own_keys} & {key.key_id for key in recipients}:
        raise ArchiveError(
            "you would lock yourself out",
            hint="name your own public key among the recipients; somebody else can remove it",
        )
    with archive.index.writing():  # no put meanwhile
        archive.check_keyring()
        # a rotation that was cut off has new keys already: finish with those, unless somebody
        # who could read them since is not to use the archive any more
        readers = keyring_recipients(archive.folder) - {key.key_id.hex() for key in recipients}
        resumed = len(archive.keyring.wrap_keys) > 1 and not readers
        keyring = archive.keyring if resumed else archive.keyring.with_new_keys()
        save_keyring(keyring, archive.folder, recipients)
        archive.adopt_keyring(keyring)
        rows = list(archive.index.rows())
        done = 0
        for number, row in enumerate(rows):
            done += _rewrap_object(archive, row.id)
            record = open_record(row.record, row.id, keyring.index_keys)
            archive.index.set_record(row.id, seal_record(record, row.id, keyring.index_keys[0]))
            progress(number + 1, len(rows))
    with archive.index.writing():
        archive.check_keyring()
        save_keyring(keyring.without_old_keys(), archive.folder, recipients)
        archive.adopt_keyring(keyring.without_old_keys())
    return done


def _rewrap_object(archive: Archive, object_id: bytes) -> bool:
    current = archive.keyring.wrap_key
    sealed = archive.store.read(object_id.hex())
    if inspect_envelope(sealed).key_ids == (current.key_id.hex(),):
        return False
    fresh = io.BytesIO()
    rewrap_stream(
        io.BytesIO(sealed),
        fresh,
        archive.keyring.openers,
        [current],
        accept={Suite.ARCHIVE_GCM},
        context=object_id,
    )
    archive.store.write(object_id.hex(), fresh.getvalue())
    return True
