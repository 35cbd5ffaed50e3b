#include "hyphens.h"

#include <hyphen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LANGUAGES_MAX = 16, LANGUAGE_LEN = 16, LEAST = 5 };

#define FOLDER "/usr/share/hyphen"

struct language {
    char name[LANGUAGE_LEN];
    HyphenDict *dictionary; /* NULL: there is none */
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

void hyphens_free(struct hyphens *self)
{
    if (!self) {
        return;
    }
    for (size_t i = 0; i < self->count; i++) {
        if (self->languages[i].dictionary) {
            hnj_hyphen_free(self->languages[i].dictionary);
        }
    }
    free(self);
}

/* Regions that stand in where the language alone has no file of its own. */
static HyphenDict *load(const char *name)
{
    static const char *const REGIONS[] = {"",    "_US", "_DE", "_FR", "_ES", "_IT", "_PT",
                                          "_NL", "_PL", "_RU", "_GB", "_EL", "_NO"};
    for (size_t i = 0; i < sizeof REGIONS / sizeof REGIONS[0]; i++) {
        char path[128];
        snprintf(path, sizeof path, FOLDER "/hyph_%s%s.dic", name, REGIONS[i]);
        HyphenDict *dictionary = hnj_hyphen_load(path);
        if (dictionary) {
            return dictionary;
        }
    }
    return NULL;
}

static HyphenDict *dictionary_of(struct hyphens *self, struct str language)
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

static uint32_t lower(uint32_t c)
{
    bool upper = (c >= 'A' && c <= 'Z') || (c >= 0xC0 && c <= 0xDE && c != 0xD7) ||
                 (c >= 0x391 && c <= 0x3A9) || (c >= 0x410 && c <= 0x42F);
    return upper ? c + 32 : c;
}

/* The word as the dictionary writes it, and for each byte the character that it ends, or none. */
static size_t encode(const HyphenDict *dictionary, const uint32_t *word, size_t len, char *text,
                     int *ends)
{
    bool utf8 = dictionary->utf8;
    size_t at = 0;
    for (size_t i = 0; i < len; i++) {
        uint32_t c = lower(word[i]);
        size_t from = at;
        if (c < 0x80 || (!utf8 && c < 0x100)) {
            text[at++] = (char)c;
        } else if (utf8 && c < 0x800) {
            text[at++] = (char)(0xC0 | c >> 6);
            text[at++] = (char)(0x80 | (c & 0x3F));
        } else if (utf8 && c < 0x10000) {
            text[at++] = (char)(0xE0 | c >> 12);
            text[at++] = (char)(0x80 | (c >> 6 & 0x3F));
            text[at++] = (char)(0x80 | (c & 0x3F));
        } else {
            return 0;
        }
        for (; from < at; from++) {
            ends[from] = -1;
        }
        ends[at - 1] = (int)i;
    }
    text[at] = '\0';
    return at;
}

bool hyphens_find(struct hyphens *self, struct str language, const uint32_t *word, size_t len,
                  bool ret_points[HYPHENS_WORD_MAX])
{
    HyphenDict *dictionary =
        len >= LEAST && len <= HYPHENS_WORD_MAX ? dictionary_of(self, language) : NULL;
    char text[HYPHENS_WORD_MAX * 3 + 1], marks[HYPHENS_WORD_MAX * 3 + 8];
    int ends[HYPHENS_WORD_MAX * 3];
    size_t bytes = dictionary ? encode(dictionary, word, len, text, ends) : 0;
    if (bytes == 0) {
        return false;
    }
    char **replacements = NULL;
    int *positions = NULL, *cuts = NULL;
    memset(marks, 0, sizeof marks);
    bool found = false;
    if (hnj_hyphen_hyphenate2(dictionary, text, (int)bytes, marks, NULL, &replacements, &positions,
                              &cuts) == 0) {
        memset(ret_points, 0, HYPHENS_WORD_MAX);
        for (size_t i = 0; i < bytes; i++) {
            /* Divisions that change the spelling are left out. */
            bool plain = !replacements || !replacements[i];
            if ((marks[i] & 1) && plain && ends[i] >= 1 && (size_t)ends[i] + 2 < len) {
                ret_points[ends[i]] = found = true;
            }
        }
    }
    for (size_t i = 0; replacements && i < bytes; i++) {
        free(replacements[i]);
    }
    free(replacements);
    free(positions);
    free(cuts);
    return found;
}
