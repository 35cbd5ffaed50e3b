#include "check/guard.h"

#include "base/clock.h"
#include "check/tell.h"
#include "check/whose.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define APPENDED      64 /* bytes by which a newer host's structs are longer */
#define APPENDED_BYTE 0xa5
#define BLOCKS_MS     250 /* that an async connector may hold up [main] */
#define PAGE          4096u
#define GUARDS_MAX    16384 /* jobs of one process */

enum guard_state { GUARD_OPEN, GUARD_CLOSING, GUARD_CLOSED };

struct guard {
    hub_job *shown;
    hub_job *real;
    _Atomic int state;
    _Atomic int calls; /* under way */
    bool cancelling;   /* cancel() is at it now; under the lock */
    bool revoked;      /* under the lock */
    char *pages;
    size_t pages_len;
};

static struct {
    struct runner *runner;
    const struct orders *orders;
    const hub_connector *connector;
    hub_instance *instance;
    pthread_mutex_t lock;
    struct guard
        all[GUARDS_MAX]; /* in the order in which they came; not on the heap that is watched */
    size_t count;
    _Atomic uint64_t points;
    int depth; /* of calls into the connector on [main] */
} the = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* --- Pages -------------------------------------------------------------------------------------*/

static size_t longer(size_t size)
{
    return the.orders->age == HOST_NEWER ? size + APPENDED : size;
}

static size_t aligned(size_t size)
{
    return (size + 15) & ~(size_t)15;
}

static size_t texts_of_job(const hub_job *job)
{
    return job->id.len + job->operation.len + job->input.len + job->account.len +
           job->idempotency_key.len + job->traceparent.len;
}

static size_t texts_of_file(const hub_file *file)
{
    return file->pointer.len + file->name.len + file->media_type.len + file->artifact.len;
}

static size_t room_for(const hub_job *job)
{
    size_t room = aligned(longer(sizeof *job)) + aligned(job->file_count * sizeof(hub_file *));
    room += texts_of_job(job);
    for (uint32_t i = 0; i < job->file_count; i++) {
        room += aligned(longer(sizeof(hub_file))) + texts_of_file(job->files[i]);
    }
    return room;
}

/* Takes structs from the front of the pages, texts from the end. */
struct cutter {
    char *front;
    char *end;
};

static void *cut_struct(struct cutter *self, const void *from, size_t size)
{
    char *made = self->front;
    self->front += aligned(longer(size));
    memcpy(made, from, size);
    memset(made + size, APPENDED_BYTE, longer(size) - size);
    *(uint32_t *)(void *)made = (uint32_t)longer(size);
    return made;
}

static void cut_text(struct cutter *self, hub_str *text)
{
    if (text->len > 0) {
        self->end -= text->len;
        memcpy(self->end, text->ptr, text->len);
        text->ptr = self->end;
    }
}

static const hub_file *cut_file(struct cutter *self, const hub_file *real)
{
    hub_file *file = cut_struct(self, real, sizeof *real);
    cut_text(self, &file->pointer);
    cut_text(self, &file->name);
    cut_text(self, &file->media_type);
    cut_text(self, &file->artifact);
    return file;
}

static hub_job *cut_job(struct cutter *self, const hub_job *real)
{
    hub_job *job = cut_struct(self, real, sizeof *real);
    const hub_file **files = (const hub_file **)(void *)self->front;
    cut_text(self, &job->id);
    cut_text(self, &job->operation);
    cut_text(self, &job->input);
    cut_text(self, &job->account);
    cut_text(self, &job->idempotency_key);
    cut_text(self, &job->traceparent);
    self->front += aligned(real->file_count * sizeof *files);
    for (uint32_t i = 0; i < real->file_count; i++) {
        files[i] = cut_file(self, real->files[i]);
    }
    job->files = real->file_count > 0 ? files : NULL;
    return job;
}

static void take_pages(struct guard *self)
{
    self->revoked = true;
    madvise(self->pages, self->pages_len, MADV_DONTNEED);
    mprotect(self->pages, self->pages_len, PROT_NONE);
}

/* --- Who touches what is gone ------------------------------------------------------------------*/

