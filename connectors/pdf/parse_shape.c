/*
 * Canvases with vector shapes, and QR and bar codes.
 */
#include "parse_parts.h"

#include <math.h>
#include <string.h>

enum { MAX_SHAPES = 20000, MAX_STEPS = 20000 };

/* --- Paths: SVG 1.1 §8.3 without arcs ----------------------------------------------------------*/

struct path_reader {
    struct str rest;
    struct path_step *steps;
    uint32_t count;
    double x, y, start_x, start_y; /* the current point, and where the subpath began */
    double control_x, control_y;   /* of the last curve */
    char last;
};

static bool next_number(struct path_reader *self, double *ret_number)
{
    while (self->rest.len > 0 && strchr(" ,\t\r\n", self->rest.ptr[0])) {
        self->rest = str_slice(self->rest, 1, self->rest.len);
    }
    size_t i = 0;
    bool point = false, digits = false;
    double value = 0, unit = 1;
    bool negative = self->rest.len > 0 && self->rest.ptr[0] == '-';
    i += self->rest.len > 0 && (negative || self->rest.ptr[0] == '+');
    for (; i < self->rest.len; i++) {
        char c = self->rest.ptr[i];
        if (c == '.' && !point) {
            point = true;
        } else if (c >= '0' && c <= '9') {
            digits = true;
            value = value * 10 + (c - '0');
            unit = point ? unit * 10 : unit;
        } else {
            break;
        }
    }
    if (!digits || value > 1e9) {
        return false;
    }
    *ret_number = (negative ? -value : value) / unit;
    self->rest = str_slice(self->rest, i, self->rest.len);
    return true;
}

static void add_step(struct path_reader *self, char op, const double *x, size_t count)
{
    struct path_step *step = &self->steps[self->count++];
    step->op = op;
    if (count > 0) {
        memcpy(step->x, x, count * sizeof *x);
        self->x = x[count - 2];
        self->y = x[count - 1];
    }
}

/* Curves of all kinds become cubic ones. */
static void add_curve(struct path_reader *self, char kind, const double *n)
{
    double x0 = self->x, y0 = self->y, c[6];
    bool smooth = (kind == 'S' && (self->last == 'C' || self->last == 'S')) ||
                  (kind == 'T' && (self->last == 'Q' || self->last == 'T'));
    double mirror_x = smooth ? 2 * x0 - self->control_x : x0;
    double mirror_y = smooth ? 2 * y0 - self->control_y : y0;
    if (kind == 'C') {
        memcpy(c, n, sizeof c);
    } else if (kind == 'S') {
        const double s[6] = {mirror_x, mirror_y, n[0], n[1], n[2], n[3]};
        memcpy(c, s, sizeof c);
    } else {
        double qx = kind == 'Q' ? n[0] : mirror_x, qy = kind == 'Q' ? n[1] : mirror_y;
        double x = kind == 'Q' ? n[2] : n[0], y = kind == 'Q' ? n[3] : n[1];
        const double q[6] = {x0 + 2 * (qx - x0) / 3,
                             y0 + 2 * (qy - y0) / 3,
                             x + 2 * (qx - x) / 3,
                             y + 2 * (qy - y) / 3,
                             x,
                             y};
        memcpy(c, q, sizeof c);
        self->control_x = qx;
        self->control_y = qy;
    }
    if (kind == 'C' || kind == 'S') {
        self->control_x = c[2];
        self->control_y = c[3];
    }
    add_step(self, 'c', c, 6);
}

static const struct {
    char name;
    uint8_t numbers;
} COMMANDS[] = {{'M', 2}, {'L', 2}, {'H', 1}, {'V', 1}, {'C', 6},
                {'S', 4}, {'Q', 4}, {'T', 2}, {'Z', 0}};

