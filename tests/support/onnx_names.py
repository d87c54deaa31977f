"""To be imported before onnx: python3-onnx of Debian 12 asks numpy for names that this has no more."""
import numpy

for name in (bool, float, int, object):
    if name.__name__ not in numpy.__dict__:
        setattr(numpy, name.__name__, name)
