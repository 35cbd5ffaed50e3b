#include "hyphens.h"

#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LANGUAGES_MAX = 16,
    LANGUAGE_LEN = 16,
    WORD_LEAST = 5,
    LETTERS_MAX = 40, /* of a pattern */
    FILE_MAX = 8 << 20,
    LEFT_LEAST = 2, /* letters before a hyphen, and after one */
    RIGHT_LEAST = 3,
};

#define FOLDER "/usr/share/hyphen"

/* "a1bc3d4" is the letters "abcd" and the values 0 1 0 3 4: how good or bad a division is before
 * each letter and at the end. Kept as: bytes of the letters, the letters, values. */
struct dictionary {
    struct buf pool;
    uint32_t *patterns; /* offsets into the pool, sorted by letters */
    size_t count, cap;
    size_t longest; /* in bytes */
    bool latin1;    /* how the file is written; else UTF-8 */
};

struct language {
    char name[LANGUAGE_LEN];
    struct dictionary *dictionary; /* NULL: there is none */
};

struct hyphens {
    struct language languages[LANGUAGES_MAX];
    size_t count;
};

int hyphens_new(struct hyphens **ret_hyphens)
{
    struct hyphens *self = calloc(1, sizeof *self);
    if (!self) {
        return HUB_ERR_NOMEM;
    }
    *ret_hyphens = self;
    return 0;
}

static void dictionary_free(struct dictionary *self)
{
    if (self) {
        buf_release(&self->pool);
        free(self->patterns);
        free(self);
    }
}

void hyphens_free(struct hyphens *self)
{
    for (size_t i = 0; self && i < self->count; i++) {
        dictionary_free(self->languages[i].dictionary);
    }
    free(self);
}

/* --- Reading -----------------------------------------------------------------------------------*/

static size_t put_utf8(char *to, uint32_t c)
{
    if (c < 0x80) {
        to[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        to[0] = (char)(0xC0 | c >> 6);
        to[1] = (char)(0x80 | (c & 0x3F));
        return 2;
    }
    to[0] = (char)(0xE0 | c >> 12);
    to[1] = (char)(0x80 | (c >> 6 & 0x3F));
    to[2] = (char)(0x80 | (c & 0x3F));
    return 3;
}

static bool add_offset(struct dictionary *self, uint32_t offset)
{
    if (self->count == self->cap) {
        size_t cap = self->cap ? self->cap * 2 : 8192;
        uint32_t *patterns = realloc(self->patterns, cap * sizeof *patterns);
        if (!patterns) {
            return false;
        }
        self->patterns = patterns;
        self->cap = cap;
    }
    self->patterns[self->count++] = offset;
    return true;
}

/* False if there is no memory. What is no plain pattern is passed over. */
static bool add_pattern(struct dictionary *self, struct str line)
{
    char letters[LETTERS_MAX * 3];
    uint8_t values[LETTERS_MAX + 1] = {0};
    size_t len = 0, count = 0;
    for (size_t i = 0; i < line.len; i++) {
        unsigned char c = (unsigned char)line.ptr[i];
        if (c >= '0' && c <= '9') {
            values[count] = (uint8_t)(c - '0');
            continue;
        }
        bool begins = self->latin1 || (c & 0xC0) != 0x80;
        count += begins;
        if (count > LETTERS_MAX || c <= ' ' || c == '/') {
            return true;
        }
        if (self->latin1) {
            len += put_utf8(letters + len, c);
        } else {
            letters[len++] = (char)c;
        }
    }
    if (count == 0 || len > 255) {
        return true;
    }
    uint32_t offset = (uint32_t)self->pool.len;
    buf_append_char(&self->pool, (char)len);
    buf_append(&self->pool, letters, len);
    buf_append(&self->pool, values, count + 1);
    self->longest = len > self->longest ? len : self->longest;
    return !buf_failed(&self->pool) && add_offset(self, offset);
}

/* Words of the file that set something; the least numbers of letters are ours. */
static bool is_setting(struct str line)
{
    static const struct str NAMES[] = {
        STR_INIT("LEFTHYPHENMIN"),
        STR_INIT("RIGHTHYPHENMIN"),
        STR_INIT("COMPOUNDLEFTHYPHENMIN"),
        STR_INIT("COMPOUNDRIGHTHYPHENMIN"),
        STR_INIT("NOHYPHEN"),
        STR_INIT("NEXTLEVEL"),
    };
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        if (str_starts_with(line, NAMES[i])) {
            return true;
        }
    }
    return line.len == 0 || line.ptr[0] == '#' || line.ptr[0] == '%';
}

static int compare_offsets(const void *a, const void *b, void *pool)
{
    const char *left = (const char *)pool + *(const uint32_t *)a;
    const char *right = (const char *)pool + *(const uint32_t *)b;
    return str_cmp(str_of(left + 1, (unsigned char)left[0]),
                   str_of(right + 1, (unsigned char)right[0]));
}

