"""What a leak would look like: a secret key, an image or a record, in whatever form and cut."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from safelight.wire.packing import pack_bits

Row = tuple[bytes, int]

# Bytes: long enough never to occur by chance, short enough to lie whole in a part of any row.
WINDOW = 24
# Ternary coefficients repeat themselves, so more of them are needed.
TERNARY_WINDOW = 96
_LONGEST_STEP = 256
_LOW = np.uint64((1 << 24) - 1)


def windows(data: bytes, size: int) -> Iterator[bytes]:
    """Pieces of data, so dense that a quarter of a row, or 512 bytes of a long one, hold one.

    As they are, in hexadecimal and in base64, which depends on the place within three bytes.
    """
    fewest = 3 if size == WINDOW else 1  # a piece of one value says nothing: borders are black
    step = max(size, min(len(data) // 8, _LONGEST_STEP))
    for start in range(0, max(len(data) - size, 0) + 1, step):
        piece = data[start : start + size]
        if len(piece) == size and len(set(piece)) > fewest:
            yield piece
            yield piece.hex().encode()
            for shift in range(3):
                yield base64.b64encode(piece[shift:])[:-4]


def found(where: bytes, rows: Iterable[Row]) -> int:
    """How many pieces of the rows occur, at whatever offset."""
    pieces = {piece for row, size in rows for piece in windows(row, size)}
    openings = np.array([int.from_bytes(piece[:8], "little") for piece in pieces], dtype=np.uint64)
    # most offsets are told apart by three bytes, which a table holds
    likely = np.zeros(1 << 24, dtype=bool)
    likely[openings & _LOW] = True
    by_opening: dict[int, list[bytes]] = {}
    for piece in pieces:
        by_opening.setdefault(int.from_bytes(piece[:8], "little"), []).append(piece)
    seen: set[bytes] = set()
    for shift in range(8):
        words = np.frombuffer(where, "<u8", max(len(where) - shift, 0) // 8, shift)
        at = np.flatnonzero(likely[words & _LOW])
        for index in at[np.isin(words[at], openings)].tolist():
            candidates = by_opening[int(words[index])]
            seen.update(p for p in candidates if where.startswith(p, 8 * index + shift))
    return len(seen)


def rows_of_secret(residues: NDArray[np.uint64], primes: tuple[int, ...]) -> Iterator[Row]:
    """The key in NTT form as words, doubles and packed bits, and its ternary coefficients."""
    for row, prime in zip(residues, primes, strict=True):
        words = np.ascontiguousarray(row, dtype="<u8")
        yield words.tobytes(), WINDOW
        yield words.astype("<f8").tobytes(), WINDOW
        yield bytes(pack_bits(words.astype(np.uint64), prime.bit_length())), WINDOW
    coefficients = ternary_coefficients(residues[0], primes[0])
    for kind in ("<i1", "<i4", "<i8", "<f4", "<f8"):
        yield coefficients.astype(kind).tobytes(), TERNARY_WINDOW
    yield (coefficients + 1).astype("<u1").tobytes(), TERNARY_WINDOW
    yield (coefficients % primes[0]).astype("<u8").tobytes(), TERNARY_WINDOW


def ternary_coefficients(values: NDArray[np.uint64], prime: int) -> NDArray[np.int64]:
    """The secret polynomial from its NTT form (docs/wire-format.md, Residues).

    Raises:
        AssertionError: The result is not made of -1, 0 and 1, so the root is not the right one.
    """
    n = values.size
    bits = n.bit_length() - 1
    natural = np.array([int(f"{i:0{bits}b}"[::-1], 2) for i in range(n)])
    root = minimal_root(2 * n, prime)
    # value at root^(2k + 1) for each k; the sum over k of value·root^(-(2k + 1)·j) is n·s_j
    spectrum = values.astype(object)[natural]
    inverse = pow(root, -1, prime)
    sums = _dft(spectrum, pow(inverse, 2, prime), prime)
    twist = np.array([pow(inverse, j, prime) for j in range(n)], dtype=object)
    coefficients = sums * twist * pow(n, -1, prime) % prime
    centred = np.where(coefficients > prime // 2, coefficients - prime, coefficients)
    assert set(centred.tolist()) <= {-1, 0, 1}
    return centred.astype(np.int64)


def minimal_root(order: int, prime: int) -> int:
    """The smallest primitive root of unity of an order that is a power of two."""
    for base in range(2, prime):
        root = pow(base, (prime - 1) // order, prime)
        if pow(root, order // 2, prime) == prime - 1:
            break
    square, power, smallest = root * root % prime, root, root
    for _ in range(order // 2 - 1):
        power = power * square % prime
        smallest = min(smallest, power)
    return smallest


def _dft(values: NDArray[np.object_], root: int, prime: int) -> NDArray[np.object_]:
    if values.size == 1:
        return values
    even = _dft(values[::2], root * root % prime, prime)
    odd = _dft(values[1::2], root * root % prime, prime)
    powers = [1]
    for _ in range(even.size - 1):
        powers.append(powers[-1] * root % prime)
    turned = odd * np.array(powers, dtype=object) % prime
    return np.concatenate([(even + turned) % prime, (even - turned) % prime])


def rows_of_image(image: NDArray[np.uint8], values: NDArray[np.float64]) -> Iterator[Row]:
    """Rows as stored, as brightness, as the viewer has and paints them, as the model takes them."""
    for row in image:
        yield row.tobytes(), WINDOW
        yield row.astype("<u2").tobytes(), WINDOW
        for kind in ("<f4", "<f8"):
            yield row.astype(kind).tobytes(), WINDOW
            yield (row / 255).astype(kind).tobytes(), WINDOW
        yield np.dstack([row, row, row]).tobytes(), WINDOW
        yield np.dstack([row, row, row, np.full_like(row, 255)]).tobytes(), WINDOW
        yield ",".join(map(str, row)).encode(), WINDOW
    for row in values.reshape(-1, values.shape[-1]):
        yield row.astype("<f8").tobytes(), WINDOW
        yield row.astype("<f4").tobytes(), WINDOW


def rows_of_record(line: str, values: NDArray[np.float64]) -> Iterator[Row]:
    """A record as it was typed, as numbers, and as the model takes it."""
    yield line.encode(), WINDOW
    features = np.array([float(cell) for cell in line.split(",")[: values.size]])
    for numbers in (features, values.ravel()):
        yield numbers.astype("<f8").tobytes(), WINDOW
        yield numbers.astype("<f4").tobytes(), WINDOW


def row_of_file(path: Path) -> Row:
    """A file as it lies on the disk."""
    return path.read_bytes(), WINDOW
