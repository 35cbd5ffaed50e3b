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
