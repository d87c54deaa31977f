"""Finds and loads libdlr.so, and declares what is called in it."""
import ctypes
import os
import sys

NAME = "libdlr.so"
HANDLE = ctypes.POINTER(ctypes.c_void_p)
TEXT = ctypes.POINTER(ctypes.c_char_p)
INT = ctypes.POINTER(ctypes.c_int)
SIZES = ctypes.POINTER(ctypes.c_int64)

FUNCTIONS = {
    "CreateDLRModel": [HANDLE, ctypes.c_char_p, ctypes.c_int, ctypes.c_int],
    "DeleteDLRModel": [HANDLE],
    "RunDLRModel": [HANDLE],
    "GetDLRNumInputs": [HANDLE, INT],
    "GetDLRNumOutputs": [HANDLE, INT],
    "GetDLRNumWeights": [HANDLE, INT],
    "GetDLRInputName": [HANDLE, ctypes.c_int, TEXT],
    "GetDLRWeightName": [HANDLE, ctypes.c_int, TEXT],
    "GetDLROutputName": [HANDLE, ctypes.c_int, TEXT],
    "GetDLRInputType": [HANDLE, ctypes.c_int, TEXT],
    "GetDLROutputType": [HANDLE, ctypes.c_int, TEXT],
    "GetDLRInputSizeDim": [HANDLE, ctypes.c_int, SIZES, INT],
    "GetDLROutputSizeDim": [HANDLE, ctypes.c_int, SIZES, INT],
    "GetDLRInputShape": [HANDLE, ctypes.c_int, SIZES],
    "GetDLROutputShape": [HANDLE, ctypes.c_int, SIZES],
    "SetDLRInput": [HANDLE, ctypes.c_char_p, SIZES, ctypes.c_void_p, ctypes.c_int],
    "GetDLRInput": [HANDLE, ctypes.c_char_p, ctypes.c_void_p],
    "GetDLROutput": [HANDLE, ctypes.c_int, ctypes.c_void_p],
    "GetDLRHasMetadata": [HANDLE, ctypes.POINTER(ctypes.c_bool)],
    "GetDLRBackend": [HANDLE, TEXT],
    "GetDLRVersion": [TEXT],
    "SetDLRNumThreads": [HANDLE, ctypes.c_int],
    "UseDLRCPUAffinity": [HANDLE, ctypes.c_int],
}


def candidates(model_folder):
    if model_folder:
        yield os.path.join(model_folder, NAME)
    if os.environ.get("DLR_LIBRARY"):
        yield os.environ["DLR_LIBRARY"]
    yield os.path.join(os.path.dirname(os.path.abspath(__file__)), NAME)
    yield os.path.join(sys.prefix, "dlr", NAME)
    yield os.path.join(os.path.expanduser("~"), ".local", "dlr", NAME)


def load(model_folder=None):
    """The library. model_folder: where it is looked for first. OSError when there is none, or it cannot be loaded."""
    path = next((path for path in candidates(model_folder) if os.path.isfile(path)), NAME)
    library = ctypes.CDLL(path)
    library.DLRGetLastError.restype = ctypes.c_char_p
    library.DLRGetLastError.argtypes = []
    for name, arguments in FUNCTIONS.items():
        function = getattr(library, name)
        function.argtypes, function.restype = arguments, ctypes.c_int
    return library