static struct dictionary *parse(struct str text)
{
    struct dictionary *self = calloc(1, sizeof *self);
    struct str charset = str_trim(str_split(&text, '\n'));
    bool ok = self != NULL;
    if (ok) {
        buf_init(&self->pool, 4 * FILE_MAX);
        self->latin1 = str_starts_with(charset, STR("ISO8859-1")) && charset.len < 11;
        ok = self->latin1 || str_starts_with(charset, STR("UTF-8"));
    }
    while (ok && text.len > 0) {
        struct str line = str_split(&text, '\n');
        if (line.len > 0 && line.ptr[line.len - 1] == '\r') {
            line.len--;
        }
        ok = is_setting(line) || add_pattern(self, line);
    }
    if (!ok) {
        dictionary_free(self);
        return NULL;
    }
    qsort_r(self->patterns, self->count, sizeof *self->patterns, compare_offsets, self->pool.ptr);
    return self;
}

/* Regions that stand in where the language alone has no file of its own. */
static struct dictionary *load(const char *name)
{
    static const char *const REGIONS[] = {"",    "_US", "_DE", "_FR", "_ES", "_IT", "_PT",
                                          "_NL", "_PL", "_RU", "_GB", "_EL", "_NO"};
    struct buf text;
    struct dictionary *dictionary = NULL;
    buf_init(&text, FILE_MAX);
    for (size_t i = 0; !dictionary && i < sizeof REGIONS / sizeof REGIONS[0]; i++) {
        char path[128];
        snprintf(path, sizeof path, FOLDER "/hyph_%s%s.dic", name, REGIONS[i]);
        buf_clear(&text);
        if (file_read(path, &text, NULL) == 0) {
            dictionary = parse(buf_view(&text));
        }
    }
    buf_release(&text);
    return dictionary;
}

static struct dictionary *dictionary_of(struct hyphens *self, struct str language)
{
    char name[LANGUAGE_LEN] = "";
    language = str_slice(language, 0, sizeof name - 1);
    for (size_t i = 0; i < language.len; i++) {
        char c = language.ptr[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        name[i] = plain ? c : '_'; /* it becomes part of a path */
    }
    for (size_t i = 0; i < self->count; i++) {
        if (strcmp(self->languages[i].name, name) == 0) {
            return self->languages[i].dictionary;
        }
    }
    if (self->count == LANGUAGES_MAX || language.len < 2) {
        return NULL;
    }
    struct language *added = &self->languages[self->count++];
    memcpy(added->name, name, sizeof name);
    added->dictionary = load(name);
    if (!added->dictionary && strchr(name, '_')) {
        *strchr(name, '_') = '\0';
        added->dictionary = load(name);
    }
    return added->dictionary;
}

bool hyphens_has(struct hyphens *self, struct str language)
{
    return dictionary_of(self, language) != NULL;
}

/* --- Dividing ----------------------------------------------------------------------------------*/

static uint32_t lower(uint32_t c)
{
    bool upper = (c >= 'A' && c <= 'Z') || (c >= 0xC0 && c <= 0xDE && c != 0xD7) ||
                 (c >= 0x391 && c <= 0x3A9) || (c >= 0x410 && c <= 0x42F);
    return upper ? c + 32 : c;
}

/* The values of the pattern with these letters, or NULL. */
static const uint8_t *find(const struct dictionary *self, struct str letters)
{
    size_t low = 0, high = self->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        const char *at = self->pool.ptr + self->patterns[middle];
        size_t len = (unsigned char)at[0];
        int order = str_cmp(letters, str_of(at + 1, len));
        if (order == 0) {
            return (const uint8_t *)at + 1 + len;
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return NULL;
}

/* Each pattern that occurs in ".word." votes; the highest vote at a place counts. */
static void vote(const struct dictionary *self, const char *text, const size_t *starts,
                 size_t count, uint8_t *votes)
{
    for (size_t from = 0; from < count; from++) {
        for (size_t to = from + 1; to <= count; to++) {
            size_t len = starts[to] - starts[from];
            if (len > self->longest) {
                break;
            }
            const uint8_t *values = find(self, str_of(text + starts[from], len));
            for (size_t i = 0; values && i <= to - from; i++) {
                if (values[i] > votes[from + i]) {
                    votes[from + i] = values[i];
                }
            }
        }
    }
}

bool hyphens_find(struct hyphens *self, struct str language, const uint32_t *word, size_t len,
                  bool ret_points[HYPHENS_WORD_MAX])
{
    const struct dictionary *dictionary =
        len >= WORD_LEAST && len <= HYPHENS_WORD_MAX ? dictionary_of(self, language) : NULL;
    char text[(HYPHENS_WORD_MAX + 2) * 3];
    size_t starts[HYPHENS_WORD_MAX + 3], at = 0;
    uint8_t votes[HYPHENS_WORD_MAX + 3] = {0};
    if (!dictionary) {
        return false;
    }
    for (size_t i = 0; i < len + 2; i++) {
        uint32_t c = i == 0 || i == len + 1 ? '.' : lower(word[i - 1]);
        starts[i] = at;
        if (c >= 0x10000) {
            return false;
        }
        at += put_utf8(text + at, c);
    }
    starts[len + 2] = at;
    vote(dictionary, text, starts, len + 2, votes);
    bool found = false;
    for (size_t i = 0; i < len; i++) {
        /* votes[i + 2]: before the character after this one. */
        ret_points[i] = (votes[i + 2] & 1) && i + 1 >= LEFT_LEAST && len - i - 1 >= RIGHT_LEAST;
        found |= ret_points[i];
    }
    return found;
}
