# Bar codes: rectangles out of text. They know neither PDF nor layout.
hub_pkg(qrencode libqrencode)
hub_library(pdf_codes
  SOURCES code.c code_128.c code_ean.c code_qr.c
  LIBS hub_base PkgConfig::qrencode)
hub_check_headers(pdf_codes code.h code_kinds.h)
hub_test(test_pdf_code SOURCES ${PROJECT_SOURCE_DIR}/tests/unit/pdf/test_code.c LIBS pdf_codes)
if(HUB_TESTS)
  target_include_directories(test_pdf_code PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
endif()

# The operations on existing documents, in C++ because libqpdf is: its exceptions tell what went
# wrong, and they end in work.cc.
if(NOT CMAKE_CXX_COMPILER AND CMAKE_C_COMPILER_ID STREQUAL "Clang")
  find_program(HUB_CLANGXX NAMES clang++ clang++-14 REQUIRED)
  set(CMAKE_CXX_COMPILER ${HUB_CLANGXX})
endif()
enable_language(CXX)
set(CMAKE_CXX_STANDARD 17)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
hub_pkg(qpdf libqpdf)
hub_library(pdf_operations
  SOURCES ops_info.cc ops_merge.cc ops_metadata.cc ops_pages.cc ops_stamp.cc
          page_ranges.cc work.cc xmp.cc
  LIBS pdf_parts hub_base hub_sdk PkgConfig::qpdf)
hub_check_headers(pdf_operations operations.h)
target_compile_definitions(pdf_operations PUBLIC POINTERHOLDER_TRANSITION=4)
set(pdf_operation_schemas
  attach.schema.json decrypt.schema.json documents-result.schema.json encrypt.schema.json
  info.schema.json info-result.schema.json linearize.schema.json merge.schema.json
  metadata.schema.json rotate.schema.json split.schema.json
  stamp.schema.json)
hub_fuzzer(fuzz_pdf_operations
  SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_pdf_operations.cc LIBS pdf_operations)

hub_test(test_pdf_templates
  SOURCES ${PROJECT_SOURCE_DIR}/tests/unit/pdf/test_templates.c
          ${PROJECT_SOURCE_DIR}/tests/unit/pdf/files.c
  LIBS pdf_parts DEFINITIONS TEMPLATES="${CMAKE_CURRENT_SOURCE_DIR}/templates")
