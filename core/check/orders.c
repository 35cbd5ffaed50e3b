#include "check/orders.h"

#include "base/str.h"

#include <string.h>

static bool read_age(struct orders *self, const char *value)
{
    self->age = strcmp(value, "newer") == 0 ? HOST_NEWER : HOST_OLDER;
    return self->age == HOST_NEWER || strcmp(value, "older") == 0;
}

static bool read_failure(struct orders *self, const char *value)
{
    return str_to_u64(str_from_c(value), UINT64_MAX, &self->fail_allocation);
}

static bool read_cancel(struct orders *self, const char *value)
{
    return str_to_i64(str_from_c(value), 0, INT64_MAX, &self->cancel_at);
}

static bool read_census(struct orders *self, const char *value)
{
    return str_to_u64(str_from_c(value), UINT64_MAX, &self->census);
}

bool orders_read(struct orders *self, int argc, char **argv)
{
    static const struct {
        const char *name;
        bool (*read)(struct orders *self, const char *value);
    } OPTIONS[] = {
        {"--host", read_age},
        {"--fail-allocation", read_failure},
        {"--cancel-at", read_cancel},
        {"--census", read_census},
    };
    *self = (struct orders){.cancel_at = -1};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--audit") == 0) {
            self->audit = true;
            continue;
        }
        bool read = false;
        for (size_t k = 0; k < sizeof OPTIONS / sizeof OPTIONS[0] && i + 1 < argc; k++) {
            if (strcmp(argv[i], OPTIONS[k].name) == 0) {
                read = OPTIONS[k].read(self, argv[++i]);
                break;
            }
        }
        if (!read) {
            return false;
        }
    }
    return true;
}
