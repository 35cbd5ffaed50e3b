# What `hubctl connector new` writes, built and tested as a part of hubd: both modes, with their
# test. Their own CMakeLists.txt is for strangers; tests/e2e/connector-kit.test.mjs follows it.
if(NOT TARGET PkgConfig::json_c)
  hub_pkg(json_c json-c)
endif()
foreach(name template template_async)
  hub_add_connector(${name} SOURCES ${CMAKE_CURRENT_LIST_DIR}/${name}.c LIBS hub_flags PkgConfig::json_c)
  set_target_properties(${name} PROPERTIES
    LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests/template)

  add_executable(${name}_test
    ${CMAKE_CURRENT_LIST_DIR}/template_test.c ${CMAKE_CURRENT_LIST_DIR}/${name}.c)
  target_link_libraries(${name}_test PRIVATE hub_flags hubd::connector PkgConfig::json_c)
  add_test(NAME ${name}_test COMMAND ${name}_test)
endforeach()