/* One command with its numbers, absolute by now. */
static void run_command(struct path_reader *self, char name, const double *n)
{
    const double across[2] = {n[0], self->y}, down[2] = {self->x, n[0]};
    switch (name) {
    case 'M':
        add_step(self, 'm', n, 2);
        self->start_x = self->x;
        self->start_y = self->y;
        break;
    case 'L':
        add_step(self, 'l', n, 2);
        break;
    case 'H':
        add_step(self, 'l', across, 2);
        break;
    case 'V':
        add_step(self, 'l', down, 2);
        break;
    case 'Z':
        add_step(self, 'h', NULL, 0);
        self->x = self->start_x;
        self->y = self->start_y;
        break;
    default:
        add_curve(self, name, n);
    }
    self->last = name;
}

/* The next command, upper case, and whether it is relative. Numbers without a letter repeat the
 * last one, after a move as lines. 0: something else. */
static char next_command(struct path_reader *self, bool *relative)
{
    char c = self->rest.ptr[0];
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!letter) {
        return self->last == 'M' ? 'L' : self->last == 'Z' ? 0 : self->last;
    }
    self->rest = str_slice(self->rest, 1, self->rest.len);
    *relative = c >= 'a';
    return *relative ? (char)(c - 'a' + 'A') : c;
}

static bool read_command(struct path_reader *self, bool *relative)
{
    char name = next_command(self, relative);
    size_t row = 0, count = sizeof COMMANDS / sizeof COMMANDS[0];
    while (row < count && COMMANDS[row].name != name) {
        row++;
    }
    if (row == count || (self->count == 0 && name != 'M') || self->count == MAX_STEPS) {
        return false;
    }
    double n[6] = {0};
    for (unsigned i = 0; i < COMMANDS[row].numbers; i++) {
        if (!next_number(self, &n[i])) {
            return false;
        }
        bool is_y = name == 'V' || (name != 'H' && i % 2 == 1);
        n[i] += !*relative ? 0 : is_y ? self->y : self->x;
    }
    run_command(self, name, n);
    return true;
}

int parse_path(struct parser *p, struct str d, const struct place *at, struct shape *shape)
{
    struct path_reader reader = {.rest = d};
    size_t most = d.len < MAX_STEPS ? d.len : MAX_STEPS;
    reader.steps = document_alloc(p->doc, (most + 1) * sizeof *reader.steps);
    if (!reader.steps) {
        return p->doc->error->err;
    }
    bool relative = false;
    for (;;) {
        while (reader.rest.len > 0 && strchr(" ,\t\r\n", reader.rest.ptr[0])) {
            reader.rest = str_slice(reader.rest, 1, reader.rest.len);
        }
        if (reader.rest.len == 0) {
            break;
        }
        if (!read_command(&reader, &relative)) {
            return document_fail(p->doc, at, HUB_ERR_INVALID_INPUT,
                                 "the path is wrong at character %zu (arcs are not supported)",
                                 d.len - reader.rest.len + 1);
        }
    }
    shape->kind = SHAPE_PATH;
    shape->steps = reader.steps;
    shape->step_count = reader.count;
    return 0;
}

/* --- Shapes ------------------------------------------------------------------------------------*/

static const char *const SHAPES[] = {"rect", "ellipse", "line", "polyline", "path", NULL};
enum { RECT, ELLIPSE, LINE, POLYLINE, PATH };

/* Numbers by name, and where they go. */
static const struct {
    const char *name;
    size_t at;
} NUMBERS[] = {
    {"x", offsetof(struct shape, x)},
    {"y", offsetof(struct shape, y)},
    {"w", offsetof(struct shape, w)},
    {"h", offsetof(struct shape, h)},
    {"r", offsetof(struct shape, r)},
    {"r1", offsetof(struct shape, w)},
    {"r2", offsetof(struct shape, h)},
    {"line_width", offsetof(struct shape, line_width)},
    {"fill_opacity", offsetof(struct shape, fill_opacity)},
    {"line_opacity", offsetof(struct shape, line_opacity)},
};

