#include "base/zone.h"

#include "base/civil.h"
#include "base/file.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY_S       86400
#define FILE_MAX    (256u << 10)
#define CHANGES_MAX 4096
#define OFFSET_MAX  (26 * 3600) /* RFC 9636 §3.2: less than 26 hours, more than -25 */

/* A date of each year on which the clocks change (POSIX.1 TZ, with the extension of RFC 9636
 * §3.3.1: the time of day goes from -167 to 167 hours). */
enum rule_kind { RULE_JULIAN, RULE_DAY, RULE_MONTH };
struct rule {
    enum rule_kind kind;
    int day;   /* JULIAN: 1…365, never February 29th; DAY: 0…365; MONTH: 0…6 from Sunday */
    int week;  /* MONTH: 1…5, 5 is the last */
    int month; /* MONTH: 1…12 */
    int32_t time;
};

struct change {
    int64_t at;
    int32_t offset; /* from then on */
};

struct zone {
    char name[ZONE_NAME_MAX + 1];
    int32_t first_offset; /* before the first change */
    struct change *changes;
    size_t count;
    /* After the last change. */
    bool has_rule;
    bool has_summer;
    int32_t standard;
    int32_t summer;
    struct rule starts; /* of summer time, in standard time */
    struct rule ends;   /* in summer time */
};

/* --- The rule at the end -----------------------------------------------------------------------*/

static bool take_char(struct str *text, char c)
{
    if (text->len == 0 || text->ptr[0] != c) {
        return false;
    }
    *text = str_slice(*text, 1, text->len);
    return true;
}

static bool take_number(struct str *text, int max, int *ret_number)
{
    size_t digits = 0;
    int number = 0;

    while (digits < text->len && text->ptr[digits] >= '0' && text->ptr[digits] <= '9' &&
           number <= max) {
        number = number * 10 + (text->ptr[digits++] - '0');
    }
    *text = str_slice(*text, digits, text->len);
    *ret_number = number;
    return digits > 0 && number <= max;
}

/* An abbreviation: letters, or anything but > in <…>. */
static bool take_name(struct str *text)
{
    size_t len = 0;

    if (take_char(text, '<')) {
        while (len < text->len && text->ptr[len] != '>') {
            len++;
        }
        *text = str_slice(*text, len, text->len);
        return take_char(text, '>');
    }
    while (len < text->len && ((text->ptr[len] | 0x20) >= 'a' && (text->ptr[len] | 0x20) <= 'z')) {
        len++;
    }
    *text = str_slice(*text, len, text->len);
    return len >= 3;
}

/* [+-]h[h[h]][:mm[:ss]] */
static bool take_time(struct str *text, int32_t *ret_seconds)
{
    bool minus = take_char(text, '-');
    int hours, minutes = 0, seconds = 0;

    if (!minus) {
        take_char(text, '+');
    }
    if (!take_number(text, 167, &hours)) {
        return false;
    }
    if (take_char(text, ':') && !take_number(text, 59, &minutes)) {
        return false;
    }
    if (take_char(text, ':') && !take_number(text, 59, &seconds)) {
        return false;
    }
    *ret_seconds = hours * 3600 + minutes * 60 + seconds;
    if (minus) {
        *ret_seconds = -*ret_seconds;
    }
    return true;
}

static bool take_date(struct str *text, struct rule *rule)
{
    if (take_char(text, 'J')) {
        rule->kind = RULE_JULIAN;
        return take_number(text, 365, &rule->day) && rule->day >= 1;
    }
    if (take_char(text, 'M')) {
        rule->kind = RULE_MONTH;
        return take_number(text, 12, &rule->month) && rule->month >= 1 && take_char(text, '.') &&
               take_number(text, 5, &rule->week) && rule->week >= 1 && take_char(text, '.') &&
               take_number(text, 6, &rule->day);
    }
    rule->kind = RULE_DAY;
    return take_number(text, 365, &rule->day);
}

static bool take_rule(struct str *text, struct rule *rule)
{
    rule->time = 2 * 3600;
    return take_char(text, ',') && take_date(text, rule) &&
           (!take_char(text, '/') || take_time(text, &rule->time));
}

/* "CET-1CEST,M3.5.0,M10.5.0/3". POSIX counts offsets to the west. */
static bool parse_rule(struct zone *self, struct str text)
{
    if (text.len == 0) {
        return true; /* nothing is said of the time after the last change */
    }
    self->has_rule = true;
    if (!take_name(&text) || !take_time(&text, &self->standard)) {
        return false;
    }
    self->standard = -self->standard;
    if (text.len == 0) {
        return true;
    }
    self->has_summer = true;
    self->summer = self->standard + 3600;
    if (!take_name(&text)) {
        return false;
    }
    if (text.len > 0 && text.ptr[0] != ',') {
        if (!take_time(&text, &self->summer)) {
            return false;
        }
        self->summer = -self->summer;
    }
    return take_rule(&text, &self->starts) && take_rule(&text, &self->ends) && text.len == 0;
}

