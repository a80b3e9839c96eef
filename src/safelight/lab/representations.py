"""What someone sees who looks at an image's bytes at rest or on the wire, for each way to store it.

Every representation gives the bytes, and the picture a curious person would draw from them: the
first ``rows × columns`` bytes as grey values. Keys are fresh for each call.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.padding import PKCS7
from numpy.typing import NDArray

from safelight.ckks.parameters import Parameters
from safelight.ckks.secret import SecretKeys
from safelight.lab.extras import extra
from safelight.vault.obfuscation import Obfuscation, new_key
from safelight.wire.ciphertext import HEADER_BYTES, encode_ciphertext

UInt8Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Observation:
    """One image as an observer has it.

    Args:
        stream: The bytes.
        picture: uint8 of the image's shape, drawn from them.
    """

    stream: bytes
    picture: UInt8Image


Represent = Callable[[UInt8Image], Observation]


def representations(shape: tuple[int, ...], parameters: Parameters) -> dict[str, Represent]:
    """Name to function, for uint8 images of one shape; one key set for all images of a call.

    Args:
        shape: ``(rows, columns)``.
        parameters: Of the homomorphic ciphertexts.
    """
    key = AESGCM.generate_key(bit_length=256)
    obfuscation = Obfuscation.from_key(new_key(), shape)
    secret = SecretKeys.generate(parameters)

    def obfuscated(image: UInt8Image) -> Observation:
        picture = obfuscation.apply(image[None])[0]
        return Observation(picture.tobytes(), picture)

    return {
        "control: random bytes": lambda image: _drawn(os.urandom(image.size), image),
        "jpeg2000": _jpeg2000,
        "aes-256-ecb (teaching)": lambda image: _drawn(
            block_cipher(image, key, modes.ECB()),  # noqa: S305 - to be seen failing
            image,
        ),
        "aes-256-cbc": lambda image: _drawn(
            block_cipher(image, key, modes.CBC(os.urandom(16))), image
        ),
        "aes-256-gcm": lambda image: _drawn(
            AESGCM(key).encrypt(os.urandom(12), image.tobytes(), None), image
        ),
        "obfuscated": obfuscated,
        "homomorphic": lambda image: _drawn(_ckks(image, secret, parameters), image),
    }


def _jpeg2000(image: UInt8Image) -> Observation:
    """Compression only: whoever has a decoder has the picture."""
    pillow = extra("PIL.Image", "lab")
    stream = io.BytesIO()
    pillow.fromarray(image).save(stream, "JPEG2000", irreversible=False)
    picture = np.asarray(pillow.open(io.BytesIO(stream.getvalue())))
    return Observation(stream.getvalue(), picture)


def block_cipher(image: UInt8Image, key: bytes, mode: modes.ECB | modes.CBC) -> bytes:
    """AES over the raw pixels, as the papers do it; ECB is here to be seen failing."""
    padder = PKCS7(128).padder()
    padded = padder.update(image.tobytes()) + padder.finalize()
    encryptor = Cipher(algorithms.AES256(key), mode).encryptor()
    return encryptor.update(padded) + encryptor.finalize()


def _ckks(image: UInt8Image, secret: SecretKeys, parameters: Parameters) -> bytes:
    """The payload of a fresh ciphertext message that holds as many pixels as there are slots."""
    values = np.zeros(parameters.slots)
    pixels = image.ravel()[: parameters.slots] / 255.0
    values[: len(pixels)] = pixels
    return encode_ciphertext(secret.encrypt(values, scale=2.0**30))[HEADER_BYTES:]


def _drawn(stream: bytes, image: UInt8Image) -> Observation:
    wanted = image.size
    enough = stream if len(stream) >= wanted else stream * (wanted // len(stream) + 1)
    picture = np.frombuffer(enough[:wanted], np.uint8).reshape(image.shape)
    return Observation(stream, picture)
