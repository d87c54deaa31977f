"""dlr - runs a trained model: the Python interface of the DLR runtime, on libdlr.so. Needs numpy. Nothing is ever sent anywhere.

    import dlr
    model = dlr.DLRModel("/models/mobilenet")          # a folder
    probabilities = model.run(image)[0]                # one array: the first input
    boxes, scores = model.run({"image": image, "size": size})

ARRAYS. An array is converted to float32 where the input is float32; any other difference of types is a TypeError. The number of elements
has to be that of the input. run() returns a new list of new arrays.

ERRORS. DLRError with the message of the library; ValueError and TypeError for arguments that cannot be right.

LIBRARY. libdlr.so in the model folder (unless use_default_dlr), the file that DLR_LIBRARY names, the folder of this package, <prefix>/dlr and
~/.local/dlr, then wherever the system looks; the first that is there is taken.

THREADS. One model is used by one thread at a time; different models are independent.
"""
from .model import DLRError, DLRModel

__version__ = "1.10.0"
__all__ = ["DLRModel", "DLRError", "__version__"]