static int64_t day_of_rule(const struct rule *rule, int year)
{
    const struct civil_date new_year = {year, 1, 1};
    int64_t first = civil_days(&new_year);

    if (rule->kind == RULE_DAY) {
        return first + rule->day;
    }
    if (rule->kind == RULE_JULIAN) {
        return first + rule->day - 1 + (rule->day >= 60 && civil_is_leap(year));
    }
    const struct civil_date start = {year, rule->month, 1};
    int64_t day = civil_days(&start);
    day += (rule->day - civil_weekday(day) + 7) % 7 + 7 * (rule->week - 1);
    return day < civil_days(&start) + civil_days_in_month(year, rule->month) ? day : day - 7;
}

/* The changes of one year, in order: at most two. */
static unsigned changes_of_year(const struct zone *self, int year, struct change ret_changes[2])
{
    struct change start = {day_of_rule(&self->starts, year) * DAY_S + self->starts.time -
                               self->standard,
                           self->summer};
    struct change end = {day_of_rule(&self->ends, year) * DAY_S + self->ends.time - self->summer,
                         self->standard};

    ret_changes[0] = start.at < end.at ? start : end;
    ret_changes[1] = start.at < end.at ? end : start;
    return 2;
}

/* By the rule. Neighbouring changes may lie in neighbouring years. */
static struct zone_stretch stretch_of_rule(const struct zone *self, int64_t at)
{
    struct zone_stretch stretch = {INT64_MIN, INT64_MAX, self->standard};

    if (!self->has_summer) {
        return stretch;
    }
    int year = civil_of_days(at / DAY_S).year;
    bool found = false;
    for (int y = year - 1; y <= year + 1; y++) {
        struct change changes[2];
        unsigned count = changes_of_year(self, y, changes);
        for (unsigned i = 0; i < count; i++) {
            if (changes[i].at <= at) {
                stretch.from = changes[i].at;
                stretch.offset = changes[i].offset;
                found = true;
            } else if (found && stretch.until == INT64_MAX) {
                stretch.until = changes[i].at;
            }
        }
    }
    return stretch;
}

/* --- The file ----------------------------------------------------------------------------------*/

struct header {
    uint32_t isut, isstd, leap, times, types, chars;
};

struct reader {
    const unsigned char *at;
    size_t left;
};

static const unsigned char *take(struct reader *self, size_t len)
{
    const unsigned char *bytes = self->at;

    if (len > self->left) {
        return NULL;
    }
    self->at += len;
    self->left -= len;
    return bytes;
}

static uint32_t read_u32(const unsigned char *bytes)
{
    uint32_t value;

    memcpy(&value, bytes, sizeof value);
    return be32toh(value);
}

static int64_t read_i64(const unsigned char *bytes)
{
    uint64_t value;

    memcpy(&value, bytes, sizeof value);
    return (int64_t)be64toh(value);
}

/* RFC 9636 §3.1 */
static bool take_header(struct reader *reader, int *ret_version, struct header *ret_header)
{
    const unsigned char *bytes = take(reader, 44);

    if (!bytes || memcmp(bytes, "TZif", 4) != 0) {
        return false;
    }
    *ret_version = bytes[4] == 0 ? 1 : bytes[4] - '0';
    uint32_t *counts[] = {&ret_header->isut,  &ret_header->isstd, &ret_header->leap,
                          &ret_header->times, &ret_header->types, &ret_header->chars};
    for (size_t i = 0; i < 6; i++) {
        *counts[i] = read_u32(bytes + 20 + 4 * i);
        if (*counts[i] > FILE_MAX) {
            return false;
        }
    }
    return ret_header->types > 0 && ret_header->types <= 256 && ret_header->times <= CHANGES_MAX;
}

static size_t block_size(const struct header *header, size_t time_size)
{
    return header->times * (time_size + 1) + header->types * 6u + header->chars +
           header->leap * (time_size + 4) + header->isstd + header->isut;
}