/* What happened happens again, for good. */
static void on_crash(int number)
{
    signal(number, SIG_DFL);
    side_set(SIDE_HOST);
    tell_file("crashed_in", whose_call());
    raise(number);
}

static void on_fault(int number, siginfo_t *info, void *context)
{
    static const char LINE[] = TELL_LINE(
        "use_after_completion", "the job or its texts were touched after it was completed");
    const char *address = info->si_addr;
    (void)context;
    for (size_t i = the.count; i-- > 0;) {
        const struct guard *guard = &the.all[i];
        if (address >= guard->pages && address < guard->pages + guard->pages_len) {
            tell_raw(LINE, sizeof LINE - 1);
            _exit(RUNNER_EXIT_CONTRACT);
        }
    }
    on_crash(number);
}

void guards_init(struct runner *runner, const struct orders *orders)
{
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    the.runner = runner;
    the.orders = orders;
    sigaction(SIGSEGV, &action, NULL);
    whose_prepare();
    static const int OTHERS[] = {SIGABRT, SIGBUS, SIGFPE, SIGILL};
    for (size_t i = 0; i < sizeof OTHERS / sizeof OTHERS[0]; i++) {
        signal(OTHERS[i], on_crash);
    }
}

void guards_know(const hub_connector *connector, hub_instance *instance)
{
    the.connector = connector;
    the.instance = instance;
}

/* --- Opening and finding -----------------------------------------------------------------------*/

struct guard *guard_open(hub_job *real)
{
    struct guard made = {.real = real, .pages_len = (room_for(real) + PAGE - 1) / PAGE * PAGE};
    struct guard *self = NULL;
    made.pages =
        mmap(NULL, made.pages_len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (made.pages == MAP_FAILED) {
        return NULL;
    }
    struct cutter cutter = {made.pages, made.pages + made.pages_len};
    made.shown = cut_job(&cutter, real);
    pthread_mutex_lock(&the.lock);
    if (the.count < GUARDS_MAX) {
        self = &the.all[the.count];
        *self = made;
        the.count++;
    }
    pthread_mutex_unlock(&the.lock);
    return self;
}

hub_job *guard_shown(const struct guard *self)
{
    return self->shown;
}

hub_job *guard_real(const struct guard *self)
{
    return self->real;
}

bool guard_is_closed(const struct guard *self)
{
    return atomic_load(&self->state) != GUARD_OPEN;
}

static struct guard *find(const hub_job *job, bool real)
{
    struct guard *found = NULL;
    pthread_mutex_lock(&the.lock);
    for (size_t i = the.count; i-- > 0 && !found;) {
        struct guard *guard = &the.all[i];
        if (real ? guard->real == job && !guard_is_closed(guard) : guard->shown == job) {
            found = guard;
        }
    }
    pthread_mutex_unlock(&the.lock);
    return found;
}

struct guard *guard_of_real(const hub_job *real)
{
    return find(real, true);
}

struct guard *guard_of(const hub_job *shown, const char *what)
{
    struct guard *found = find(shown, false);
    if (!found) {
        tell_breach("unknown_job", "%s was called with a job that the host never gave", what);
    } else if (guard_is_closed(found)) {
        tell_breach("use_after_completion", "%s was called for a job that was completed before",
                    what);
        found = NULL;
    }
    return found;
}

/* --- Closing -----------------------------------------------------------------------------------*/

bool guard_begin_close(const hub_job *shown, const char *what, struct guard **ret_guard)
{
    struct guard *found = find(shown, false);
    int open = GUARD_OPEN;
    if (!found) {
        tell_breach("unknown_job", "%s was called with a job that the host never gave", what);
        return false;
    }
    if (!atomic_compare_exchange_strong(&found->state, &open, GUARD_CLOSING)) {
        tell_breach("double_completion", "%s was called for a job that was completed before", what);
        return false;
    }
    if (atomic_load(&found->calls) > 0) {
        tell_breach("call_under_way", "%s was called with a call for the job under way", what);
    }
    *ret_guard = found;
    return true;
}

void guard_call_began(struct guard *self)
{
    atomic_fetch_add(&self->calls, 1);
}

void guard_call_ended(struct guard *self)
{
    atomic_fetch_sub(&self->calls, 1);
}

/* While cancel() runs on [main] the job is still there for it: the host frees it on [main]. */
void guard_end_close(struct guard *self)
{
    pthread_mutex_lock(&the.lock);
    atomic_store(&self->state, GUARD_CLOSED);
    if (!self->cancelling) {
        take_pages(self);
    }
    pthread_mutex_unlock(&the.lock);
}

void guard_cancel(struct guard *self)
{
    struct crossing crossing;
    struct job *job = job_of(self->real);
    pthread_mutex_lock(&the.lock);
    self->cancelling = !guard_is_closed(self);
    bool open = self->cancelling;
    pthread_mutex_unlock(&the.lock);
    if (!open) {
        return;
    }
    atomic_store(&job->cancelled, 1);
    stock_wake(&the.runner->stock);
    if (the.connector->cancel) {
        cross_in(&crossing);
        the.connector->cancel(the.instance, self->shown);
        cross_out(&crossing, "cancel()");
    }
    pthread_mutex_lock(&the.lock);
    self->cancelling = false;
    if (atomic_load(&self->state) == GUARD_CLOSED && !self->revoked) {
        take_pages(self);
    }
    pthread_mutex_unlock(&the.lock);
}

/* --- Points and crossings ----------------------------------------------------------------------*/

/* The first job that is open; there is one at a time when points are counted. */
static struct guard *first_open(void)
{
    struct guard *found = NULL;
    pthread_mutex_lock(&the.lock);
    for (size_t i = 0; i < the.count && !found; i++) {
        found = guard_is_closed(&the.all[i]) ? NULL : &the.all[i];
    }
    pthread_mutex_unlock(&the.lock);
    return found;
}

static void take_cancel(struct runner *runner, struct note *note)
{
    struct guard *guard = first_open();
    (void)runner;
    free(note);
    if (guard) {
        guard_cancel(guard);
    }
}

/* True for the point at which the order to cancel falls due. */
static bool count_point(void)
{
    uint64_t point = atomic_fetch_add(&the.points, 1);
    return the.orders->cancel_at >= 0 && point == (uint64_t)the.orders->cancel_at;
}

void guard_point(void)
{
    struct note *note;
    if (!runner_on_main(the.runner) && count_point() && (note = malloc(sizeof *note)) != NULL) {
        note->act = take_cancel;
        runner_post(the.runner, note);
    }
}

uint64_t guard_points(void)
{
    return atomic_load(&the.points);
}

static int64_t cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static long voluntary_switches(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_THREAD, &usage) == 0 ? usage.ru_nvcsw : 0;
}