static int shape_number(struct parser *p, const char *name, struct json_object *value,
                        const struct place *at, struct shape *shape)
{
    for (size_t i = 0; i < sizeof NUMBERS / sizeof NUMBERS[0]; i++) {
        if (strcmp(NUMBERS[i].name, name) == 0) {
            return read_number(p, value, at, -PDF_MAX_LENGTH, PDF_MAX_LENGTH,
                               (double *)((char *)shape + NUMBERS[i].at));
        }
    }
    return document_fail(p->doc, at, HUB_ERR_INVALID_INPUT, "“%s” has no meaning in a shape", name);
}

static int shape_member(struct parser *p, const char *name, struct json_object *value,
                        const struct place *at, struct shape *shape)
{
    static const char *const CAPS[] = {"butt", "round", "square", NULL};
    static const char *const JOINS[] = {"miter", "round", "bevel", NULL};
    static const char *const OWN[] = {"type", "x1", "y1", "x2", "y2", "points", "d"};
    for (size_t i = 0; i < sizeof OWN / sizeof OWN[0]; i++) {
        if (strcmp(OWN[i], name) == 0) {
            return 0;
        }
    }
    if (strcmp(name, "color") == 0) {
        return read_color(p, value, at, &shape->fill);
    }
    if (strcmp(name, "line_color") == 0) {
        return read_color(p, value, at, &shape->line);
    }
    if (strcmp(name, "line_cap") == 0) {
        return read_choice(p, value, at, CAPS, &shape->cap);
    }
    if (strcmp(name, "line_join") == 0) {
        return read_choice(p, value, at, JOINS, &shape->join);
    }
    if (strcmp(name, "close_path") == 0) {
        return read_bool(p, value, at, &shape->closed);
    }
    if (strcmp(name, "dash") == 0) {
        return read_pair(p, value, at, &shape->dash[0], &shape->dash[1]);
    }
    return shape_number(p, name, value, at, shape);
}

static int read_line_points(struct parser *p, struct json_object *object, const struct place *at,
                            struct shape *shape)
{
    static const char *const NAMES[] = {"x1", "y1", "x2", "y2"};
    shape->steps = document_alloc(p->doc, 2 * sizeof *shape->steps);
    if (!shape->steps) {
        return p->doc->error->err;
    }
    shape->kind = SHAPE_LINES;
    shape->step_count = 2;
    for (size_t i = 0; i < 4; i++) {
        struct path_step *step = &shape->steps[i / 2];
        step->op = i < 2 ? 'm' : 'l';
        int err = read_number(p, member(object, NAMES[i]), place_name(p, at, NAMES[i]),
                              -PDF_MAX_LENGTH, PDF_MAX_LENGTH, &step->x[i % 2]);
        if (err < 0) {
            return err;
        }
    }
    return 0;
}

static int read_points(struct parser *p, struct json_object *points, const struct place *at,
                       struct shape *shape)
{
    size_t count =
        json_object_is_type(points, json_type_array) ? json_object_array_length(points) : 0;
    if (count < 2 || count > MAX_STEPS) {
        return wrong(p, at, "an array of at least two {x, y}");
    }
    shape->kind = SHAPE_LINES;
    shape->steps = document_alloc(p->doc, count * sizeof *shape->steps);
    if (!shape->steps) {
        return p->doc->error->err;
    }
    shape->step_count = (uint32_t)count;
    for (size_t i = 0; i < count; i++) {
        struct json_object *point = json_object_array_get_idx(points, i);
        const struct place *here = place_index(p, at, i);
        struct path_step *step = &shape->steps[i];
        step->op = i == 0 ? 'm' : 'l';
        if (!json_object_is_type(point, json_type_object)) {
            return wrong(p, here, "{x, y}");
        }
        int err =
            read_number(p, member(point, "x"), here, -PDF_MAX_LENGTH, PDF_MAX_LENGTH, &step->x[0]);
        if (err == 0) {
            err = read_number(p, member(point, "y"), here, -PDF_MAX_LENGTH, PDF_MAX_LENGTH,
                              &step->x[1]);
        }
        if (err < 0) {
            return err;
        }
    }
    return 0;
}

