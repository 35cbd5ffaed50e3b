/*
 * Every state that a job can come to, and every way there: an explicit search, to a fixed point, of
 * a small model of one job and its two parents. What is allowed and what an attempt's end makes of
 * the job are the engine's own tables (job_may_move(), verdict_of()); the rest of DESIGN §4 is said
 * here once more, in few lines. After each event it must be true that
 *
 *   - each change of state is one that the table allows, and one that ends the job is counted once;
 *   - what is terminal changes by hand only; by hand nothing runs at once;
 *   - a result with an old token, or of an attempt that hubd has forgotten, changes nothing;
 *   - only a running job has an attempt in flight, and the token never goes back;
 *   - a `never` job whose attempt is lost is not run again but `unknown`;
 *
 * and of each state that is not terminal, a terminal one can be reached without any user's doing.
 * The mutants at the end show that each of these can fail.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "jobs/job.h"
#include "jobs/verdict.h"

enum { PARENTS = 2, ATTEMPTS = 2, TOKENS_MAX = 5, LIVES_MAX = 2, STATES_MAX = 1 << 20 };

enum parent { PARENT_WAITS, PARENT_OK, PARENT_FAILED, PARENT_STATES };

/* All of it are small numbers: two models are the same if their bytes are. */
struct model {
    unsigned char state;
    unsigned char token;   /* attempts begun */
    unsigned char charged; /* of them */
    unsigned char held;    /* the token of the attempt in flight; 0: none */
    unsigned char stale;   /* the token of one that was forgotten, but may still answer; 0: none */
    unsigned char wish;    /* to cancel it */
    unsigned char lives;   /* how often it was put back by hand */
    unsigned char ends;    /* how often it became terminal */
    unsigned char safety;
    unsigned char policy;
    unsigned char parents[PARENTS];
};

enum mutant { NONE, NO_FENCE, NEVER_AGAIN, NO_RELEASE, TERMINAL_MOVES };

struct search {
    enum mutant mutant;
    struct model *states;
    unsigned *from; /* edges, backwards: of `to` */
    unsigned *to;
    bool *by_user;
    size_t count;
    size_t edges;
    size_t edge_cap;
    unsigned *table;
    const char *broken; /* the first rule that was */
};

/* --- The model ---------------------------------------------------------------------------------*/

static void break_rule(struct search *s, bool broken, const char *rule)
{
    s->broken = s->broken ? s->broken : broken ? rule : NULL;
}

static void move(struct search *s, struct model *m, enum job_state to, bool by_hand)
{
    break_rule(s, !job_may_move((enum job_state)m->state, to, by_hand), "a move off the table");
    m->ends += job_state_terminal(to);
    m->state = (unsigned char)to;
    if (to != JOB_RUNNING) {
        m->held = 0;
    }
    if (job_state_terminal(to)) {
        m->wish = 0;
    }
}

/* What the parents make of one that waits for them. */
static void look_at_parents(struct search *s, struct model *m)
{
    bool waits = false;
    bool failed = false;

    for (int i = 0; i < PARENTS; i++) {
        waits |= m->parents[i] == PARENT_WAITS;
        failed |= m->parents[i] == PARENT_FAILED;
    }
    if (m->state != JOB_BLOCKED || s->mutant == NO_RELEASE) {
        return;
    }
    if (failed && m->policy != JOB_PARENT_RUN_ANYWAY) {
        move(s, m, m->policy == JOB_PARENT_SKIP ? JOB_CANCELLED : JOB_FAILED, false);
    } else if (!waits) {
        move(s, m, JOB_QUEUED, false);
    }
}

static void end_attempt(struct search *s, struct model *m, enum attempt_outcome outcome)
{
    enum verdict verdict = verdict_of(outcome, (enum job_retry_safety)m->safety, m->wish);
    bool counts = verdict != VERDICT_RELEASE && outcome != ATTEMPT_RELEASED;

    static const enum job_state ENDS[] = {
        [VERDICT_SUCCEED] = JOB_SUCCEEDED, [VERDICT_FAIL] = JOB_FAILED,
        [VERDICT_RETRY] = JOB_SCHEDULED,   [VERDICT_RELEASE] = JOB_QUEUED,
        [VERDICT_UNKNOWN] = JOB_UNKNOWN,   [VERDICT_CANCEL] = JOB_CANCELLED,
    };
    if (s->mutant == NEVER_AGAIN && verdict == VERDICT_UNKNOWN) {
        verdict = VERDICT_RELEASE;
    }
    bool lost = outcome == ATTEMPT_RELEASED || outcome == ATTEMPT_CRASHED;
    break_rule(s, lost && m->safety == JOB_NEVER && ENDS[verdict] != JOB_UNKNOWN,
               "what must not be repeated is");
    m->charged += counts;
    enum job_state to = ENDS[verdict];
    move(s, m, to == JOB_SCHEDULED && m->charged >= ATTEMPTS ? JOB_FAILED : to, false);
}

