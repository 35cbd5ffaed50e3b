# The engine, on top of whatever store is linked.

hub_library(hub_job
  SOURCES batch.c callback.c cron.c flow.c job.c schedule.c
  LIBS hub_base)

hub_library(hub_jobs
  SOURCES account.c attempt.c batches.c birth.c errand.c expand.c finish.c flows.c gate.c input.c job_index.c jobs.c lane.c load.c move.c names.c
          pass.c purge.c queue.c request.c resolve.c schedules.c schedules_tick.c slab.c submit.c timers.c verdict.c
  LIBS $<TARGET_NAME_IF_EXISTS:hub_store> hub_job hub_base)

hub_check_headers(hub_job callback.h cron.h schedule.h)
hub_check_headers(hub_jobs engine.h job.h job_index.h jobs.h schedules.h schedules_parts.h slab.h verdict.h)

# --- Tests: the engine between a double of the store and a clock that the test turns ------------

set(unit ${PROJECT_SOURCE_DIR}/tests/unit/jobs)
foreach(test accounts lifecycle pure queues requests trouble model)
  hub_test(test_jobs_${test}
    SOURCES ${unit}/test_${test}.c ${unit}/world.c ${unit}/double.c
    LIBS hub_jobs)
endforeach()

if(HUB_TESTS AND TARGET hub_store)
  hub_test(test_jobs_sqlite SOURCES ${unit}/test_sqlite.c LIBS hub_jobs)
  hub_test(test_jobs_schedules SOURCES ${unit}/test_schedules.c LIBS hub_jobs)
  hub_test(test_jobs_batches SOURCES ${unit}/test_batches.c ${unit}/bench.c LIBS hub_jobs)
  hub_test(test_jobs_flows SOURCES ${unit}/test_flows.c ${unit}/bench.c LIBS hub_jobs)
  hub_program(bench_jobs SOURCES ${PROJECT_SOURCE_DIR}/tests/bench/jobs.c LIBS hub_jobs)
endif()

hub_test(test_jobs_states SOURCES ${unit}/test_states.c LIBS hub_jobs)
hub_test(test_cron SOURCES ${unit}/test_cron.c LIBS hub_job)
if(HUB_TESTS)
  # Answers lines: for tests/e2e/cron.test.mjs.
  hub_program(cron_times SOURCES ${unit}/cron_times.c LIBS hub_job)
  set_target_properties(cron_times PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
endif()
hub_test(test_callback SOURCES ${unit}/test_callback.c LIBS hub_job)