static int parse_shape(struct parser *p, struct json_object *object, const struct place *at,
                       struct shape *shape)
{
    if (!json_object_is_type(object, json_type_object)) {
        return wrong(p, at, "a shape: {type, …}");
    }
    uint8_t type = 0;
    *shape = (struct shape){.fill = COLOR_NONE,
                            .line = COLOR_NONE,
                            .line_width = 1,
                            .fill_opacity = 1,
                            .line_opacity = 1};
    int err = read_choice(p, member(object, "type"), place_name(p, at, "type"), SHAPES, &type);
    if (err < 0) {
        return err;
    }
    shape->kind = type == RECT ? SHAPE_RECT : SHAPE_ELLIPSE;
    json_object_object_foreach(object, name, value) {
        err = shape_member(p, name, value, place_key(p, at, str_from_c(name)), shape);
        if (err < 0) {
            return err;
        }
    }
    if (type == ELLIPSE && !member(object, "r2")) {
        shape->h = shape->w;
    }
    if (shape->line == COLOR_NONE && (shape->fill == COLOR_NONE || type == LINE)) {
        shape->line = 0;
    }
    switch (type) {
    case LINE:
        return read_line_points(p, object, at, shape);
    case POLYLINE:
        return read_points(p, member(object, "points"), place_name(p, at, "points"), shape);
    case PATH: {
        struct str d;
        const struct place *here = place_name(p, at, "d");
        err = read_text(p, member(object, "d"), here, &d);
        return err < 0 ? err : parse_path(p, d, here, shape);
    }
    default:
        return 0;
    }
}

/* How far a shape reaches to the right and down. */
static void reach(const struct shape *shape, double *width, double *height)
{
    double half = shape->line == COLOR_NONE ? 0 : shape->line_width / 2;
    double right = shape->x + shape->w, bottom = shape->y + shape->h;
    for (uint32_t i = 0; i < shape->step_count; i++) {
        const struct path_step *step = &shape->steps[i];
        int numbers = step->op == 'c' ? 6 : step->op == 'h' ? 0 : 2;
        for (int n = 0; n < numbers; n += 2) {
            right = fmax(right, step->x[n] + shape->x);
            bottom = fmax(bottom, step->x[n + 1] + shape->y);
        }
    }
    *width = fmax(*width, right + half);
    *height = fmax(*height, bottom + half);
}

int parse_canvas(struct parser *p, struct json_object *object, const struct place *at,
                 struct node *node)
{
    struct canvas *canvas = &node->canvas;
    struct json_object *shapes = member(object, "canvas");
    const struct place *here = place_name(p, at, "canvas");
    size_t count = json_object_is_type(shapes, json_type_array) ? json_object_array_length(shapes)
                                                                : MAX_SHAPES + 1;
    if (count > MAX_SHAPES) {
        return wrong(p, here, "an array of at most 20,000 shapes");
    }
    canvas->shapes = document_alloc(p->doc, (count + 1) * sizeof *canvas->shapes);
    if (!canvas->shapes) {
        return p->doc->error->err;
    }
    for (size_t i = 0; i < count; i++) {
        int err = parse_shape(p, json_object_array_get_idx(shapes, i), place_index(p, here, i),
                              &canvas->shapes[i]);
        if (err < 0) {
            return err;
        }
        canvas->count++;
        reach(&canvas->shapes[i], &canvas->width, &canvas->height);
    }
    struct json_object *height = member(object, "height");
    return height ? read_number(p, height, place_name(p, at, "height"), 0, PDF_MAX_LENGTH,
                                &canvas->height)
                  : 0;
}

/* --- Codes -------------------------------------------------------------------------------------*/

