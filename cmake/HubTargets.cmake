# The project's own target functions: one set of flags, one way to declare a box, a test, a fuzzer.

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

add_library(hub_flags INTERFACE)
target_compile_definitions(hub_flags INTERFACE _GNU_SOURCE)
target_compile_options(hub_flags INTERFACE
  -Wall -Wextra -Wshadow -Wvla -Wpointer-arith
  $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes$<SEMICOLON>-Wmissing-prototypes> -Wwrite-strings
  -Wno-missing-field-initializers -fno-common -fvisibility=hidden
  -fstack-protector-strong $<$<BOOL:${HUB_WERROR}>:-Werror>
  $<$<CONFIG:Release>:-O2 -g1>)
target_include_directories(hub_flags INTERFACE
  ${PROJECT_SOURCE_DIR}/core ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR}/generated)
target_link_options(hub_flags INTERFACE -Wl,-z,relro,-z,now)
if(HUB_SANITIZE)
  target_compile_options(hub_flags INTERFACE
    -fsanitize=${HUB_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=undefined)
  target_link_options(hub_flags INTERFACE -fsanitize=${HUB_SANITIZE})
elseif(NOT HUB_FUZZ)
  target_compile_options(hub_flags INTERFACE $<$<CONFIG:Release>:-D_FORTIFY_SOURCE=2>)
endif()
if(HUB_FUZZ)
  target_compile_options(hub_flags INTERFACE -fsanitize=fuzzer-no-link,address,undefined)
  target_link_options(hub_flags INTERFACE -fsanitize=address,undefined)
endif()

# hub_pkg(NAME pkg-config-module…): an imported target PkgConfig::NAME, required.
function(hub_pkg name)
  pkg_check_modules(${name} REQUIRED IMPORTED_TARGET GLOBAL ${ARGN})
endfunction()

# hub_library(NAME SOURCES … LIBS …): a box of the house, as a static library.
function(hub_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC hub_flags ${ARG_LIBS})
endfunction()

# hub_program(NAME SOURCES … LIBS …)
function(hub_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE hub_flags ${ARG_LIBS})
endfunction()

# hub_test(NAME SOURCES … LIBS … [DEFINITIONS …]): a cmocka program run by ctest.
function(hub_test name)
  if(NOT HUB_TESTS)
    return()
  endif()
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;LIBS;DEFINITIONS" ${ARGN})
  if(NOT TARGET PkgConfig::cmocka)
    hub_pkg(cmocka cmocka)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  # A test asserts with cmocka and must keep assert() alive in Release too.
  target_compile_options(${name} PRIVATE -UNDEBUG)
  target_compile_definitions(${name} PRIVATE ${ARG_DEFINITIONS})
  target_link_libraries(${name} PRIVATE hub_flags ${ARG_LIBS} PkgConfig::cmocka)
  add_test(NAME ${name} COMMAND ${name})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 60)
  endif()
  set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS unit)
endfunction()

# hub_test_needs(TEST PATH): the test is listed as disabled where the data it reads is not there.
function(hub_test_needs name path)
  if(HUB_TESTS AND NOT EXISTS ${path})
    message(WARNING "${path} is not there: ${name} is disabled")
    set_tests_properties(${name} PROPERTIES DISABLED TRUE)
  endif()
endfunction()

# hub_fuzzer(NAME SOURCES … LIBS …): a libFuzzer program, built with HUB_FUZZ only.
function(hub_fuzzer name)
  if(NOT HUB_FUZZ)
    return()
  endif()
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE hub_flags ${ARG_LIBS})
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
endfunction()

# Every header compiles alone: hub_check_headers(TARGET header…) compiles each as its own unit.
function(hub_check_headers target)
  if(NOT HUB_TESTS)
    return()
  endif()
  set(units)
  foreach(header ${ARGN})
    string(MAKE_C_IDENTIFIER ${header} unit)
    set(file ${CMAKE_CURRENT_BINARY_DIR}/header_${unit}.c)
    file(CONFIGURE OUTPUT ${file} CONTENT "#include \"${CMAKE_CURRENT_SOURCE_DIR}/${header}\"\n")
    list(APPEND units ${file})
  endforeach()
  add_library(${target}_headers OBJECT ${units})
  target_link_libraries(${target}_headers PRIVATE ${target})
endfunction()

# hub_embed(TARGET SYMBOL FILE): `extern const char SYMBOL[]; extern const size_t SYMBOL_len;`
function(hub_embed target symbol file)
  set(out ${CMAKE_CURRENT_BINARY_DIR}/embed_${symbol}.c)
  file(CONFIGURE OUTPUT ${out} @ONLY CONTENT
"/* Generated from ${file}. */
#include <stddef.h>
extern const char ${symbol}[];
extern const size_t ${symbol}_len;
__asm__(\".section .rodata\\n.global ${symbol}\\n.balign 8\\n${symbol}:\\n.incbin \\\"${file}\\\"\\n\"
        \".L${symbol}_end:\\n.byte 0\\n.balign 8\\n.global ${symbol}_len\\n${symbol}_len:\\n\"
        \".quad .L${symbol}_end - ${symbol}\\n.text\\n\");
")
  set_source_files_properties(${out} PROPERTIES OBJECT_DEPENDS ${file})
  target_sources(${target} PRIVATE ${out})
endfunction()