/* The second block, with times of 64 bits (§3.2). */
static bool read_block(struct zone *self, struct reader *reader, const struct header *header)
{
    struct reader rest = *reader;
    const unsigned char *times = take(&rest, header->times * 8u);
    const unsigned char *kinds = take(&rest, header->times);
    const unsigned char *types = take(&rest, header->types * 6u);

    if (!take(reader, block_size(header, 8)) || !times || !kinds || !types) {
        return false;
    }
    self->changes = calloc(header->times + 1, sizeof *self->changes);
    if (!self->changes) {
        return false;
    }
    self->first_offset = (int32_t)read_u32(types);
    for (uint32_t i = 0; i < header->times; i++) {
        struct change change = {.at = read_i64(times + 8 * i)};
        if (kinds[i] >= header->types ||
            (self->count > 0 && change.at <= self->changes[self->count - 1].at)) {
            return false;
        }
        change.offset = (int32_t)read_u32(types + 6 * kinds[i]);
        if (change.offset > OFFSET_MAX || change.offset < -OFFSET_MAX) {
            return false;
        }
        self->changes[self->count++] = change;
    }
    return self->first_offset <= OFFSET_MAX && self->first_offset >= -OFFSET_MAX;
}

static bool read_footer(struct zone *self, struct reader *reader)
{
    struct str text = str_of((const char *)reader->at, reader->left);

    if (!take_char(&text, '\n')) {
        return false;
    }
    struct str rule = str_split(&text, '\n');
    return rule.len < reader->left - 1 && parse_rule(self, rule);
}

static bool read_zone(struct zone *self, struct str bytes)
{
    struct reader reader = {(const unsigned char *)bytes.ptr, bytes.len};
    struct header header;
    int version;

    if (!take_header(&reader, &version, &header) || version < 2 ||
        !take(&reader, block_size(&header, 4))) {
        return false;
    }
    return take_header(&reader, &version, &header) && read_block(self, &reader, &header) &&
           read_footer(self, &reader);
}

/* --- Public ------------------------------------------------------------------------------------*/

int zone_parse(struct str name, struct str bytes, struct zone **ret_self, struct hub_error *error)
{
    struct zone *self = calloc(1, sizeof *self);

    if (!self) {
        return hub_fail(error, HUB_ERR_NOMEM, "out of memory");
    }
    snprintf(self->name, sizeof self->name, "%.*s", STR_ARG(name));
    if (!read_zone(self, bytes)) {
        zone_free(self);
        return hub_fail(error, HUB_ERR_CORRUPT, "the file of time zone %.*s is damaged",
                        STR_ARG(name));
    }
    *ret_self = self;
    return 0;
}

static int make_utc(struct zone **ret_self, struct hub_error *error)
{
    struct zone *self = calloc(1, sizeof *self);

    if (!self) {
        return hub_fail(error, HUB_ERR_NOMEM, "out of memory");
    }
    strcpy(self->name, "UTC");
    *ret_self = self;
    return 0;
}

/* Names as in the database: "Europe/Berlin", "Etc/GMT+5"; no way out of its folder. */
static bool name_is_valid(struct str name)
{
    static const char ALLOWED[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "/_+-";

    if (name.len == 0 || name.len > ZONE_NAME_MAX || name.ptr[0] == '/') {
        return false;
    }
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == '\0' || !strchr(ALLOWED, name.ptr[i])) {
            return false;
        }
    }
    return true;
}

int zone_load(const char *dir, struct str name, struct zone **ret_self, struct hub_error *error)
{
    char path[512];
    struct buf bytes;

    if (str_eq(name, STR("UTC"))) {
        return make_utc(ret_self, error);
    }
    if (!name_is_valid(name)) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT, "there is no time zone of this name");
    }
    snprintf(path, sizeof path, "%s/%.*s", dir, STR_ARG(name));
    buf_init(&bytes, FILE_MAX);
    struct hub_error why;
    int err = file_read(path, &bytes, &why);
    if (err < 0) {
        err = hub_fail(error, err == HUB_ERR_NOMEM ? err : HUB_ERR_INVALID_INPUT,
                       "there is no time zone %.*s", STR_ARG(name));
    } else {
        err = zone_parse(name, buf_view(&bytes), ret_self, error);
    }
    buf_release(&bytes);
    return err;
}

void zone_free(struct zone *self)
{
    if (self) {
        free(self->changes);
        free(self);
    }
}

struct str zone_name(const struct zone *self)
{
    return str_from_c(self->name);
}

struct zone_stretch zone_stretch(const struct zone *self, int64_t at)
{
    struct zone_stretch stretch = {INT64_MIN, INT64_MAX, self->first_offset};
    size_t low = 0, high = self->count;

    while (low < high) { /* the first change after `at` */
        size_t middle = low + (high - low) / 2;
        if (self->changes[middle].at <= at) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low < self->count) {
        stretch.until = self->changes[low].at;
    }
    if (low > 0) {
        stretch.from = self->changes[low - 1].at;
        stretch.offset = self->changes[low - 1].offset;
    }
    if (low == self->count && self->has_rule) {
        int64_t from = stretch.from;
        stretch = stretch_of_rule(self, at);
        stretch.from = stretch.from > from ? stretch.from : from;
    }
    return stretch;
}