/* --- Events: each returns whether it can happen ------------------------------------------------*/

typedef bool event_fn(struct search *s, struct model *m, unsigned which);

static bool parent_ends(struct search *s, struct model *m, unsigned which)
{
    unsigned char *parent = &m->parents[which / 2];

    if (*parent != PARENT_WAITS) {
        return false;
    }
    *parent = which % 2 ? PARENT_OK : PARENT_FAILED;
    look_at_parents(s, m);
    return true;
}

static bool due(struct search *s, struct model *m, unsigned which)
{
    (void)which;
    if (m->state != JOB_SCHEDULED) {
        return false;
    }
    move(s, m, JOB_QUEUED, false);
    return true;
}

static bool expires(struct search *s, struct model *m, unsigned which)
{
    (void)which;
    if (job_state_terminal((enum job_state)m->state) || m->state == JOB_RUNNING) {
        return false;
    }
    move(s, m, JOB_FAILED, false);
    return true;
}

static bool starts(struct search *s, struct model *m, unsigned which)
{
    (void)which;
    if (m->state != JOB_QUEUED || m->token == TOKENS_MAX) {
        return false;
    }
    move(s, m, JOB_RUNNING, false);
    m->held = ++m->token;
    return true;
}

static bool answers(struct search *s, struct model *m, unsigned which)
{
    if (m->held == 0 || (which == ATTEMPT_CANCELLED && !m->wish)) {
        return false;
    }
    end_attempt(s, m, (enum attempt_outcome)which);
    return true;
}

static bool stale_answers(struct search *s, struct model *m, unsigned which)
{
    struct model before = *m;

    if (m->stale == 0) {
        return false;
    }
    if (s->mutant == NO_FENCE ? m->state == JOB_RUNNING : m->stale == m->held) {
        end_attempt(s, m, (enum attempt_outcome)which);
    }
    break_rule(s, memcmp(&before, m, sizeof before) != 0, "an old token changes something");
    m->stale = 0;
    return true;
}

/* hubd is killed and comes up again: the runner's answer may be on its way still; the wish to
 * cancel what runs is forgotten. */
static bool crashes(struct search *s, struct model *m, unsigned which)
{
    (void)which;
    if (job_state_terminal((enum job_state)m->state)) {
        return false;
    }
    m->stale = m->held ? m->held : m->stale;
    m->wish = 0;
    if (m->state == JOB_RUNNING) {
        end_attempt(s, m, ATTEMPT_RELEASED);
    }
    return true;
}

static bool cancel(struct search *s, struct model *m, unsigned which)
{
    (void)which;
    if (job_state_terminal((enum job_state)m->state)) {
        return false;
    }
    if (m->state == JOB_RUNNING) {
        m->wish = 1;
    } else {
        move(s, m, JOB_CANCELLED, false);
    }
    return true;
}

static bool retry(struct search *s, struct model *m, unsigned which)
{
    (void)which;
    if (!job_may_retry((enum job_state)m->state) || m->lives == LIVES_MAX) {
        return false;
    }
    move(s, m, JOB_QUEUED, true);
    m->lives++;
    m->charged = 0;
    return true;
}

static bool stirs(struct search *s, struct model *m, unsigned which)
{
    (void)which;
    if (s->mutant != TERMINAL_MOVES || m->state != JOB_CANCELLED) {
        return false;
    }
    move(s, m, JOB_QUEUED, false);
    return true;
}

static const struct {
    event_fn *happen;
    unsigned ways;
    bool by_user;
} EVENTS[] = {
    {parent_ends, 2 * PARENTS, false},
    {due, 1, false},
    {expires, 1, true}, /* not every job has a time to expire: no way out to count on */
    {starts, 1, false},
    {answers, ATTEMPT_OUTCOME_COUNT, false},
    {stale_answers, ATTEMPT_OUTCOME_COUNT, false},
    {crashes, 1, true}, /* likewise */
    {cancel, 1, true},
    {retry, 1, true},
    {stirs, 1, false},
};

/* --- The search --------------------------------------------------------------------------------*/

static unsigned hash(const struct model *m)
{
    const unsigned char *bytes = (const unsigned char *)m;
    unsigned h = 2166136261u;

    for (size_t i = 0; i < sizeof *m; i++) {
        h = (h ^ bytes[i]) * 16777619u;
    }
    return h;
}

/* Its number; a new one is added. */
static unsigned number_of(struct search *s, const struct model *m)
{
    unsigned at = hash(m) % (2 * STATES_MAX);

    while (s->table[at] != 0) {
        if (memcmp(&s->states[s->table[at] - 1], m, sizeof *m) == 0) {
            return s->table[at] - 1;
        }
        at = (at + 1) % (2 * STATES_MAX);
    }
    assert_true(s->count < STATES_MAX);
    s->states[s->count] = *m;
    s->table[at] = (unsigned)++s->count;
    return (unsigned)s->count - 1;
}