void cross_in(struct crossing *self)
{
    self->outermost = runner_on_main(the.runner) && the.depth++ == 0;
    if (self->outermost) {
        self->began_ns = clock_mono_ns();
        self->cpu_ns = cpu_ns();
        self->switches = voluntary_switches();
    }
    self->before = side_set(SIDE_CONNECTOR);
}

/* A process that was not given the CPU has held up nobody. */
static void check_time(const struct crossing *self, const char *what)
{
    int64_t cpu_ms = (cpu_ns() - self->cpu_ns) / CLOCK_NS_PER_MS;
    int64_t wall_ms = (clock_mono_ns() - self->began_ns) / CLOCK_NS_PER_MS;
    bool slept = voluntary_switches() > self->switches;
    if (cpu_ms > BLOCKS_MS || (slept && wall_ms > BLOCKS_MS)) {
        tell_breach("blocks_main", "%s held up the main thread for %lld ms", what,
                    (long long)(cpu_ms > BLOCKS_MS ? cpu_ms : wall_ms));
    }
}

void cross_out(struct crossing *self, const char *what)
{
    side_set(self->before);
    if (!runner_on_main(the.runner)) {
        return;
    }
    the.depth--;
    if (!self->outermost) {
        return;
    }
    check_time(self, what);
    if (the.connector && the.connector->mode == HUB_MODE_ASYNC) {
        struct guard *guard = first_open();
        if (guard && count_point()) {
            guard_cancel(guard);
        }
    }
}
