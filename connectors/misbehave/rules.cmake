# Connectors that each break one rule of the contract, which `hubctl connector check` must find and
# name: rule_NAME.c breaks the rule NAME, or NAME up to a suffix. `none` keeps them all.
# tests/e2e/connector-check.test.mjs knows what each has to be told.
set(rules
  allocation bad_code bad_example bad_host bad_progress bad_reserved bad_result
  bad_schema bad_size bad_text bad_version blocks_main call_under_way cancel_broke cancel_ignored
  crash crash_at_load create_failed double_completion end entry_any_major
  entry_changes entry_threads executable_stack exit exports leak leak_files
  never_completed never_completed_async newer_host no_example none not_json older_host
  progress_after_completion refused timer_after_fire too_large unknown_job
  use_after_completion wrong_thread)
foreach(rule ${rules})
  hub_add_connector(rule_${rule} SOURCES rule_${rule}.c LIBS hub_flags Threads::Threads)
  set_target_properties(rule_${rule} PROPERTIES
    OUTPUT_NAME ${rule} LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests/rules)
endforeach()
# One that exports too much is not made with hub_add_connector(), which would not let it.
set_target_properties(rule_exports PROPERTIES LINK_OPTIONS "")
target_link_options(rule_executable_stack PRIVATE -Wl,-z,execstack)
