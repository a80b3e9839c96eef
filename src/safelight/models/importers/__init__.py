"""Models of other frameworks to Safelight's: a draft, calibrated polynomials, a model folder.

`safelight.compile_model` and `safelight import` are the doors. No service and no engine reads this
room: what a service gets is a model folder, checked again.
"""
