sedge_fuzz_target(deployment DEPS sedge_deploy)
