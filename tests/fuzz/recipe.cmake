sedge_fuzz_target(recipe DEPS sedge_recipe)
sedge_fuzz_target(semver DEPS sedge_base)
sedge_fuzz_target(yaml DEPS sedge_base)
sedge_fuzz_target(policy DEPS sedge_policy)
