#include "fontbook.h"

#include "base/buf.h"
#include "base/nearest.h"
#include "limits.h"

#include <dirent.h>
#include <hb-ot.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum {
    INSTALLED_MAX = 4096,
    FOLDER_DEPTH = 6,
    PATH_LEN = 512,
    FAMILY_LEN = 96,
    OWN_MAX = 64,
    MISSES = 4096, /* characters that no font has, remembered */
};

static const char *const FOLDERS[] = {"/usr/share/fonts", "/usr/local/share/fonts"};

/* An installed face. */
struct installed {
    char *path;
    uint32_t index;
    char family[FAMILY_LEN];
    uint16_t weight, width;
    bool italic;
    bool variable;     /* its default is what we would get: rarely what was meant */
    struct face *face; /* NULL: not opened */
    bool broken;
};

/* A family member that came with the document. */
struct own_font {
    char family[FAMILY_LEN];
    struct font_style style;
    struct face *face;
};

struct fontbook {
    struct installed *installed;
    size_t installed_count;
    bool scanned;
    struct standard_fonts *standard;
    struct map standard_faces; /* by PostScript name */
    struct map uploaded;       /* by key */
    struct own_font own[OWN_MAX];
    size_t own_count;
    uint64_t document;
    uint32_t missing[MISSES]; /* a direct-mapped table */
};

int fontbook_new(struct fontbook **ret_book)
{
    struct fontbook *self = calloc(1, sizeof *self);
    if (!self || standard_fonts_new(&self->standard) < 0) {
        free(self);
        return HUB_ERR_NOMEM;
    }
    map_init(&self->standard_faces);
    map_init(&self->uploaded);
    *ret_book = self;
    return 0;
}

void fontbook_free(struct fontbook *self)
{
    if (!self) {
        return;
    }
    for (size_t i = 0; i < self->installed_count; i++) {
        face_free(self->installed[i].face);
        free(self->installed[i].path);
    }
    free(self->installed);
    MAP_FOR_EACH(entry, &self->standard_faces) {
        face_free(entry->value);
    }
    MAP_FOR_EACH(entry, &self->uploaded) {
        face_free(entry->value);
    }
    map_release(&self->standard_faces);
    map_release(&self->uploaded);
    standard_fonts_free(self->standard);
    free(self);
}

/* --- Looking for installed fonts ---------------------------------------------------------------*/

static void read_family(hb_face_t *face, char *family)
{
    hb_language_t english = hb_language_from_string("en", -1);
    unsigned size = FAMILY_LEN;
    hb_ot_name_get_utf8(face, HB_OT_NAME_ID_TYPOGRAPHIC_FAMILY, english, &size, family);
    if (family[0] == '\0') {
        size = FAMILY_LEN;
        hb_ot_name_get_utf8(face, HB_OT_NAME_ID_FONT_FAMILY, english, &size, family);
    }
}

static void add_installed(struct fontbook *self, const char *path, hb_blob_t *blob, uint32_t index)
{
    struct installed *one = &self->installed[self->installed_count];
    hb_face_t *face = hb_face_create(blob, index);
    hb_font_t *font = hb_font_create(face);
    *one = (struct installed){.index = index, .path = strdup(path)};
    read_family(face, one->family);
    one->weight = (uint16_t)hb_style_get_value(font, HB_STYLE_TAG_WEIGHT);
    one->width = (uint16_t)hb_style_get_value(font, HB_STYLE_TAG_WIDTH);
    one->italic = hb_style_get_value(font, HB_STYLE_TAG_ITALIC) > 0 ||
                  hb_style_get_value(font, HB_STYLE_TAG_SLANT_ANGLE) != 0;
    one->variable = hb_ot_var_has_data(face);
    if (one->path && one->family[0] && hb_face_get_glyph_count(face) > 0) {
        self->installed_count++;
    } else {
        free(one->path);
    }
    hb_font_destroy(font);
    hb_face_destroy(face);
}

static bool is_font_name(const char *name)
{
    static const char *const ENDINGS[] = {".ttf", ".otf", ".ttc", ".otc"};
    size_t len = strlen(name);
    for (size_t i = 0; i < sizeof ENDINGS / sizeof ENDINGS[0]; i++) {
        if (len > 4 && strcasecmp(name + len - 4, ENDINGS[i]) == 0) {
            return true;
        }
    }
    return false;
}

