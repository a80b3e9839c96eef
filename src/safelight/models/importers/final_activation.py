"""What a model does after its logits: softmax, sigmoid and argmax stay with the client."""

from __future__ import annotations

from collections.abc import Callable

FINAL_KINDS = {"_softmax": "softmax", "_log_softmax": "log_softmax"}
"""Other names of the same."""

_FINAL = {
    "softmax": "softmax",
    "logsoftmax": "softmax",
    "log_softmax": "softmax",
    "sigmoid": "sigmoid",
    "argmax": "softmax",
    "round": "",
    "cast": "",
    "identity": "",
    "squeeze": "",
    "to": "",
}


def final_activation(output: str, step: Callable[[str], tuple[str, str] | None]) -> tuple[str, str]:
    """Walks back from the output over what the client can do itself.

    Args:
        output: Name of the model's output.
        step: (kind of the operation, its first input) that gives a tensor, or None.

    Returns:
        Name of the logits, and ``softmax``, ``sigmoid`` or ``none``.
    """
    final = "none"
    name = output
    while True:
        before = step(name)
        if before is None or before[0].lower() not in _FINAL:
            return name, final
        kind = _FINAL[before[0].lower()]
        final = kind or final
        name = before[1]
