"""What cannot be encrypted, and what to use instead: a hint for each operator, by its exact name.

Names are those of ONNX, ATen and scikit-learn in lower case, without underscores and domains, so
``ConvTranspose``, ``conv_transpose2d`` and ``com.microsoft.Attention`` each have one spelling.
"""

from __future__ import annotations

from collections.abc import Mapping

from safelight.errors import UnsupportedLayerError

LAYERS = (
    "use convolutions, dense layers, batch norm, average pooling, additions and activations, "
    "or keep it in a public part with --split"
)
"""For an operator of a network that is in no table."""

_HINTS: Mapping[str, str] = {
    "maxpool": "use average pooling of the same kernel (AvgPool2d, AveragePool) and train again",
    "softmax": "softmax is left to the client at the end of a model; inside it (attention) keep it "
    "in a public part with --split",
    "norm": "use batch norm, whose statistics are fixed, or keep it in a public part",
    "attention": "keep attention in a public part with --split, and encrypt the head",
    "recurrent": "encrypt a head on top of it, and keep it in a public part with --split",
    "enlarging": "no encrypted layer makes an image larger: leave it out of a classifier, or keep "
    "it in a public part with --split",
    "padding": "give zero padding to the convolution itself, and train again if it was of another "
    "kind",
    "quantised": "export the model in floating point, before it is quantised",
    "division": "multiply by a constant; nothing can be divided by encrypted values",
    "product": "multiply a value by itself or by a constant",
    "comparison": "use additions, constants and smooth activations",
    "function": "use one of the activations relu, silu, gelu, sigmoid and tanh, which become "
    "polynomials",
    "activation": "use the activation with its usual parameters, or another of relu, silu, gelu, "
    "sigmoid, tanh",
    "layout": "keep tensors as [records, channels, height, width] up to one flatten",
    "pooling": "use average pooling of full windows: without padding, and a size that divides",
    "finite": "train the model again, or export weights from before it diverged",
    "tree": "use logistic regression or an MLP: trees compare, and comparing is not polynomial",
    "kernel": "use LinearSVC, LogisticRegression or an MLPClassifier",
    "products of features": "put the products into the records as features of their own, or use "
    "an MLPClassifier, whose activations become polynomials",
    "calibrated": "import the classifier inside it; LogisticRegression and MLPClassifier give "
    "probabilities without it",
    "ensemble": "import one of its classifiers, or train an MLPClassifier in its place",
    "search": "give its best_estimator_",
    "preparation": "prepare the records before they are given to Safelight: a model takes numbers, "
    "and scales and projects them (StandardScaler, PCA)",
    "clip": "fit it with clip=False",
}  # fmt: skip
_OPERATORS: Mapping[str, str] = {
    "maxpool": "maxpool maxpool1d maxpool2d maxpool3d maxpool2dwithindices globalmaxpool "
    "maxroipool adaptivemaxpool1d adaptivemaxpool2d fractionalmaxpool2d",
    "softmax": "softmax logsoftmax hardmax",
    "norm": "layernorm layernormalization nativelayernorm skiplayernormalization rmsnorm "
    "rmsnormalization groupnorm groupnormalization nativegroupnorm instancenorm "
    "instancenormalization lrn lpnormalization meanvariancenormalization",
    "attention": "attention multiheadattention groupqueryattention scaleddotproductattention",
    "recurrent": "lstm gru rnn lstmcell grucell rnntanh rnnrelu rnntanhcell rnnrelucell",
    "enlarging": "convtranspose convtranspose1d convtranspose2d convtranspose3d resize upsample "
    "upsamplenearest1d upsamplenearest2d upsamplebilinear2d upsamplebicubic2d pixelshuffle "
    "depthtospace",
    "padding": "pad constantpadnd reflectionpad2d replicationpad2d",
    "quantised": "quantizelinear dequantizelinear dynamicquantizelinear qlinearconv qlinearmatmul "
    "convinteger matmulinteger quantizepertensor quantizeperchannel dequantize",
    "division": "div reciprocal sqrt rsqrt",
    "product": "mul matmul bmm einsum",
    "comparison": "abs and argmax argmin amax amin ceil clamp clampmax clampmin clip eq equal "
    "floor ge greater greaterorequal gt le less lessorequal lt max maximum min minimum ne nonzero "
    "not or reducemax reducemin round sign sort topk where",
    "function": "celu cos erf exp hardshrink log logsigmoid prelu rrelu selu sin softshrink "
    "softsign thresholdedrelu",
    "layout": "chunk expand flip gather indexselect permute reshape roll select slice split stack "
    "tile transpose unsqueeze",
    "tree": "adaboostclassifier decisiontreeclassifier extratreeclassifier extratreesclassifier "
    "gradientboostingclassifier histgradientboostingclassifier isolationforest lgbmclassifier "
    "randomforestclassifier xgbclassifier",
    "kernel": "gaussianprocessclassifier kernelpca kneighborsclassifier nusvc nystroem "
    "radiusneighborsclassifier svc",
    "products of features": "polynomialfeatures splinetransformer",
    "calibrated": "calibratedclassifiercv",
    "ensemble": "baggingclassifier onevsoneclassifier onevsrestclassifier outputcodeclassifier "
    "stackingclassifier votingclassifier",
    "search": "gridsearchcv halvinggridsearchcv halvingrandomsearchcv randomizedsearchcv",
    "preparation": "columntransformer featureunion functiontransformer kbinsdiscretizer "
    "onehotencoder ordinalencoder quantiletransformer simpleimputer targetencoder",
}  # fmt: skip
_TOPICS = {name: topic for topic, names in _OPERATORS.items() for name in names.split()}


def refusal(
    kind: str, name: str, place: str, why: str = "", *, topic: str = "", otherwise: str = LAYERS
) -> UnsupportedLayerError:
    """The error for an operation.

    Args:
        kind: Its type in the source framework, such as ``MaxPool``.
        name: Its name in the source model.
        place: Where it stands, such as ``operation 4 of 9``.
        why: What about it, if not all of its kind are refused.
        topic: Which hint, if not that of its kind.
        otherwise: The hint for a kind that is in no table.
    """
    spelt = kind.rpartition(".")[2].replace("_", "").lower()
    hint = _HINTS.get(topic or _TOPICS.get(spelt, ""), otherwise)
    return UnsupportedLayerError(
        f"{name!r} ({kind}, {place}) {why or 'has no encrypted form'}", hint=hint
    )


def hint_about(topic: str) -> str:
    """The hint of a topic, for what is refused before it has a name and a place."""
    return _HINTS[topic]
