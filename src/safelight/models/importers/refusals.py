"""What cannot be encrypted, and what to use instead."""

from __future__ import annotations

from safelight.errors import UnsupportedLayerError

_ALTERNATIVES = {
    "maxpool": "use average pooling of the same kernel (AvgPool2d, AveragePool) and train again",
    "softmax": "softmax is left to the client at the end of a model; inside it (attention) keep it "
    "in a public part with --split",
    "layernorm": "use batch norm, whose statistics are fixed, or keep it in a public part",
    "groupnorm": "use batch norm, whose statistics are fixed, or keep it in a public part",
    "instancenorm": "use batch norm, whose statistics are fixed, or keep it in a public part",
    "attention": "keep attention in a public part with --split, and encrypt the head",
    "recurrent": "encrypt a head on top of it, and keep it in a public part with --split",
    "division": "multiply by a constant; nothing can be divided by encrypted values",
    "product": "multiply a value by itself or by a constant",
    "comparison": "use additions, constants and smooth activations",
    "layout": "keep tensors as [records, channels, height, width] up to one flatten",
    "tree": "use logistic regression or an MLP: trees compare, and comparing is not polynomial",
    "kernel": "use LinearSVC, LogisticRegression or an MLPClassifier",
    "pooling": "use average pooling of full windows: without padding, and a size that divides",
    "activation": "use the activation with its usual parameters, or another of relu, silu, gelu, "
    "sigmoid, tanh",
    "": "use convolutions, dense layers, batch norm, average pooling, additions and activations, "
    "or keep it in a public part with --split",
}
_KINDS = {
    "maxpool": ("max_pool", "maxpool", "globalmaxpool", "adaptive_max"),
    "softmax": ("softmax",),
    "layernorm": ("layer_norm", "layernorm", "rmsnorm", "rms_norm"),
    "groupnorm": ("group_norm", "groupnorm"),
    "instancenorm": ("instance_norm", "instancenorm"),
    "attention": ("attention",),
    "recurrent": ("lstm", "gru", "rnn"),
    "division": ("div", "reciprocal", "rsqrt", "sqrt"),
    "product": ("mul", "matmul", "bmm", "einsum"),
    "comparison": ("where", "greater", "less", "equal", "max", "min", "clip", "clamp", "abs"),
    "layout": ("transpose", "permute", "slice", "gather", "select", "split", "chunk", "reshape"),
    "tree": ("tree", "forest", "boosting"),
    "kernel": ("svc", "svr", "kernel", "neighbors", "gaussianprocess"),
}


def refusal(kind: str, name: str, place: str, why: str = "") -> UnsupportedLayerError:
    """The error for an operation.

    Args:
        kind: Its type in the source framework, such as ``MaxPool``.
        name: Its name in the source model.
        place: Where it stands, such as ``operation 4 of 9``.
        why: What about it, if not all of its kind are refused.
    """
    lowered = kind.lower()
    key = next((key for key, words in _KINDS.items() if any(w in lowered for w in words)), "")
    hint = _ALTERNATIVES.get(kind, _ALTERNATIVES[key])
    reason = why or "has no encrypted form"
    return UnsupportedLayerError(f"{name!r} ({kind}, {place}) {reason}", hint=hint)
