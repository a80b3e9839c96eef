"""Models too deep for encryption, run on plain inputs: ONNX Runtime, or PyTorch in a process of
its own. What they see they see in the clear; that is what the level `envelope` says.
"""
