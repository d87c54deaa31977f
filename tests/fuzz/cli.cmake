sedge_fuzz_target(logentry DEPS sedge_cli)
sedge_fuzz_target(logfilter DEPS sedge_cli)
sedge_fuzz_target(logtime DEPS sedge_cli)
