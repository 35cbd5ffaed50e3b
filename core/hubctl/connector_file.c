#include "hubctl/connector_file.h"

#include "hubctl/app.h"
#include "kit/subject.h"

int connector_file_with(struct app *app, const char *path,
                        int (*use)(struct app *app, struct subject *subject))
{
    struct kit_programs programs;
    struct subject subject;
    struct hub_error error;

    if (kit_programs_find(&programs, &error) < 0) {
        return app_fail(app, EXITS_LOCAL, "%s", error.detail);
    }
    int code = subject_open(&subject, path, &programs, &error) < 0
                   ? app_fail(app, EXITS_LOCAL, "%s", error.detail)
                   : use(app, &subject);
    subject_release(&subject);
    kit_programs_release(&programs);
    return code;
}
