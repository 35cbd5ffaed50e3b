/*
 * rules.h — every rule that a connector can break, with how to mend it.
 *
 * A rule's name is public: it is `rule` in the report of `hubctl connector check --json` and never
 * changes its meaning.
 *
 * Thread: [any].
 */
#ifndef HUB_KIT_RULES_H
#define HUB_KIT_RULES_H

/* X(NAME, name, how to mend it) */
#define RULES_MAP(X)                                                                               \
    /* the file */                                                                                 \
    X(NOT_A_LIBRARY, "not_a_library", "Build it with `cc -shared -fPIC`.")                         \
    X(FILE_OWNER, "file_owner", "chown it to root or to the user that hubd runs as.")              \
    X(WORLD_WRITABLE, "world_writable", "chmod o-w the file and the folder that it is in.")        \
    X(EXPORTS, "exports",                                                                          \
      "Compile with -fvisibility=hidden and mark only hub_connector_entry() with HUB_EXPORT; for " \
      "static libraries link with -Wl,--exclude-libs,ALL.")                                        \
    X(EXECUTABLE_STACK, "executable_stack",                                                        \
      "Link with -Wl,-z,noexecstack; look for nested functions and hand-written assembler.")       \
    X(TEXT_RELOCATIONS, "text_relocations", "Compile everything in it with -fPIC.")                \
    X(LIBRARY_MISSING, "library_missing", "Install the package that has the library.")             \
    /* the descriptor */                                                                           \
    X(REFUSED, "refused", "hubd would refuse it with these very words.")                           \
    X(CRASH_AT_LOAD, "crash_at_load",                                                              \
      "hub_connector_entry() and what runs before it must do nothing but return the descriptor.")  \
    X(BAD_SIZE, "bad_size", "Set .size = sizeof(hub_connector) and sizeof(hub_operation).")        \
    X(BAD_RESERVED, "bad_reserved", "Leave fields that you do not set at zero: use initialisers.") \
    X(BAD_VERSION, "bad_version", "Use a semantic version: \"1.4.2\" (semver.org).")               \
    X(BAD_HOST, "bad_host",                                                                        \
      "Write \"api.example.com\", \"*.example.com\", with \":PORT\" if it is not 443, or \"*\".")  \
    X(ENTRY_CHANGES, "entry_changes", "Return the address of one constant descriptor.")            \
    X(ENTRY_ANY_MAJOR, "entry_any_major",                                                          \
      "Return NULL unless HUB_ABI_MAJOR(host_abi) == HUB_ABI_MAJOR(HUB_ABI).")                     \
    X(ENTRY_THREADS, "entry_threads", "Start threads in create(), not before.")                    \
    X(NO_SUMMARY, "no_summary", "Say in one sentence what it does: people see it in lists.")       \
    /* schemas and examples */                                                                     \
    X(BAD_SCHEMA, "bad_schema", "The schema must be valid JSON Schema 2020-12.")                   \
    X(NO_EXAMPLE, "no_example",                                                                    \
      "Add an example: people copy it, and most checks need one. Or pass --input.")                \
    X(BAD_EXAMPLE, "bad_example", "The example must be valid against input_schema.")               \
    X(EXAMPLE_FILE, "example_file",                                                                \
      "Pass the file with --file POINTER=PATH, or put it in place with {\"data\": \"BASE64\"}.")   \
    /* running */                                                                                  \
    X(CREATE_FAILED, "create_failed", "create() must return a state, or log why it can't.")        \
    X(CRASH, "crash", "Run it under gdb or valgrind, or build it with -fsanitize=address.")        \
    X(EXIT, "exit", "A connector never ends its process: complete the job instead.")               \
    X(EXAMPLE_FAILED, "example_failed",                                                            \
      "The example should succeed; if it needs an account, the network or a file, this is no "     \
      "fault.")                                                                                    \
    X(BAD_RESULT, "bad_result", "What succeed() gets must be JSON, valid against result_schema.")  \
    X(TOO_LARGE, "too_large", "A result has at most 256 KiB: put what is larger in an artifact.")  \
    X(NEVER_COMPLETED, "never_completed",                                                          \
      "On every path call one of succeed(), fail(), retry() and unknown(); a blocking start() "    \
      "does so before it returns.")                                                                \
    X(DOUBLE_COMPLETION, "double_completion", "Return right after a completion, on every path.")   \
    X(USE_AFTER_COMPLETION, "use_after_completion",                                                \
      "Completing gives the job away: copy what you need before, and forget the pointer.")         \
    X(CALL_UNDER_WAY, "call_under_way",                                                            \
      "Complete a job only when each hub.keep/1 and hub.ledger/1 call of its own is answered.")    \
    X(UNKNOWN_JOB, "unknown_job", "Pass on the pointer that start() got, never a copy of it.")     \
    X(WRONG_THREAD, "wrong_thread",                                                                \
      "Call what is tagged [main] from start(), cancel(), a timer or done() only.")                \
    X(BLOCKS_MAIN, "blocks_main",                                                                  \
      "An async connector returns at once: use hub.pool/1, or HUB_MODE_BLOCKING.")                 \
    X(TIMER_AFTER_FIRE, "timer_after_fire", "Forget a timer when it fires: it frees itself.")      \
    X(BAD_CODE, "bad_code", "Error codes are snake_case: \"invalid_input\", \"card_declined\".")   \
    X(BAD_TEXT, "bad_text", "All text that crosses the line is UTF-8, with its right length.")     \
    X(BAD_PROGRESS, "bad_progress", "progress() takes thousandths: 0 to 1000.")                    \
    X(BAD_CALL, "bad_call", "Look at what the function wants in hub/connector.h.")                 \
    X(END, "end", "destroy() must return, and soon, when no job is left.")                         \
    /* harder things */                                                                            \
    X(CANCEL_IGNORED, "cancel_ignored",                                                            \
      "After cancel(), or when cancelled() says 1, complete the job soon, with anything.")         \
    X(CANCEL_BROKE, "cancel_broke", "A cancel may come at any moment between two calls.")          \
    X(OLDER_HOST, "older_host",                                                                    \
      "Do without an extension that the host does not have, or let create() return NULL.")         \
    X(NEWER_HOST, "newer_host",                                                                    \
      "Accept every minor version, and never compare a size with == or copy a host's struct.")     \
    X(NEWER_FIELD, "newer_field", "Look with HUB_HAS() before using what ABI 1.0 had not.")        \
    X(TOO_SLOW, "too_slow",                                                                        \
      "Give it an example that is quick, or the check more time with --patience.")                 \
    X(LEAK, "leak", "Free in every job what it took: valgrind --leak-check=full shows where.")     \
    X(LEAK_FILES, "leak_files", "Close the descriptors that you open; the host closes its own.")   \
    X(ALLOCATION, "allocation",                                                                    \
      "Check each allocation, and fail() the job when there is no memory.")                        \
    X(ALLOCATION_LIBRARY, "allocation_library",                                                    \
      "The library's fault, not yours: it costs the one attempt that is at work.")

enum rule {
#define X(NAME, name, mend) RULE_##NAME,
    RULES_MAP(X)
#undef X
        RULE_COUNT
};

const char *rule_name(enum rule rule);
const char *rule_mend(enum rule rule);

/* The rule of this name; RULE_COUNT if there is none. */
enum rule rule_find(const char *name);

#endif
