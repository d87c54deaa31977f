sedge_fuzz_target(frame DEPS sedge_ipc_wire sedge_base)
sedge_fuzz_target(message DEPS sedge_ipc_wire sedge_base)
sedge_fuzz_target(topic DEPS sedge_broker sedge_base)
sedge_fuzz_target(publish DEPS sedge_broker sedge_ipc_wire sedge_base)
