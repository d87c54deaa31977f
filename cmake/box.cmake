# One static library for each box of docs/architecture.md.
#
#   sedge_box(recipe SOURCES recipe.c select.c DEPS sedge_base PkgConfig::YAML)
#   sedge_box(broker FAST ...)     # on the path of every message: for speed where the rest is compiled for size
#
# makes the target sedge_recipe. Its headers are included as "recipe/recipe.h" by targets that link it, and by no
# others: each box has an include folder of its own that holds just a link to its sources. A missing link line is
# therefore a compile error, and so is a forbidden include.
function(sedge_box name)
  cmake_parse_arguments(BOX "FAST" "" "SOURCES;DEPS" ${ARGN})
  add_library(sedge_${name} STATIC ${BOX_SOURCES})
  if(BOX_FAST)
    target_compile_options(sedge_${name} PRIVATE $<$<CONFIG:MinSizeRel>:-O2>)
  endif()
  set(dir ${CMAKE_BINARY_DIR}/include/${name})
  file(MAKE_DIRECTORY ${dir})
  file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR} ${dir}/${name} SYMBOLIC)
  target_include_directories(sedge_${name} PUBLIC ${dir})
  target_link_libraries(sedge_${name} PUBLIC ${BOX_DEPS})
endfunction()

# A cmocka program tests/unit/<box>/test_<name>.c. Each is a process of its own with a time-out.
function(sedge_unit_test name)
  cmake_parse_arguments(T "" "TIMEOUT" "SOURCES;DEPS" ${ARGN})
  if(NOT T_TIMEOUT)
    set(T_TIMEOUT 600) # ends a hang; the slowest takes a minute under the sanitizers
  endif()
  if(NOT T_SOURCES)
    set(T_SOURCES ${name}.c)
  endif()
  add_executable(${name} ${T_SOURCES})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  target_link_libraries(${name} PRIVATE PkgConfig::CMOCKA ${T_DEPS})
  target_compile_definitions(${name} PRIVATE
    SEDGE_SOURCE_DIR="${CMAKE_SOURCE_DIR}" SEDGE_SHARED_DIR="${CMAKE_SOURCE_DIR}/../shared" SEDGE_BIN_DIR="${CMAKE_BINARY_DIR}/bin")
  add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES TIMEOUT ${T_TIMEOUT} ENVIRONMENT "CMOCKA_MESSAGE_OUTPUT=TAP")
endfunction()

# A libFuzzer target tests/fuzz/fuzz_<name>.c; its seed corpus is tests/fuzz/corpus/<name>/.
function(sedge_fuzz_target name)
  cmake_parse_arguments(F "" "" "SOURCES;DEPS" ${ARGN})
  if(SEDGE_FUZZ)
    if(NOT F_SOURCES)
      set(F_SOURCES fuzz_${name}.c)
    endif()
    add_executable(fuzz_${name} ${F_SOURCES})
    set_target_properties(fuzz_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
    target_link_libraries(fuzz_${name} PRIVATE ${F_DEPS})
    target_compile_options(fuzz_${name} PRIVATE -Wno-missing-prototypes)
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  endif()
endfunction()
