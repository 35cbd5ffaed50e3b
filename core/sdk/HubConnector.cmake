# hub_add_connector(NAME SOURCES file… [SCHEMAS file…] [LIBS library…])
#
# Makes the target NAME: NAME.so, a connector for hubd, which finds <hub/connector.h> and exports
# hub_connector_entry() and nothing else, neither of its own sources nor of static libraries.
#
# SCHEMAS: files called *.schema.json, relative to the calling folder, each of which becomes a string
# literal in the generated header "NAME_schemas.h": input.schema.json is INPUT_SCHEMA there.
set(HUB_CONNECTOR_EXPORTS "${CMAKE_CURRENT_LIST_DIR}/exports.map" CACHE INTERNAL "")

function(hub_add_connector name)
  cmake_parse_arguments(ARG "" "" "SOURCES;SCHEMAS;LIBS" ${ARGN})
  if(NOT ARG_SOURCES)
    message(FATAL_ERROR "hub_add_connector(${name}): SOURCES are missing")
  endif()
  if(ARG_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "hub_add_connector(${name}): what is ${ARG_UNPARSED_ARGUMENTS}?")
  endif()
  add_library(${name} MODULE ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE hubd::connector ${ARG_LIBS})
  target_link_options(${name} PRIVATE
    -Wl,--version-script=${HUB_CONNECTOR_EXPORTS} -Wl,-z,relro,-z,now,-z,noexecstack)
  set_target_properties(${name} PROPERTIES
    PREFIX "" SUFFIX ".so" C_VISIBILITY_PRESET hidden CXX_VISIBILITY_PRESET hidden
    POSITION_INDEPENDENT_CODE ON LINK_DEPENDS ${HUB_CONNECTOR_EXPORTS})
  hub_schema_header(${name} ${name} ${ARG_SCHEMAS})
endfunction()

# hub_schema_header(TARGET NAME file…): makes "NAME_schemas.h" and lets TARGET include it. Literals,
# because a descriptor is pure data and HUB_STR_INIT() wants their length at compile time.
function(hub_schema_header target name)
  if(NOT ARGN)
    return()
  endif()
  set(text "/* Generated from the *.schema.json files beside the sources. */\n")
  foreach(file ${ARGN})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
    file(READ ${file} json)
    string(REPLACE "\\" "\\\\" json "${json}")
    string(REPLACE "\"" "\\\"" json "${json}")
    string(REGEX REPLACE "\n *" "\" \\\\\n    \"" json "${json}")
    get_filename_component(symbol ${file} NAME)
    string(REGEX REPLACE "\\.schema\\.json$" "" symbol ${symbol})
    string(MAKE_C_IDENTIFIER ${symbol} symbol)
    string(TOUPPER ${symbol} symbol)
    string(APPEND text "#define ${symbol}_SCHEMA \\\n    \"${json}\"\n")
  endforeach()
  # Not configure_file(): a schema may hold what CMake would take for a variable.
  set(header ${CMAKE_CURRENT_BINARY_DIR}/${name}_schemas.h)
  set(old "")
  if(EXISTS ${header})
    file(READ ${header} old)
  endif()
  if(NOT old STREQUAL text)
    file(WRITE ${header} "${text}")
  endif()
  target_include_directories(${target} PRIVATE ${CMAKE_CURRENT_BINARY_DIR})
endfunction()
