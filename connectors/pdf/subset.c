#include "subset.h"

#include "base/hash.h"

#include <hb-subset.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PROGRAM_LEVEL = 6,
    PREPARE_MAX = 2 << 20, /* larger files are not preprocessed: it would take too much memory */
};

struct subset_cache {
    struct map by_key;
    size_t bytes;
    uint64_t clock;
};

int subset_cache_new(struct subset_cache **ret_cache)
{
    struct subset_cache *self = calloc(1, sizeof *self);
    if (!self) {
        return HUB_ERR_NOMEM;
    }
    map_init(&self->by_key);
    *ret_cache = self;
    return 0;
}

static void subset_free(struct subset *self)
{
    if (!self) {
        return;
    }
    free(self->key);
    free(self->entries);
    free((char *)self->program.ptr);
    free(self->codes);
    free(self->by_code);
    free(self);
}

void subset_cache_free(struct subset_cache *self)
{
    if (!self) {
        return;
    }
    MAP_FOR_EACH(entry, &self->by_key) {
        subset_free(entry->value);
    }
    map_release(&self->by_key);
    free(self);
}

void subset_cache_trim(struct subset_cache *self)
{
    while (self->bytes > PDF_SUBSET_CACHE) {
        struct subset *oldest = NULL;
        MAP_FOR_EACH(entry, &self->by_key) {
            struct subset *one = entry->value;
            if (!oldest || one->last_use < oldest->last_use) {
                oldest = one;
            }
        }
        map_remove(&self->by_key, str_from_c(oldest->key));
        self->bytes -= oldest->bytes;
        subset_free(oldest);
    }
}

/* --- Character collections of CFF (Adobe Technical Note 5176) ----------------------------------*/

/* A CID-keyed font is addressed by CID, which its charset gives for each glyph. */
struct cff {
    const unsigned char *data;
    size_t len;
};

static uint32_t cff_number(const struct cff *cff, size_t at, unsigned size)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < size; i++) {
        value = value << 8 | (at + i < cff->len ? cff->data[at + i] : 0);
    }
    return value;
}

/* The end of the INDEX at `at` and where its first element is; 0 if it is damaged. */
static size_t cff_index(const struct cff *cff, size_t at, size_t *first, size_t *first_len)
{
    uint32_t count = cff_number(cff, at, 2);
    unsigned size = cff_number(cff, at + 2, 1);
    if (count == 0) {
        return at + 2;
    }
    if (size < 1 || size > 4 || at + 3 + (size_t)(count + 1) * size > cff->len) {
        return 0;
    }
    size_t base = at + 3 + (size_t)(count + 1) * size - 1;
    *first = base + cff_number(cff, at + 3, size);
    *first_len = cff_number(cff, at + 3 + size, size) - cff_number(cff, at + 3, size);
    return base + cff_number(cff, at + 3 + (size_t)count * size, size);
}

/* Reads the Top DICT: is it CID-keyed, and where is the charset? */
static bool cff_top(const struct cff *cff, size_t at, size_t end, size_t *charset)
{
    bool is_cid = false;
    long operand = 0;
    while (at < end && at < cff->len) {
        unsigned b = cff->data[at++];
        if (b == 12) {
            is_cid |= cff_number(cff, at++, 1) == 30; /* ROS */
        } else if (b <= 21) {
            if (b == 15) {
                *charset = (size_t)operand;
            }
        } else if (b == 28) {
            operand = (int16_t)cff_number(cff, at, 2);
            at += 2;
        } else if (b == 29) {
            operand = (int32_t)cff_number(cff, at, 4);
            at += 4;
        } else if (b == 30) { /* a real number: nibbles up to 0xF */
            while (at < end && (cff_number(cff, at, 1) & 15) != 15 &&
                   cff_number(cff, at, 1) >> 4 != 15) {
                at++;
            }
            at++;
        } else if (b >= 32 && b <= 246) {
            operand = (long)b - 139;
        } else if (b >= 247 && b <= 250) {
            operand = ((long)b - 247) * 256 + (long)cff_number(cff, at++, 1) + 108;
        } else if (b >= 251 && b <= 254) {
            operand = -((long)b - 251) * 256 - (long)cff_number(cff, at++, 1) - 108;
        }
    }
    return is_cid;
}