static void scan_file(struct fontbook *self, const char *path)
{
    hb_blob_t *blob = hb_blob_create_from_file(path);
    unsigned faces = hb_face_count(blob);
    for (unsigned i = 0; i < faces && i < 32 && self->installed_count < INSTALLED_MAX; i++) {
        add_installed(self, path, blob, i);
    }
    hb_blob_destroy(blob);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* In the order of names, so that the same machine always chooses the same font. */
static void scan_folder(struct fontbook *self, const char *folder, int depth)
{
    struct dirent **names;
    int count = scandir(folder, &names, NULL, by_name);
    for (int i = 0; i < count; i++) {
        char path[PATH_LEN];
        const char *name = names[i]->d_name;
        int len = snprintf(path, sizeof path, "%s/%s", folder, name);
        struct stat status;
        if (name[0] != '.' && len < PATH_LEN && stat(path, &status) == 0) {
            if (S_ISDIR(status.st_mode) && depth > 0) {
                scan_folder(self, path, depth - 1);
            } else if (S_ISREG(status.st_mode) && is_font_name(name)) {
                scan_file(self, path);
            }
        }
        free(names[i]);
    }
    if (count >= 0) {
        free(names);
    }
}

static void scan(struct fontbook *self)
{
    if (self->scanned) {
        return;
    }
    self->scanned = true;
    self->installed = calloc(INSTALLED_MAX, sizeof *self->installed);
    for (size_t i = 0; self->installed && i < sizeof FOLDERS / sizeof FOLDERS[0]; i++) {
        scan_folder(self, FOLDERS[i], FOLDER_DEPTH);
    }
}

/* --- Opening -----------------------------------------------------------------------------------*/

static struct face *open_installed(struct fontbook *self, struct installed *one)
{
    if (!one->face && !one->broken) {
        char key[PATH_LEN + 16];
        int len = snprintf(key, sizeof key, "%s#%u", one->path, one->index);
        hb_blob_t *blob = hb_blob_create_from_file(one->path);
        one->broken = face_new(blob, one->index, str_of(key, (size_t)len), &one->face, NULL) < 0;
        hb_blob_destroy(blob);
    }
    if (one->face) {
        one->face->last_use = self->document;
    }
    return one->face;
}

/* How far a face is from what is wanted; less is nearer. */
static int distance(const struct installed *one, struct font_style style)
{
    int weight = one->weight - (style.bold ? 700 : 400);
    int off = (weight < 0 ? -weight : weight) + (one->italic == style.italic ? 0 : 2000);
    int width = one->width - 100;
    return off + 10 * (width < 0 ? -width : width) + (one->variable ? 50 : 0);
}

static struct face *find_installed(struct fontbook *self, struct str family,
                                   struct font_style style)
{
    scan(self);
    struct installed *best = NULL;
    for (size_t i = 0; i < self->installed_count; i++) {
        struct installed *one = &self->installed[i];
        if (!one->broken && str_eq_nocase(str_from_c(one->family), family) &&
            (!best || distance(one, style) < distance(best, style))) {
            best = one;
        }
    }
    return best ? open_installed(self, best) : NULL;
}

static int find_standard(struct fontbook *self, struct str family, struct font_style style,
                         struct face **ret_face)
{
    const struct standard_font *font =
        standard_fonts_get(self->standard, family, style.bold, style.italic);
    struct face *face = font ? map_get(&self->standard_faces, str_from_c(font->name)) : NULL;
    if (font && !face) {
        int err = face_new_standard(font, &face);
        if (err == 0) {
            err = map_put(&self->standard_faces, str_from_c(font->name), face);
        }
        if (err < 0) {
            face_free(face);
            return err;
        }
    }
    *ret_face = face;
    return 0;
}

/* Bold italics want bold italics, then bold, then italics, then what there is. */
static struct face *find_own(struct fontbook *self, struct str family, struct font_style style)
{
    struct own_font *best = NULL;
    int best_score = -1;
    for (size_t i = 0; i < self->own_count; i++) {
        struct own_font *one = &self->own[i];
        int score =
            (one->style.bold == style.bold ? 2 : 0) + (one->style.italic == style.italic ? 1 : 0);
        if (str_eq_nocase(str_from_c(one->family), family) && score > best_score) {
            best = one;
            best_score = score;
        }
    }
    return best ? best->face : NULL;
}

static int unknown_family(struct fontbook *self, struct str family, struct hub_error *error)
{
    struct nearest near;
    nearest_init(&near, str_slice(family, 0, NEAREST_WORD_MAX));
    for (size_t i = 0; i < self->own_count; i++) {
        nearest_offer(&near, str_from_c(self->own[i].family));
    }
    for (size_t i = 0; i < self->installed_count; i++) {
        nearest_offer(&near, str_from_c(self->installed[i].family));
    }
    if (near.best.ptr) {
        return hub_fail(error, HUB_ERR_INVALID_INPUT,
                        "there is no font “%.*s”; did you mean “%.*s”?",
                        STR_ARG(str_utf8_cut(family, 60)), STR_ARG(near.best));
    }
    return hub_fail(error, HUB_ERR_INVALID_INPUT, "there is no font “%.*s”",
                    STR_ARG(str_utf8_cut(family, 60)));
}

int fontbook_find(struct fontbook *self, struct str family, struct font_style style,
                  struct face **ret_face, struct hub_error *error)
{
    struct face *face = find_own(self, family, style);
    if (!face) {
        int err = find_standard(self, family, style, &face);
        if (err < 0) {
            return hub_fail(error, err, "out of memory");
        }
    }
    if (!face) {
        face = find_installed(self, family, style);
    }
    if (!face) {
        return unknown_family(self, family, error);
    }
    face->last_use = self->document;
    *ret_face = face;
    return 0;
}

/* --- Fonts of the document ---------------------------------------------------------------------*/

static void unmap(void *data)
{
    struct str *mapped = data;
    munmap((void *)mapped->ptr, mapped->len);
    free(mapped);
}

static int map_blob(int fd, hb_blob_t **ret_blob, struct hub_error *error)
{
    struct stat status;
    if (fstat(fd, &status) != 0 || status.st_size == 0) {
        return hub_fail(error, HUB_ERR_UNSUPPORTED_FORMAT, "the file is empty");
    }
    if ((size_t)status.st_size > PDF_MAX_INPUT_FILE) {
        return hub_fail(error, HUB_ERR_TOO_LARGE, "the file has more than %zu MiB",
                        PDF_MAX_INPUT_FILE >> 20);
    }
    struct str *mapped = malloc(sizeof *mapped);
    size_t len = (size_t)status.st_size;
    void *data = mapped ? mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
    if (data == MAP_FAILED) {
        free(mapped);
        return hub_fail(error, HUB_ERR_NOMEM, "out of memory");
    }
    *mapped = str_of(data, len);
    *ret_blob = hb_blob_create(data, (unsigned)len, HB_MEMORY_MODE_READONLY, mapped, unmap);
    return 0;
}

static int upload(struct fontbook *self, int fd, struct str key, struct face **ret_face,
                  struct hub_error *error)
{
    hb_blob_t *blob = NULL;
    int err = map_blob(fd, &blob, error);
    if (err < 0) {
        return err;
    }
    struct face *face = NULL;
    err = face_new(blob, 0, key, &face, error);
    hb_blob_destroy(blob);
    if (err == 0 && map_put(&self->uploaded, str_from_c(face->key), face) < 0) {
        face_free(face);
        err = hub_fail(error, HUB_ERR_NOMEM, "out of memory");
    }
    if (err == 0) {
        *ret_face = face;
    }
    return err;
}

int fontbook_add(struct fontbook *self, struct str family, struct font_style style, int fd,
                 struct str key, struct hub_error *error)
{
    if (self->own_count == OWN_MAX) {
        return hub_fail(error, HUB_ERR_LIMIT, "there are more than %d fonts", OWN_MAX);
    }
    struct face *face = map_get(&self->uploaded, key);
    if (!face) {
        int err = upload(self, fd, key, &face, error);
        if (err < 0) {
            return err;
        }
    }
    face->last_use = self->document;
    struct own_font *own = &self->own[self->own_count++];
    *own = (struct own_font){.style = style, .face = face};
    struct str name = str_utf8_cut(family, FAMILY_LEN - 1);
    memcpy(own->family, name.ptr, name.len);
    return 0;
}

/* --- Fallback ----------------------------------------------------------------------------------*/

static bool is_missing(const struct fontbook *self, uint32_t character)
{
    return self->missing[character % MISSES] == character;
}

/* Families that are asked first: for text, complete, and with the forms of one's language. */
static const struct {
    const char *language; /* NULL: any */
    struct str family;
} PREFERRED[] = {
    {NULL, STR_INIT("DejaVu Sans")},           {"ja", STR_INIT("Noto Sans CJK JP")},
    {"ko", STR_INIT("Noto Sans CJK KR")},      {"zh-TW", STR_INIT("Noto Sans CJK TC")},
    {"zh-Hant", STR_INIT("Noto Sans CJK TC")}, {"zh-HK", STR_INIT("Noto Sans CJK HK")},
    {NULL, STR_INIT("Noto Sans CJK SC")},      {NULL, STR_INIT("Droid Sans Fallback")},
};

static struct face *try_family(struct fontbook *self, struct str family, struct font_style style,
                               uint32_t character)
{
    struct face *face = find_installed(self, family, style);
    return face && face_has(face, character) ? face : NULL;
}

/* Any installed face that has it, the nearest to the style first seen of each family. */
static struct face *try_all(struct fontbook *self, struct font_style style, uint32_t character)
{
    for (size_t i = 0; i < self->installed_count; i++) {
        struct installed *one = &self->installed[i];
        bool opened = one->face;
        struct face *face = open_installed(self, one);
        if (face && face_has(face, character)) {
            struct face *better = try_family(self, str_from_c(one->family), style, character);
            return better ? better : face;
        }
        if (face && !opened) {
            face_free(face); /* looked at in vain: not worth its memory */
            one->face = NULL;
        }
    }
    return NULL;
}

struct face *fontbook_fallback(struct fontbook *self, struct font_style style, struct str language,
                               uint32_t character)
{
    for (size_t i = 0; i < self->own_count; i++) {
        if (face_has(self->own[i].face, character)) {
            struct face *styled = find_own(self, str_from_c(self->own[i].family), style);
            return face_has(styled, character) ? styled : self->own[i].face;
        }
    }
    if (is_missing(self, character)) {
        return NULL;
    }
    scan(self);
    for (size_t i = 0; i < sizeof PREFERRED / sizeof PREFERRED[0]; i++) {
        const char *wanted = PREFERRED[i].language;
        if (wanted && !str_starts_with(language, str_from_c(wanted))) {
            continue;
        }
        struct face *face = try_family(self, PREFERRED[i].family, style, character);
        if (face) {
            return face;
        }
    }
    struct face *face = try_all(self, style, character);
    if (!face) {
        self->missing[character % MISSES] = character;
    }
    return face;
}

/* --- Between documents -------------------------------------------------------------------------*/

void fontbook_begin(struct fontbook *self)
{
    self->document++;
    self->own_count = 0;
}

static size_t cost(const struct face *face)
{
    return face->bytes + face->word_memory.used;
}

/* Frees uploaded and installed faces that were not used for longest, until the rest is within the
 * limit. */
static void trim(struct fontbook *self)
{
    for (;;) {
        size_t total = 0;
        struct face **oldest_installed = NULL;
        struct face *oldest = NULL;
        for (size_t i = 0; i < self->installed_count; i++) {
            struct face *face = self->installed[i].face;
            total += face ? cost(face) : 0;
            if (face && (!oldest || face->last_use < oldest->last_use)) {
                oldest = face;
                oldest_installed = &self->installed[i].face;
            }
        }
        MAP_FOR_EACH(entry, &self->uploaded) {
            struct face *face = entry->value;
            total += cost(face);
            if (!oldest || face->last_use < oldest->last_use) {
                oldest = face;
                oldest_installed = NULL;
            }
        }
        if (total <= PDF_FACE_CACHE || !oldest) {
            return;
        }
        if (oldest_installed) {
            *oldest_installed = NULL;
        } else {
            map_remove(&self->uploaded, str_from_c(oldest->key));
        }
        face_free(oldest);
    }
}

void fontbook_end(struct fontbook *self)
{
    for (size_t i = 0; i < self->installed_count; i++) {
        if (self->installed[i].face) {
            face_trim(self->installed[i].face);
        }
    }
    MAP_FOR_EACH(entry, &self->standard_faces) {
        face_trim(entry->value);
    }
    MAP_FOR_EACH(entry, &self->uploaded) {
        face_trim(entry->value);
    }
    trim(self);
}