static int make_label(struct parser *p, struct node *node, struct str text)
{
    struct text_style style;
    memcpy(&style, node->style, sizeof style);
    style.alignment = ALIGN_CENTER;
    style.color = node->code.color;
    struct paragraph *label = document_alloc(p->doc, sizeof *label);
    struct inline_run *run = label ? document_alloc(p->doc, sizeof *run) : NULL;
    const struct text_style *kept = run ? keep_style(p, &style) : NULL;
    if (!kept) {
        return p->doc->error->err;
    }
    *run = (struct inline_run){.text = text, .style = kept, .place = node->place};
    *label = (struct paragraph){.runs = run, .count = 1, .style = kept};
    node->code.label = label;
    return 0;
}

struct code_request {
    enum code_kind kind;
    struct str text;
    struct code_options options;
    bool show_text;
    double fit; /* width of the whole; 0: by the module */
};

static int read_code_look(struct parser *p, struct json_object *object, const struct place *at,
                          struct code_node *code, struct code_request *request)
{
    struct json_object *value;
    int err = 0;
    if ((value = member(object, "foreground"))) {
        err = read_color(p, value, place_name(p, at, "foreground"), &code->color);
    }
    if (err == 0 && (value = member(object, "background"))) {
        err = read_color(p, value, place_name(p, at, "background"), &code->background);
    }
    if (err == 0 && (value = member(object, "fit"))) {
        err = read_number(p, value, place_name(p, at, "fit"), 5, PDF_MAX_LENGTH, &request->fit);
    }
    if (err == 0 && (value = member(object, "height"))) {
        err = read_number(p, value, place_name(p, at, "height"), 2, PDF_MAX_LENGTH, &code->height);
    }
    if (err == 0 && (value = member(object, "quiet_zone"))) {
        err = read_bool(p, value, place_name(p, at, "quiet_zone"), &code->quiet);
    }
    if (err == 0 && (value = member(object, "show_text"))) {
        err = read_bool(p, value, place_name(p, at, "show_text"), &request->show_text);
    }
    return err;
}

static int read_code(struct parser *p, struct json_object *object, const struct place *at,
                     struct code_node *code, struct code_request *request)
{
    static const char *const LEVELS[] = {"L", "M", "Q", "H", NULL};
    static const char *const LINEAR[] = {"code128", "ean13", NULL};
    struct json_object *value = member(object, "qr");
    uint8_t index = CODE_CORRECT_M;
    int err = read_text(p, value ? value : member(object, "barcode"),
                        place_name(p, at, value ? "qr" : "barcode"), &request->text);
    code->linear = !value;
    request->kind = CODE_QR;
    if (err == 0 && code->linear) {
        index = 0;
        value = member(object, "kind");
        err = value ? read_choice(p, value, place_name(p, at, "kind"), LINEAR, &index) : 0;
        request->kind = index == 0 ? CODE_128 : CODE_EAN_13;
    } else if (err == 0 && (value = member(object, "correction"))) {
        err = read_choice(p, value, place_name(p, at, "correction"), LEVELS, &index);
    }
    request->options.correction = code->linear ? 0 : (enum code_correction)index;
    if (err == 0 && (value = member(object, "gs1"))) {
        err = read_bool(p, value, place_name(p, at, "gs1"), &request->options.gs1);
    }
    return err < 0 ? err : read_code_look(p, object, at, code, request);
}

int parse_code(struct parser *p, struct json_object *object, const struct place *at,
               struct node *node)
{
    struct code_node *code = &node->code;
    struct code_request request = {.show_text = true};
    code->background = COLOR_NONE;
    code->color = 0;
    code->height = 36;
    int err = read_code(p, object, at, code, &request);
    if (err < 0) {
        return err;
    }
    struct hub_error why;
    err =
        code_make(request.kind, request.text, &request.options, &p->doc->arena, &code->code, &why);
    if (err < 0) {
        return document_fail(p->doc, at, err, "%s", why.detail);
    }
    double modules =
        code->code.width + (code->quiet ? code->code.quiet_left + code->code.quiet_right : 0);
    code->module = request.fit > 0 ? request.fit / modules : code->linear ? 1 : 2.5;
    bool labelled = code->linear && request.show_text && code->code.label.len > 0;
    return labelled ? make_label(p, node, code->code.label) : 0;
}
