# Flags for every target: the warnings of both compilers, hardening, sanitizers.
add_compile_options(
  -Wall -Wextra -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition
  -Wpointer-arith -Wwrite-strings -Wcast-qual -Wformat=2 -Wvla -Wundef -Wswitch-enum -Wimplicit-fallthrough
  -Wnull-dereference -Wredundant-decls -fno-common -fvisibility=hidden -fstack-protector-strong -fno-omit-frame-pointer
  -ffile-prefix-map=${CMAKE_SOURCE_DIR}/=)
add_compile_definitions(_GNU_SOURCE SEDGE_VERSION="${PROJECT_VERSION}")
if(SEDGE_WERROR)
  add_compile_options(-Werror)
endif()
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
add_link_options(-Wl,-z,relro,-z,now -Wl,--as-needed)
if(SEDGE_SANITIZE)
  add_compile_options(-fsanitize=${SEDGE_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${SEDGE_SANITIZE})
elseif(NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
  add_compile_definitions(_FORTIFY_SOURCE=2)
endif()
if(CMAKE_BUILD_TYPE STREQUAL "MinSizeRel")
  add_compile_options(-ffunction-sections -fdata-sections)
  add_link_options(-Wl,--gc-sections)
endif()
