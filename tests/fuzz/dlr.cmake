sedge_fuzz_target(onnx DEPS sedge_dlr)
sedge_fuzz_target(tvm DEPS sedge_dlr)
sedge_fuzz_target(image DEPS sedge_classify)
