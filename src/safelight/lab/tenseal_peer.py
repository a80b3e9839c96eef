"""The workloads through TenSEAL's own tensors, with the parameters of its tutorials."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import tenseal as ts

from safelight.circuit.graph import FloatArray, Graph

# TenSEAL's tutorial 4, and room for one product; its library multiplies at 26-bit scales.
_NETWORK_BITS = (31, 26, 26, 26, 26, 26, 26, 31)
_RECORD_BITS = (60, 40, 60)


@dataclass(frozen=True)
class PeerRun:
    """Milliseconds, bytes, and the logits."""

    encrypt_ms: float
    evaluate_ms: float
    decrypt_ms: float
    bytes_up: int
    bytes_down: int
    logits: FloatArray


class TenSealPeer:
    """A TenSEAL context for one workload, with its plain weights at hand."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.layers = [layer for layer in graph.layers if "weight" in layer.arrays]
        network = len(self.layers) > 1
        bits = _NETWORK_BITS if network else _RECORD_BITS
        self.prime_bits = bits
        self.context = ts.context(
            ts.SCHEME_TYPE.CKKS,
            poly_modulus_degree=8192,
            coeff_mod_bit_sizes=list(bits),
            n_threads=1,
        )
        self.context.global_scale = 2.0**26 if network else 2.0**40
        self.context.generate_galois_keys()

    def key_bytes(self) -> int:
        """Bytes of what the service needs: public, relinearisation and Galois keys."""
        return len(
            self.context.serialize(
                save_public_key=False,
                save_secret_key=False,
                save_galois_keys=True,
                save_relin_keys=True,
            )
        )

    def run(self, values: FloatArray) -> PeerRun:
        """One input, encrypted, evaluated, decrypted."""
        start = time.perf_counter()
        windows = 0
        encrypted: Any
        if self.layers[0].op == "conv2d":
            kernel = self.layers[0].arrays["weight"].shape[2]
            stride = self.layers[0].sizes["stride"][0]
            encrypted, windows = ts.im2col_encoding(
                self.context, values[0].tolist(), kernel, kernel, stride
            )
        else:
            encrypted = ts.ckks_vector(self.context, values.ravel().tolist())
        up = len(encrypted.serialize())
        encrypted_at = time.perf_counter()
        for index, layer in enumerate(self.layers):
            weight, bias = layer.arrays["weight"], layer.arrays["bias"]
            if layer.op == "conv2d":
                channels = [
                    encrypted.conv2d_im2col(kernel[0].tolist(), windows) + float(shift)
                    for kernel, shift in zip(weight, bias, strict=True)
                ]
                encrypted = ts.CKKSVector.pack_vectors(channels)
            elif len(weight) == 1:
                encrypted = encrypted.dot(weight[0].tolist()) + bias.tolist()
            else:
                encrypted = encrypted.mm(weight.T.tolist()) + bias.tolist()
            if index + 1 < len(self.layers):
                encrypted.square_()
        evaluated_at = time.perf_counter()
        down = len(encrypted.serialize())
        decrypting_at = time.perf_counter()
        logits = np.array(encrypted.decrypt())
        return PeerRun(
            1000 * (encrypted_at - start),
            1000 * (evaluated_at - encrypted_at),
            1000 * (time.perf_counter() - decrypting_at),
            up,
            down,
            logits,
        )