/* Fills cids[] by new glyph; false: the font is not CID-keyed, glyph numbers are the codes. */
static bool cff_cids(const struct cff *cff, uint16_t *cids, uint32_t count)
{
    size_t top = 0, top_len = 0, unused, charset = 0;
    size_t at = cff_index(cff, cff_number(cff, 2, 1), &unused, &unused);
    if (at == 0 || cff_index(cff, at, &top, &top_len) == 0 ||
        !cff_top(cff, top, top + top_len, &charset) || charset < 3 || charset >= cff->len) {
        return false;
    }
    unsigned format = cff_number(cff, charset, 1);
    cids[0] = 0;
    at = charset + 1;
    for (uint32_t glyph = 1; glyph < count && at < cff->len;) {
        uint32_t cid = cff_number(cff, at, 2);
        uint32_t more = format == 0 ? 0 : cff_number(cff, at + 2, format);
        at += 2 + (format == 0 ? 0 : format);
        for (uint32_t i = 0; i <= more && glyph < count; i++) {
            cids[glyph++] = (uint16_t)(cid + i);
        }
    }
    return format <= 2;
}

/* --- Subsetting --------------------------------------------------------------------------------*/

static hb_subset_input_t *make_input(const struct face *face, const uint8_t *used)
{
    static const hb_tag_t DROPPED[] = {
        HB_TAG('G', 'S', 'U', 'B'), HB_TAG('G', 'P', 'O', 'S'), HB_TAG('G', 'D', 'E', 'F'),
        HB_TAG('k', 'e', 'r', 'n'), HB_TAG('n', 'a', 'm', 'e'), HB_TAG('c', 'm', 'a', 'p'),
        HB_TAG('O', 'S', '/', '2'), HB_TAG('p', 'o', 's', 't'), HB_TAG('g', 'a', 's', 'p'),
        HB_TAG('M', 'A', 'T', 'H'), HB_TAG('v', 'h', 'e', 'a'), HB_TAG('v', 'm', 't', 'x'),
        HB_TAG('V', 'O', 'R', 'G'), HB_TAG('B', 'A', 'S', 'E'), HB_TAG('S', 'T', 'A', 'T'),
    };
    hb_subset_input_t *input = hb_subset_input_create_or_fail();
    if (!input) {
        return NULL;
    }
    hb_subset_input_set_flags(input, HB_SUBSET_FLAGS_NO_HINTING | HB_SUBSET_FLAGS_NOTDEF_OUTLINE);
    hb_set_t *dropped = hb_subset_input_set(input, HB_SUBSET_SETS_DROP_TABLE_TAG);
    for (size_t i = 0; i < sizeof DROPPED / sizeof DROPPED[0]; i++) {
        hb_set_add(dropped, DROPPED[i]);
    }
    hb_set_t *glyphs = hb_subset_input_glyph_set(input);
    for (uint32_t i = 0; i < face->glyph_count; i++) {
        if (used[i / 8] >> i % 8 & 1) {
            hb_set_add(glyphs, i);
        }
    }
    return input;
}

/* What makes subsets faster takes memory and time at first: not for large files. */
static hb_face_t *source_of(struct face *face)
{
    if (!face->prepared) {
        hb_blob_t *blob = hb_face_reference_blob(face->hb_face);
        size_t len = hb_blob_get_length(blob);
        face->prepared = face->hb_face;
        if (len <= PREPARE_MAX) {
            face->prepared = hb_subset_preprocess(face->hb_face);
            face->bytes += len;
        }
        if (face->prepared == face->hb_face) {
            /* HarfBuzz 6 gives its argument back, unreferenced, when it has no memory. */
            face->prepared = hb_face_reference(face->hb_face);
        }
        hb_blob_destroy(blob);
    }
    return face->prepared;
}

static int by_code(const void *a, const void *b)
{
    const struct subset_glyph *left = a, *right = b;
    return (int)left->code - (int)right->code;
}

/* New numbers of glyphs, then codes: these, or CIDs. */
static int number_glyphs(struct subset *self, const struct face *face, const uint8_t *used,
                         const hb_map_t *numbers, const struct cff *cff)
{
    uint32_t new_count = hb_map_get_population(numbers);
    uint16_t *cids = calloc(new_count + 1, sizeof *cids);
    self->codes = calloc(face->glyph_count + 1, sizeof *self->codes);
    self->by_code = calloc(new_count + 1, sizeof *self->by_code);
    if (!cids || !self->codes || !self->by_code) {
        free(cids);
        return HUB_ERR_NOMEM;
    }
    bool by_cid = cff->len > 0 && cff_cids(cff, cids, new_count);
    for (uint32_t glyph = 0; glyph < face->glyph_count; glyph++) {
        bool wanted = used[glyph / 8] >> glyph % 8 & 1;
        hb_codepoint_t number = wanted ? hb_map_get(numbers, glyph) : HB_MAP_VALUE_INVALID;
        if (number < new_count) {
            self->codes[glyph] = by_cid ? cids[number] : (uint16_t)number;
            self->by_code[self->count++] =
                (struct subset_glyph){self->codes[glyph], (uint16_t)glyph};
        }
    }
    qsort(self->by_code, self->count, sizeof *self->by_code, by_code);
    free(cids);
    return 0;
}

