"""The class DLRModel; see the package."""
import ctypes
import os

import numpy

from . import library

DEVICES = {"cpu": 1, "gpu": 2, "opencl": 4}


class DLRError(RuntimeError):
    """The library refused; the text is its message."""


class DLRModel:
    def __init__(self, model_path, dev_type="cpu", dev_id=0, error_log_file=None, use_default_dlr=False):
        """Loads the model in a folder. error_log_file: messages of errors are appended to it, too."""
        self.handle = ctypes.c_void_p()
        self.error_log_file = error_log_file
        model_path = os.path.abspath(os.fspath(model_path))
        if not os.path.isdir(model_path):
            raise ValueError(f"model_path {model_path} is not a folder: give the folder that holds the model")
        if dev_type not in DEVICES:
            raise ValueError(f"dev_type {dev_type!r}: expected one of {', '.join(DEVICES)}")
        self.library = library.load(None if use_default_dlr else model_path)
        self._call("CreateDLRModel", model_path.encode(), DEVICES[dev_type], dev_id)
        self.backend = self._text("GetDLRBackend")
        self.input_names = [self._text("GetDLRInputName", i) for i in range(self._number("GetDLRNumInputs"))]
        self.input_dtypes = [self._text("GetDLRInputType", i) for i in range(len(self.input_names))]
        self.input_shapes = [self._shape("Input", i) for i in range(len(self.input_names))]
        self.num_outputs = self._number("GetDLRNumOutputs")
        self.output_dtypes = [self._text("GetDLROutputType", i) for i in range(self.num_outputs)]
        self.weight_names = [self._text("GetDLRWeightName", i) for i in range(self._number("GetDLRNumWeights"))]

    def __del__(self):
        if getattr(self, "library", None) and self.handle:
            self.library.DeleteDLRModel(ctypes.byref(self.handle))

    # ---- calls of the library ----

    def _call(self, name, *arguments):
        if getattr(self.library, name)(ctypes.byref(self.handle), *arguments) == 0:
            return
        message = self.library.DLRGetLastError().decode(errors="replace")
        if self.error_log_file:
            with open(self.error_log_file, "a", encoding="utf-8") as log:
                log.write(message + "\n")
        raise DLRError(message)

    def _number(self, name):
        value = ctypes.c_int()
        self._call(name, ctypes.byref(value))
        return value.value

    def _text(self, name, *arguments):
        value = ctypes.c_char_p()
        self._call(name, *arguments, ctypes.byref(value))
        return value.value.decode()

    def _shape(self, which, index):
        size, rank = ctypes.c_int64(), ctypes.c_int()
        self._call(f"GetDLR{which}SizeDim", index, ctypes.byref(size), ctypes.byref(rank))
        shape = (ctypes.c_int64 * max(rank.value, 1))()
        self._call(f"GetDLR{which}Shape", index, shape)
        return tuple(shape[:rank.value])

    # ---- what the model is ----

    def get_input_names(self):
        return list(self.input_names)

    def get_input_dtypes(self):
        return list(self.input_dtypes)

    def get_output_names(self):
        """From the model's metadata; DLRError without."""
        return [self._text("GetDLROutputName", i) for i in range(self.num_outputs)]

    def get_output_dtypes(self):
        return list(self.output_dtypes)

    def get_weight_names(self):
        return list(self.weight_names)

    def has_metadata(self):
        value = ctypes.c_bool()
        self._call("GetDLRHasMetadata", ctypes.byref(value))
        return value.value

    def get_version(self):
        value = ctypes.c_char_p()
        self.library.GetDLRVersion(ctypes.byref(value))
        return value.value.decode()

    # ---- what it does ----

    def set_num_threads(self, threads):
        """Threads of this model from now on, the calling one included."""
        self._call("SetDLRNumThreads", threads)

    def use_cpu_affinity(self, use):
        """Whether each worker thread of the model stays on one processor."""
        self._call("UseDLRCPUAffinity", int(bool(use)))

    def _index(self, name):
        if name not in self.input_names:
            raise ValueError(f"the model has no input {name!r}; it has: {', '.join(self.input_names)}")
        return self.input_names.index(name)

    def _set_input(self, name, data):
        wanted = self.input_dtypes[self._index(name)]
        array = numpy.asarray(data)
        if array.dtype.name != wanted:
            if wanted != "float32":
                raise TypeError(f"input {name!r} takes {wanted}, the array has {array.dtype.name}")
            array = array.astype(numpy.float32)
        array = numpy.ascontiguousarray(array)
        shape = (ctypes.c_int64 * max(array.ndim, 1))(*array.shape)
        self._call("SetDLRInput", name.encode(), shape, array.ctypes.data_as(ctypes.c_void_p), array.ndim)

    def get_input(self, name, shape=None):
        """The current content of an input, in the shape of the model or the given one."""
        index = self._index(name)
        array = numpy.empty(self.input_shapes[index], numpy.dtype(self.input_dtypes[index]))
        self._call("GetDLRInput", name.encode(), array.ctypes.data_as(ctypes.c_void_p))
        return array if shape is None else array.reshape(shape)

    def _get_output(self, index):
        array = numpy.empty(self._shape("Output", index), numpy.dtype(self.output_dtypes[index]))
        self._call("GetDLROutput", index, array.ctypes.data_as(ctypes.c_void_p))
        return array

    def run(self, input_values):
        """One inference. input_values: an array for the first input, or a dictionary from names to arrays. Inputs that are not named keep
        their content. Returns the outputs, a list of arrays."""
        if not isinstance(input_values, dict):
            input_values = {self.input_names[0]: input_values}
        for name, data in input_values.items():
            self._set_input(name, data)
        self._call("RunDLRModel")
        return [self._get_output(i) for i in range(self.num_outputs)]
