"""Every error that Safelight raises on purpose.

    SafelightError
    ├── InputError               something the person gave cannot be used
    │   ├── ImageError           not an image, damaged, unsupported syntax, absurd size
    │   ├── RecordError          NaN features, wrong feature count
    │   ├── DeidentificationError    a file that we do not call de-identified
    │   └── UnknownModelError
    ├── ParameterError           CKKS parameters outside the security table or our limits
    ├── KeyFileError             wrong passphrase, damaged or foreign key file
    ├── CompileError             the model cannot be turned into a program
    │   ├── UnsupportedLayerError
    │   ├── DepthError
    │   ├── RangeError
    │   └── SlotCountError
    ├── ProgramError             a program, its keys and its inputs do not fit together
    │   └── MissingKeyError
    ├── CancelledError           the caller asked to stop
    ├── VaultError               envelopes, vault keys, archives
    │   ├── EnvelopeError        an envelope that does not open: one message, whatever the reason
    │   ├── VaultKeyError        wrong passphrase, damaged or foreign vault key file
    │   └── ArchiveError         an archive that cannot be read or written
    ├── AuditError               an audit log that cannot be written or read
    │   └── AuditTamperedError   a log, proof or checkpoint that does not verify
    ├── AccessError              access rules
    │   ├── PolicyError          policies that do not parse or do not fit the schema
    │   └── AccessDeniedError    the rules do not allow it
    ├── WireError                bytes that are not a valid message of ours
    │   ├── TruncatedError       shorter than the header says
    │   ├── TrailingBytesError   longer than the header says
    │   ├── UnsupportedVersionError
    │   ├── MalformedError       a field outside its allowed values
    │   ├── ResidueRangeError    a residue at or above its modulus
    │   ├── ParameterMismatchError   made for other parameters
    │   └── DigestMismatchError
    └── ServiceError             between a client and a service
        ├── UnreachableError
        ├── RequestRejectedError     the service said no (4xx), with its code
        ├── ServiceFailedError       the service broke (5xx)
        └── MisbehavingServiceError  a false signature, another request's result, a wrong size

Messages carry counts, shapes, levels and names of models; never pixels, features, keys or
patient identifiers, so that they may be logged.
"""

from __future__ import annotations


class SafelightError(Exception):
    """Base of all our errors: a sentence for the person and a hint what to do.

    Args:
        message: One sentence, without a full stop, that says what is wrong.
        hint: What the person can do about it; may be empty.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class InputError(SafelightError):
    """Something the person gave cannot be used."""


class ImageError(InputError):
    """A file is not an image that we read, or is damaged."""


class RecordError(InputError):
    """A record has the wrong number of features, or values that are not numbers."""


class DeidentificationError(InputError):
    """A file that cannot be de-identified, or only with a promise that the person must give."""


class UnknownModelError(InputError):
    """No model of that name."""


class ParameterError(SafelightError):
    """CKKS parameters that we refuse."""


class KeyFileError(SafelightError):
    """A key file that cannot be opened."""


class CompileError(SafelightError):
    """A model that cannot be turned into a program."""


class UnsupportedLayerError(CompileError):
    """A layer that has no encrypted form."""


class DepthError(CompileError):
    """More multiplications in a row than any profile allows."""


class RangeError(CompileError):
    """An activation leaves the range that its scale allows."""


class SlotCountError(CompileError):
    """A tensor larger than the slots of a ciphertext."""


class ProgramError(SafelightError):
    """A program, its keys and its inputs do not fit together."""


class MissingKeyError(ProgramError):
    """An evaluation key that the program needs is not there."""


class CancelledError(SafelightError):
    """The caller asked a running program to stop."""


class VaultError(SafelightError):
    """Something is wrong with an envelope, a vault key or an archive."""


class EnvelopeError(VaultError):
    """An envelope that does not open, for a reason that nobody is told."""


class VaultKeyError(VaultError):
    """A vault key file that cannot be opened."""


class ArchiveError(VaultError):
    """An archive that cannot be read or written."""


class AuditError(SafelightError):
    """An audit log that cannot be written or read."""


class AuditTamperedError(AuditError):
    """A log, a proof or a checkpoint that does not verify."""


class AccessError(SafelightError):
    """Access rules that cannot be applied."""


class PolicyError(AccessError):
    """Policies that do not parse, or do not fit the schema."""


class AccessDeniedError(AccessError):
    """The rules do not allow what was asked."""


class WireError(SafelightError):
    """Bytes that are not a valid message of ours."""


class TruncatedError(WireError):
    """Fewer bytes than the header announces."""


class TrailingBytesError(WireError):
    """More bytes than the header announces."""


class UnsupportedVersionError(WireError):
    """A format version that this release does not read."""


class MalformedError(WireError):
    """A field outside its allowed values."""


class ResidueRangeError(WireError):
    """A residue at or above its modulus."""


class ParameterMismatchError(WireError):
    """A message made for other parameters."""


class DigestMismatchError(WireError):
    """Content that does not have the digest announced for it."""


class ServiceError(SafelightError):
    """Something went wrong between a client and a service."""


class UnreachableError(ServiceError):
    """No service answers at that address."""


class RequestRejectedError(ServiceError):
    """The service refused the request.

    Args:
        message: As for every error.
        status: HTTP status code.
        code: The service's short machine-readable code, such as ``keys-missing``.
        hint: As for every error.
    """

    def __init__(self, message: str, *, status: int, code: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.code = code


class ServiceFailedError(ServiceError):
    """The service failed to do what it accepted."""


class MisbehavingServiceError(ServiceError):
    """The service's answer cannot be what was asked for."""