static int set_program(struct subset *self, const struct face *face, struct str bytes)
{
    struct buf program, entries;
    buf_init(&program, PDF_MAX_OUTPUT);
    buf_init(&entries, PDF_MAX_OUTPUT);
    deflate_append(&program, bytes, PROGRAM_LEVEL);
    buf_append_c(&entries, "/Filter/FlateDecode");
    if (face->kind == FACE_CFF) {
        buf_append_c(&entries, "/Subtype/CIDFontType0C");
    } else {
        buf_append_format(&entries, "/Length1 %zu", bytes.len);
    }
    size_t len = 0, unused;
    self->program.ptr = buf_steal(&program, &len);
    self->program.len = len;
    self->entries = buf_steal(&entries, &unused);
    return self->program.ptr && self->entries ? 0 : HUB_ERR_NOMEM;
}

static int fill(struct subset *self, struct face *face, const uint8_t *used)
{
    hb_subset_input_t *input = make_input(face, used);
    hb_subset_plan_t *plan = input ? hb_subset_plan_create_or_fail(source_of(face), input) : NULL;
    hb_face_t *result = plan ? hb_subset_plan_execute_or_fail(plan) : NULL;
    int err = HUB_ERR_UNSUPPORTED_FORMAT;
    if (result) {
        bool is_cff = face->kind == FACE_CFF;
        hb_blob_t *blob = is_cff ? hb_face_reference_table(result, HB_TAG('C', 'F', 'F', ' '))
                                 : hb_face_reference_blob(result);
        unsigned len;
        const char *data = hb_blob_get_data(blob, &len);
        const struct cff cff = {(const unsigned char *)data, is_cff ? len : 0};
        err = len == 0 ? HUB_ERR_UNSUPPORTED_FORMAT : set_program(self, face, str_of(data, len));
        if (err == 0) {
            err = number_glyphs(self, face, used, hb_subset_plan_old_to_new_glyph_mapping(plan),
                                &cff);
        }
        hb_blob_destroy(blob);
    }
    hb_face_destroy(result);
    hb_subset_plan_destroy(plan);
    hb_subset_input_destroy(input);
    return err;
}

/* Face and glyphs as a key; its hash also gives the tag. */
static char *make_key(const struct face *face, const uint8_t *used, char tag[7])
{
    struct sha256 hash;
    struct sha256_digest digest;
    char hex[SHA256_HEX_LEN + 1];
    char *key = NULL;
    if (sha256_init(&hash) < 0) {
        return NULL;
    }
    sha256_update(&hash, face->key, strlen(face->key) + 1);
    sha256_update(&hash, used, face->glyph_count / 8 + 1);
    sha256_final(&hash, &digest);
    sha256_hex(&digest, hex);
    for (int i = 0; i < 6; i++) {
        tag[i] = (char)('A' + digest.bytes[i] % 26);
    }
    tag[6] = '\0';
    key = strdup(hex);
    return key;
}

static int make(struct subset_cache *cache, struct face *face, const uint8_t *used, char *key,
                const char *tag, struct subset **ret_subset, struct hub_error *error)
{
    struct subset *self = calloc(1, sizeof *self);
    if (!self) {
        free(key);
        return hub_fail(error, HUB_ERR_NOMEM, "out of memory");
    }
    self->key = key;
    memcpy(self->tag, tag, sizeof self->tag);
    int err = fill(self, face, used);
    self->bytes = sizeof *self + self->program.len + (face->glyph_count + 1) * sizeof(uint16_t);
    if (err == 0) {
        err = map_put(&cache->by_key, str_from_c(key), self);
    }
    if (err < 0) {
        subset_free(self);
        return hub_fail(error, err, "the font %s can't be embedded", face->name);
    }
    cache->bytes += self->bytes;
    *ret_subset = self;
    return 0;
}

int subset_get(struct subset_cache *cache, struct face *face, const uint8_t *used,
               const struct subset **ret_subset, struct hub_error *error)
{
    char tag[7];
    char *key = make_key(face, used, tag);
    if (!key) {
        return hub_fail(error, HUB_ERR_NOMEM, "out of memory");
    }
    struct subset *subset = map_get(&cache->by_key, str_from_c(key));
    if (subset) {
        free(key);
    } else {
        int err = make(cache, face, used, key, tag, &subset, error);
        if (err < 0) {
            return err;
        }
    }
    subset->last_use = ++cache->clock;
    *ret_subset = subset;
    return 0;
}
