#!/bin/sh
# Do the tests notice when the engine is wrong? Each line below breaks one thing; some test must
# fail (or not end) for it. By hand, from the root of the tree:
#
#     tests/unit/jobs/mutants.sh BUILD_DIR         a Debug build that has core/base/libhub_base.a
set -eu
build=${1:?usage: mutants.sh BUILD_DIR}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tests="lifecycle queues requests trouble model"
survivors=0

# file <tab> sed expression
mutants() {
    cat <<'LIST'
attempt.c	s/attempt->token == token && //
attempt.c	s/ && attempt->phase == PHASE_ACTIVE//
attempt.c	s/attempt->number = job->number + 1/attempt->number = job->number + 2/
attempt.c	s/if (attempt->job->safety == JOB_SAFE) {/if (true) {/
attempt.c	s/attempt->phase == PHASE_ACTIVE \&\& !attempt->cancel_sent/attempt->phase == PHASE_ACTIVE/
attempt.c	s/} else if (self->draining) {/} else if (false) {/
move.c	s/job->flags |= JOB_FLAG_MOVING;/;/
move.c	s/job->ready_at = move->run_at;/;/
move.c	s/release_children(self, move);/;/
move.c	s/request_settle(self, job, 0);/;/
move.c	s/if (job->flags & (JOB_FLAG_MOVING | JOB_FLAG_ATTEMPT)) {/if (false) {/
finish.c	s/job->crashes >= JOB_CRASHES_MAX/false/
finish.c	s/job->charged >= job->max_attempts/job->charged > job->max_attempts/
finish.c	s/attempt->start == START_WRITING/false/
finish.c	s/job->releases <= RELEASES_FREE/true/
finish.c	s/errand_of(op)->must = true;/;/
errand.c	s/errand->must && may_pass(op->err)/false/
errand.c	s/self->again_delay_ms \* 2/self->again_delay_ms/
lane.c	s/x->priority > y->priority/x->priority < y->priority/
lane.c	s/x->ready_at < y->ready_at/x->ready_at > y->ready_at/
lane.c	s/room - self->reserved : 0/room : 0/
lane.c	s/connector->room--;/;/
queue.c	s/self->taken < settings->concurrency/self->taken <= settings->concurrency/
queue.c	s/!settings->paused/true/
queue.c	s/self->credit -= self->settings.rate_period_ms;/;/
timers.c	s/job->expires_at <= jobs->now/false/
verdict.c	s/\[ATTEMPT_RELEASED\] = {EACH(RELEASE, RELEASE, UNKNOWN)/[ATTEMPT_RELEASED] = {EACH(RELEASE, RELEASE, RELEASE)/
verdict.c	s/\[ATTEMPT_CRASHED\] = {EACH(RETRY, RETRY, UNKNOWN)/[ATTEMPT_CRASHED] = {EACH(RETRY, RETRY, RETRY)/
input.c	s/self->input_len + self->account_len, self/self->input_len, self/
load.c	s/if (record->state == JOB_RUNNING) {/if (false) {/
request.c	s/fresh.charged = 0;/;/
job_index.c	s/((i - home) & mask) >= ((i - gap) & mask)/true/
jobs.c	s/!self->store_fails/true/
LIST
}

flags="-std=gnu17 -D_GNU_SOURCE -O1 -w -Icore -I. -I$work"
for file in jobs/*.c; do
    case $file in jobs/store.c | jobs/blob.c) continue ;; esac
    # shellcheck disable=SC2086
    cc $flags -c "$file" -o "$work/$(basename "$file" .c).o"
done
for file in world double $(for t in $tests; do echo "test_$t"; done); do
    # shellcheck disable=SC2086
    cc $flags -c "tests/unit/jobs/$file.c" -o "$work/$file.to"
done
libs="$build/core/base/libhub_base.a $(pkg-config --libs json-c libcrypto cmocka) -lpthread"

# Is there a test that fails with the objects as they are?
noticed() {
    for test in $tests; do
        # shellcheck disable=SC2086
        cc "$work/test_$test.to" "$work/world.to" "$work/double.to" "$work"/*.o $libs -o "$work/run"
        HUB_TEST_SEED=1 HUB_TEST_STEPS=20000 timeout 30 "$work/run" >/dev/null 2>&1 || {
            echo "$test"
            return 0
        }
    done
    return 1
}

if by=$(noticed); then
    echo "the tests fail without a mutant: $by" >&2
    exit 1
fi
mutants >"$work/list"
while IFS='	' read -r file change; do
    object="$work/$(basename "$file" .c).o"
    cp "$object" "$work/whole"
    sed "$change" "jobs/$file" >"$work/mutant.c"
    if cmp -s "jobs/$file" "$work/mutant.c"; then
        echo "NOT FOUND  $file  $change"
        survivors=$((survivors + 1))
        continue
    fi
    # shellcheck disable=SC2086
    cc $flags -c "$work/mutant.c" -o "$object"
    if by=$(noticed); then
        echo "caught     $file  $change  ($by)"
    else
        echo "SURVIVED   $file  $change"
        survivors=$((survivors + 1))
    fi
    cp "$work/whole" "$object"
done <"$work/list"
echo "$survivors not caught"
[ "$survivors" -eq 0 ]