static void check(struct search *s, const struct model *before, const struct model *after,
                  event_fn *event)
{
    bool was_terminal = job_state_terminal((enum job_state)before->state);

    break_rule(s, was_terminal && after->state != before->state && event != retry,
               "a terminal state changes by itself");
    break_rule(s, (after->state == JOB_RUNNING) != (after->held != 0), "an attempt of nobody's");
    break_rule(s, after->token < before->token, "a token goes back");
    break_rule(s, after->ends != after->lives + job_state_terminal((enum job_state)after->state),
               "more than one end for each life");
}

static void add_edge(struct search *s, unsigned from, unsigned to, bool by_user)
{
    if (s->edges == s->edge_cap) {
        s->edge_cap = s->edge_cap ? 2 * s->edge_cap : 1 << 16;
        s->from = reallocarray(s->from, s->edge_cap, sizeof *s->from);
        s->to = reallocarray(s->to, s->edge_cap, sizeof *s->to);
        s->by_user = reallocarray(s->by_user, s->edge_cap, sizeof *s->by_user);
        assert_true(s->from && s->to && s->by_user);
    }
    s->from[s->edges] = from;
    s->to[s->edges] = to;
    s->by_user[s->edges++] = by_user;
}

static void go_on_from(struct search *s, unsigned number)
{
    for (size_t e = 0; e < sizeof EVENTS / sizeof *EVENTS && !s->broken; e++) {
        for (unsigned way = 0; way < EVENTS[e].ways; way++) {
            const struct model before = s->states[number];
            struct model after = before;
            if (EVENTS[e].happen(s, &after, way)) {
                check(s, &before, &after, EVENTS[e].happen);
                add_edge(s, number, number_of(s, &after), EVENTS[e].by_user);
            }
        }
    }
}

static void begin(struct search *s)
{
    for (unsigned safety = 0; safety < 3; safety++) {
        for (unsigned policy = 0; policy < JOB_PARENT_POLICY_COUNT; policy++) {
            struct model m = {.state = JOB_BLOCKED,
                              .safety = (unsigned char)safety,
                              .policy = (unsigned char)policy};
            number_of(s, &m);
            m.state = JOB_SCHEDULED;
            memset(m.parents, PARENT_OK, sizeof m.parents);
            number_of(s, &m);
        }
    }
}

/* From each state there is a way to an end, whatever users do not do. A job whose tokens are used
 * up in the model waits for a number, which is no state of the real one. */
static void look_for_ways_out(struct search *s)
{
    bool *out = calloc(s->count, sizeof *out);
    bool more = true;

    assert_non_null(out);
    for (size_t i = 0; i < s->count; i++) {
        out[i] = job_state_terminal((enum job_state)s->states[i].state) ||
                 s->states[i].token == TOKENS_MAX;
    }
    while (more) {
        more = false;
        for (size_t i = 0; i < s->edges; i++) {
            if (!s->by_user[i] && out[s->to[i]] && !out[s->from[i]]) {
                out[s->from[i]] = more = true;
            }
        }
    }
    for (size_t i = 0; i < s->count; i++) {
        break_rule(s, !out[i], "a state without a way out");
    }
    free(out);
}

static const char *search(enum mutant mutant, size_t *ret_states, size_t *ret_edges)
{
    struct search s = {.mutant = mutant};

    s.states = calloc(STATES_MAX, sizeof *s.states);
    s.table = calloc(2 * STATES_MAX, sizeof *s.table);
    assert_true(s.states && s.table);
    begin(&s);
    for (unsigned i = 0; i < s.count && !s.broken; i++) {
        go_on_from(&s, i);
    }
    if (!s.broken) {
        look_for_ways_out(&s);
    }
    *ret_states = s.count;
    *ret_edges = s.edges;
    free(s.states);
    free(s.table);
    free(s.from);
    free(s.to);
    free(s.by_user);
    return s.broken;
}

static void test_every_state(void **state)
{
    size_t states, edges;
    const char *broken = search(NONE, &states, &edges);

    (void)state;
    printf("%zu states, %zu events\n", states, edges);
    assert_null(broken);
    assert_true(states > 1000);
}

static void test_mutants(void **state)
{
    static const struct {
        enum mutant mutant;
        const char *rule;
    } MUTANTS[] = {
        {NO_FENCE, "an old token changes something"},
        {NEVER_AGAIN, "what must not be repeated is"},
        {NO_RELEASE, "a state without a way out"},
        {TERMINAL_MOVES, "a move off the table"},
    };
    size_t states, edges;

    (void)state;
    for (size_t i = 0; i < sizeof MUTANTS / sizeof *MUTANTS; i++) {
        const char *broken = search(MUTANTS[i].mutant, &states, &edges);
        assert_non_null(broken);
        assert_string_equal(broken, MUTANTS[i].rule);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_state),
        cmocka_unit_test(test_mutants),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
