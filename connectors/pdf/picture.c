#include "picture.h"

#include "base/map.h"
#include "limits.h"
#include "picture_kinds.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

struct pictures {
    struct map by_key;
    size_t bytes;
    uint64_t clock;
};

int pictures_new(struct pictures **ret_pictures)
{
    struct pictures *self = calloc(1, sizeof *self);
    if (!self) {
        return HUB_ERR_NOMEM;
    }
    map_init(&self->by_key);
    *ret_pictures = self;
    return 0;
}

static void picture_free(struct picture *self)
{
    if (!self) {
        return;
    }
    free(self->key);
    free(self->color.entries);
    free(self->color.data);
    free(self->mask.entries);
    free(self->mask.data);
    free(self);
}

void pictures_free(struct pictures *self)
{
    if (!self) {
        return;
    }
    MAP_FOR_EACH(entry, &self->by_key) {
        picture_free(entry->value);
    }
    map_release(&self->by_key);
    free(self);
}

int picture_part_set(struct picture_part *part, struct buf *entries, struct buf *data,
                     struct hub_error *error)
{
    size_t unused;
    part->entries = buf_steal(entries, &unused);
    part->data = buf_steal(data, &part->len);
    return part->entries && part->data ? 0 : hub_fail(error, HUB_ERR_NOMEM, "out of memory");
}

int picture_check_size(uint32_t width, uint32_t height, struct hub_error *error)
{
    if (width == 0 || height == 0) {
        return hub_fail(error, HUB_ERR_UNSUPPORTED_FORMAT, "the picture has no pixels");
    }
    if ((uint64_t)width * height > PDF_MAX_PIXELS || width > 65535 || height > 65535) {
        return hub_fail(error, HUB_ERR_TOO_LARGE, "the picture has %u × %u pixels", width, height);
    }
    return 0;
}

static int read_picture(struct str file, struct picture *picture, struct hub_error *error)
{
    if (file.len > 8 && memcmp(file.ptr, "\x89PNG\r\n\x1a\n", 8) == 0) {
        return picture_read_png(file, picture, error);
    }
    if (file.len > 3 && memcmp(file.ptr, "\xFF\xD8\xFF", 3) == 0) {
        return picture_read_jpeg(file, picture, error);
    }
    return hub_fail(error, HUB_ERR_UNSUPPORTED_FORMAT, "the file is neither a JPEG nor a PNG");
}

static int load(int fd, struct picture *picture, struct hub_error *error)
{
    struct stat status;
    if (fstat(fd, &status) != 0 || status.st_size == 0) {
        return hub_fail(error, HUB_ERR_UNSUPPORTED_FORMAT, "the file is empty");
    }
    if ((size_t)status.st_size > PDF_MAX_INPUT_FILE) {
        return hub_fail(error, HUB_ERR_TOO_LARGE, "the file has more than %zu MiB",
                        PDF_MAX_INPUT_FILE >> 20);
    }
    size_t len = (size_t)status.st_size;
    void *data = mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED) {
        return hub_fail(error, HUB_ERR_NOMEM, "out of memory");
    }
    int err = read_picture(str_of(data, len), picture, error);
    munmap(data, len);
    return err;
}

int pictures_get(struct pictures *self, int fd, struct str key, const struct picture **ret_picture,
                 struct hub_error *error)
{
    struct picture *picture = map_get(&self->by_key, key);
    int err = 0;
    if (!picture) {
        picture = calloc(1, sizeof *picture);
        if (!picture || !(picture->key = strndup(key.ptr, key.len))) {
            free(picture);
            return hub_fail(error, HUB_ERR_NOMEM, "out of memory");
        }
        err = load(fd, picture, error);
        picture->bytes = sizeof *picture + picture->color.len + picture->mask.len;
        if (err == 0 && map_put(&self->by_key, str_from_c(picture->key), picture) < 0) {
            err = hub_fail(error, HUB_ERR_NOMEM, "out of memory");
        }
        if (err < 0) {
            picture_free(picture);
            return err;
        }
        self->bytes += picture->bytes;
    }
    picture->last_use = ++self->clock;
    *ret_picture = picture;
    return 0;
}

/* EXIF 2.32 §4.6.4, Orientation: where the first row and the first column are shown. */
void picture_place(const struct picture *self, double x, double y, double w, double h,
                   double ret_matrix[6])
{
    static const signed char TURNS[9][6] = {
        {1, 0, 0, 1, 0, 0},   {1, 0, 0, 1, 0, 0},  {-1, 0, 0, 1, 1, 0},
        {-1, 0, 0, -1, 1, 1}, {1, 0, 0, -1, 0, 1}, {0, -1, -1, 0, 1, 1},
        {0, -1, 1, 0, 0, 1},  {0, 1, 1, 0, 0, 0},  {0, 1, -1, 0, 1, 0},
    };
    const signed char *turn = TURNS[self->orientation];
    for (int i = 0; i < 6; i += 2) {
        ret_matrix[i] = turn[i] * w;
        ret_matrix[i + 1] = turn[i + 1] * h;
    }
    ret_matrix[4] += x;
    ret_matrix[5] += y;
}

void pictures_trim(struct pictures *self)
{
    while (self->bytes > PDF_PICTURE_CACHE) {
        struct picture *oldest = NULL;
        MAP_FOR_EACH(entry, &self->by_key) {
            struct picture *picture = entry->value;
            if (!oldest || picture->last_use < oldest->last_use) {
                oldest = picture;
            }
        }
        map_remove(&self->by_key, str_from_c(oldest->key));
        self->bytes -= oldest->bytes;
        picture_free(oldest);
    }
}
