/*
 * pdf.stamp: a text, a picture or a page of another document, on or under pages.
 *
 * Whatever it is becomes a form XObject once, and each page draws that; a text is set by pdf.render
 * on a page of its own first. Positions are those of the page as it is shown, so that a stamp on a
 * turned page stands upright too.
 */
#include "work.hh"

#include <array>
#include <cmath>
#include <map>

#include <qpdf/Buffer.hh>
#include <qpdf/QPDFMatrix.hh>
#include <qpdf/QPDFPageDocumentHelper.hh>

extern "C" {
#include "picture.h"
#include "render.h"
}

using operations::Bytes;
using operations::Document;
using operations::Failure;
using operations::Work;

namespace {

enum {
    MAX_SIDE = 14400, /* points: 200 inches, the largest page (ISO 32000-1 annex C) */
    MAX_TILES = 5000, /* of a repeated stamp on one page */
};

/* What is drawn: a form, and the box that it fills after its own matrix. */
struct Stamp {
    QPDFObjectHandle form;
    double x = 0, y = 0, width = 0, height = 0;
    double scale = 1;
};

struct Placement {
    double across, up; /* 0 to 1: left to right, bottom to top */
    double margin, angle, opacity;
    bool under, fit;
    bool repeat;
    double gap; /* between repeated ones */
};

std::string digits(double value)
{
    char text[32];
    snprintf(text, sizeof text, "%.4f", std::fabs(value) < 1e6 ? value : 0);
    return text;
}

/* --- Text --------------------------------------------------------------------------------------*/

/* What pdf.render has made, for the time of a job. */
struct Rendered : render {
    Rendered() : render()
    {
    }
    ~Rendered()
    {
        render_release(this);
    }
    Rendered(const Rendered &) = delete;
    Rendered &operator=(const Rendered &) = delete;
};

struct Json {
    explicit Json(json_object *made) : object(made)
    {
        if (!object) {
            throw std::bad_alloc();
        }
    }
    ~Json()
    {
        json_object_put(object);
    }
    Json(const Json &) = delete;
    Json &operator=(const Json &) = delete;

    json_object *const object;
};

/* A definition for pdf.render: a page that is as large as the text. What the stamp's text may have
 * is what a node of text may have; `fonts` are files of this job, at the same place. */
void fill_definition(json_object *definition, json_object *input, json_object *options)
{
    json_object *content = operations::add(definition, "content", json_object_new_object());
    operations::add(content, "font", json_object_new_string("Helvetica"));
    operations::add(content, "font_size", json_object_new_int(36));
    operations::add(content, "alignment", json_object_new_string("center"));
    json_object_object_foreach(options, name, value) {
        operations::add(content, name, json_object_get(value));
    }
    json_object *size = operations::add(definition, "page_size", json_object_new_object());
    operations::add(size, "width", json_object_new_string("auto"));
    operations::add(size, "height", json_object_new_string("auto"));
    operations::add(definition, "page_margins", json_object_new_int(0));
    operations::add(definition, "missing_glyphs", json_object_new_string("fail"));
    json_object *fonts;
    if (json_get_object(input, "fonts", &fonts)) {
        operations::add(definition, "fonts", json_object_get(fonts));
    }
}

/* The place in the stamp's input that a place in the definition came from. */
std::string stamp_pointer(const std::string &pointer)
{
    static const std::string CONTENT = "/content";
    bool of_content = pointer.compare(0, CONTENT.size(), CONTENT) == 0;
    return of_content ? "/text" + pointer.substr(CONTENT.size()) : pointer;
}

/* The document, of one page, that the text is. Its bytes live in `rendered`. */
Document text_document(Work &work, json_object *options, Rendered &rendered)
{
    Json definition(json_object_new_object());
    fill_definition(definition.object, work.input(), options);
    struct hub_error error = {};
    int err = pdf_job_render(work.pdf, work.job, definition.object, &rendered, &error);
    if (err == HUB_ERR_NOMEM) {
        throw std::bad_alloc();
    }
    if (err < 0) {
        std::string pointer(rendered.pointer.ptr, rendered.pointer.len);
        throw Failure(hub_err_code(err), std::string(error.detail) + ".", stamp_pointer(pointer));
    }
    if (rendered.pages != 1) {
        throw Failure("too_large", "The text is higher than 14,400 points.", "/text");
    }
    Document document;
    document.qpdf = std::make_shared<QPDF>();
    document.qpdf->processMemoryFile("text", rendered.file.ptr, rendered.file.len);
    document.pages = QPDFPageDocumentHelper(*document.qpdf).getAllPages();
    return document;
}

/* --- Pictures and pages ------------------------------------------------------------------------*/

QPDFObjectHandle stream_of(QPDF &qpdf, const struct picture_part &part)
{
    QPDFObjectHandle stream = QPDFObjectHandle::newStream(&qpdf, std::string(part.data, part.len));
    QPDFObjectHandle entries = QPDFObjectHandle::parse("<<" + std::string(part.entries) + ">>");
    QPDFObjectHandle dictionary = stream.getDict();
    for (const std::string &key : entries.getKeys()) {
        dictionary.replaceKey(key, entries.getKey(key));
    }
    return stream;
}

struct Pictures {
    Pictures()
    {
        if (pictures_new(&all) < 0) {
            throw std::bad_alloc();
        }
    }
    ~Pictures()
    {
        pictures_free(all);
    }
    Pictures(const Pictures &) = delete;
    Pictures &operator=(const Pictures &) = delete;

    struct pictures *all = nullptr;
};

/* A picture is drawn in a square of 1 × 1; without a size it has 72 dots per inch. */
Stamp picture_stamp(Work &work, QPDF &qpdf, json_object *options)
{
    Bytes bytes = work.bytes("/image/file");
    Pictures pictures;
    const struct picture *picture;
    struct hub_error error;
    struct str key = str_of(bytes.artifact.data(), bytes.artifact.size());
    int err = pictures_get(pictures.all, bytes.fd, key, &picture, &error);
    if (err == HUB_ERR_NOMEM) {
        throw std::bad_alloc();
    }
    if (err < 0) {
        throw Failure(hub_err_code(err),
                      std::string("The picture can't be used: ") + error.detail + ".",
                      "/image/file");
    }
    QPDFObjectHandle image = stream_of(qpdf, picture->color);
    if (picture->mask.entries) {
        image.getDict().replaceKey("/SMask", stream_of(qpdf, picture->mask));
    }
    double ratio = double(picture->height) / double(picture->width);
    Stamp stamp;
    stamp.width = Work::number(options, "width", 0);
    stamp.height = Work::number(options, "height", 0);
    if (stamp.width == 0) {
        stamp.width = stamp.height > 0 ? stamp.height / ratio : double(picture->width);
    }
    stamp.height = stamp.height == 0 ? stamp.width * ratio : stamp.height;
    if (stamp.width > MAX_SIDE || stamp.height > MAX_SIDE) {
        throw Failure("too_large", "The picture is wider or higher than 14,400 points.", "/image");
    }
    double matrix[6];
    picture_place(picture, 0, 0, stamp.width, stamp.height, matrix);
    std::string content;
    for (double number : matrix) {
        content += digits(number) + " ";
    }
    stamp.form = QPDFObjectHandle::newStream(&qpdf, content + "cm /I Do\n");
    stamp.form.getDict().replaceKey("/Resources", QPDFObjectHandle::parse("<</XObject<<>>>>"));
    stamp.form.getDict().getKey("/Resources").getKey("/XObject").replaceKey("/I", image);
    return stamp;
}

/* The page at an index of another document, which must live until all is written. */
Stamp page_stamp(QPDF &qpdf, Document &other, size_t index)
{
    Stamp stamp;
    stamp.form = qpdf.copyForeignObject(other.pages[index].getFormXObjectForPage());
    QPDFObjectHandle dictionary = stamp.form.getDict();
    QPDFObjectHandle matrix = dictionary.getKey("/Matrix");
    QPDFObjectHandle::Rectangle box = dictionary.getKey("/BBox").getArrayAsRectangle();
    box = QPDFMatrix(matrix.isMatrix() ? matrix.getArrayAsMatrix()
                                       : QPDFObjectHandle::Matrix(1, 0, 0, 1, 0, 0))
              .transformRectangle(box);
    stamp.x = box.llx;
    stamp.y = box.lly;
    stamp.width = box.urx - box.llx;
    stamp.height = box.ury - box.lly;
    return stamp;
}

/* --- Placing -----------------------------------------------------------------------------------*/

/* The page as it is shown, and where a point of that is in its own coordinates. */
struct Canvas {
    explicit Canvas(QPDFPageObjectHelper &page)
    {
        box = page.getCropBox().getArrayAsRectangle();
        QPDFObjectHandle rotate = page.getAttribute("/Rotate", false);
        turned = rotate.isInteger() ? int((rotate.getIntValue() % 360 + 360) % 360) : 0;
        width = box.urx - box.llx;
        height = box.ury - box.lly;
        if (turned % 180 == 90) {
            std::swap(width, height);
        }
    }

    std::array<double, 2> inside(double x, double y) const
    {
        switch (turned) {
        case 90:
            return {box.urx - y, box.lly + x};
        case 180:
            return {box.urx - x, box.ury - y};
        case 270:
            return {box.llx + y, box.ury - x};
        default:
            return {box.llx + x, box.lly + y};
        }
    }

    QPDFObjectHandle::Rectangle box;
    int turned;
    double width, height;
};

/* The matrix that turns and scales the stamp's box and puts its middle there. */
std::string centered_at(const Stamp &stamp, double scale, double angle, std::array<double, 2> place)
{
    double a = scale * std::cos(angle), b = scale * std::sin(angle);
    double middle_x = stamp.x + stamp.width / 2, middle_y = stamp.y + stamp.height / 2;
    double e = place[0] - (a * middle_x - b * middle_y);
    double f = place[1] - (b * middle_x + a * middle_y);
    return digits(a) + " " + digits(b) + " " + digits(-b) + " " + digits(a) + " " + digits(e) +
           " " + digits(f) + " cm\n";
}

/* Rows along the stamp's angle over all of the page, every other one moved by half a step; what
 * would be off the page is left away. */
std::vector<std::array<double, 2>> tiles(const Stamp &stamp, const Placement &placement,
                                         const Canvas &canvas)
{
    double angle = placement.angle * M_PI / 180, c = std::cos(angle), s = std::sin(angle);
    double across = stamp.width * stamp.scale + placement.gap;
    double up = stamp.height * stamp.scale + placement.gap;
    double reach = std::hypot(canvas.width, canvas.height) / 2;
    double half = std::hypot(across, up) / 2;
    int rows = int(std::ceil(reach / up)), columns = int(std::ceil(reach / across)) + 1;
    std::vector<std::array<double, 2>> places;
    for (int row = -rows; row <= rows; row++) {
        for (int column = -columns; column <= columns; column++) {
            double x = (column + (row % 2 == 0 ? 0 : 0.5)) * across, y = row * up;
            double page_x = canvas.width / 2 + x * c - y * s;
            double page_y = canvas.height / 2 + x * s + y * c;
            if (page_x < -half || page_x > canvas.width + half || page_y < -half ||
                page_y > canvas.height + half) {
                continue;
            }
            if (places.size() == MAX_TILES) {
                throw Failure("too_large", "That is more than 5,000 stamps on a page.", "/repeat");
            }
            places.push_back({page_x, page_y});
        }
    }
    return places;
}

/* Where the middle of the only one is. */
std::array<double, 2> single(const Stamp &stamp, double scale, const Placement &placement,
                             const Canvas &canvas)
{
    double angle = placement.angle * M_PI / 180;
    double width = stamp.width * scale, height = stamp.height * scale;
    double wide = std::fabs(width * std::cos(angle)) + std::fabs(height * std::sin(angle));
    double high = std::fabs(width * std::sin(angle)) + std::fabs(height * std::cos(angle));
    double free_x = canvas.width - wide - 2 * placement.margin;
    double free_y = canvas.height - high - 2 * placement.margin;
    return {placement.margin + free_x * placement.across + wide / 2,
            placement.margin + free_y * placement.up + high / 2};
}

/* Draws the form wherever the stamp is to be on this page. */
std::string drawn(const Stamp &stamp, const Placement &placement, const Canvas &canvas,
                  const std::string &form)
{
    double scale = stamp.scale, angle = (placement.angle + canvas.turned) * M_PI / 180;
    if (placement.fit) {
        scale = std::min(canvas.width / stamp.width, canvas.height / stamp.height);
    }
    std::vector<std::array<double, 2>> places;
    if (placement.repeat) {
        places = tiles(stamp, placement, canvas);
    } else {
        places.push_back(single(stamp, scale, placement, canvas));
    }
    std::string content;
    for (std::array<double, 2> place : places) {
        content += "q\n" + centered_at(stamp, scale, angle, canvas.inside(place[0], place[1])) +
                   form + " Do\nQ\n";
    }
    return content;
}

void add_entry(QPDFObjectHandle resources, const std::string &kind, const std::string &name,
               QPDFObjectHandle value)
{
    if (!resources.getKey(kind).isDictionary()) {
        resources.replaceKey(kind, QPDFObjectHandle::newDictionary());
    }
    resources.getKey(kind).replaceKey(name, value);
}

QPDFObjectHandle resources_of(QPDFPageObjectHelper &page)
{
    QPDFObjectHandle resources = page.getAttribute("/Resources", true);
    if (!resources.isDictionary()) {
        resources = QPDFObjectHandle::newDictionary();
        page.getObjectHandle().replaceKey("/Resources", resources);
    }
    /* what is shared with other pages must not change for them */
    for (const char *kind : {"/XObject", "/ExtGState"}) {
        QPDFObjectHandle shared = resources.getKey(kind);
        if (shared.isDictionary() && shared.isIndirect()) {
            resources.replaceKey(kind, shared.shallowCopy());
        }
    }
    return resources;
}

void draw(QPDF &qpdf, QPDFPageObjectHelper &page, const Stamp &stamp, const Placement &placement,
          QPDFObjectHandle state)
{
    QPDFObjectHandle resources = resources_of(page);
    int suffix = 1;
    std::string form = resources.getUniqueResourceName("/Stamp", suffix);
    add_entry(resources, "/XObject", form, stamp.form);
    std::string content = "q\n";
    if (placement.opacity < 1) {
        std::string name = resources.getUniqueResourceName("/StampState", suffix);
        add_entry(resources, "/ExtGState", name, state);
        content += name + " gs\n";
    }
    content += drawn(stamp, placement, Canvas(page), form) + "Q\n";
    if (placement.under) {
        page.addPageContents(QPDFObjectHandle::newStream(&qpdf, content), true);
        return;
    }
    page.addPageContents(QPDFObjectHandle::newStream(&qpdf, "q\n"), true);
    page.addPageContents(QPDFObjectHandle::newStream(&qpdf, "\nQ\n" + content), false);
}

Placement placement_of(json_object *input)
{
    static const std::map<std::string, std::array<double, 2>> PLACES = {
        {"top_left", {0, 1}},    {"top", {0.5, 1}},      {"top_right", {1, 1}},
        {"left", {0, 0.5}},      {"center", {0.5, 0.5}}, {"right", {1, 0.5}},
        {"bottom_left", {0, 0}}, {"bottom", {0.5, 0}},   {"bottom_right", {1, 0}}};
    auto place = PLACES.at(Work::text(input, "position", "center"));
    json_object *page, *repeat;
    bool repeated = json_get_object(input, "repeat", &repeat);
    bool fit = json_get_object(input, "page", &page) && Work::boolean(page, "fit", false);
    return {place[0],
            place[1],
            fit ? 0 : Work::number(input, "margin", 36),
            Work::number(input, "angle", 0),
            Work::number(input, "opacity", 1),
            Work::boolean(input, "under", false),
            fit,
            repeated,
            repeated ? Work::number(repeat, "gap", 72) : 0};
}

/* The form as one thing for transparency, with its box. */
void finish_form(Stamp &stamp)
{
    QPDFObjectHandle dictionary = stamp.form.getDict();
    dictionary.replaceKey("/Type", QPDFObjectHandle::newName("/XObject"));
    dictionary.replaceKey("/Subtype", QPDFObjectHandle::newName("/Form"));
    dictionary.replaceKey("/Group", QPDFObjectHandle::parse("<</S/Transparency>>"));
    if (!dictionary.hasKey("/BBox")) {
        dictionary.replaceKey(
            "/BBox", QPDFObjectHandle::newFromRectangle({0, 0, stamp.width, stamp.height}));
    }
    if (!(stamp.width > 0 && stamp.height > 0)) {
        throw Failure("invalid_input", "There is nothing to stamp.");
    }
}

/* The page of another document that the input names. */
Stamp named_page(Work &work, QPDF &qpdf, json_object *options, Document &other)
{
    other = work.open("/page/file", options);
    size_t number = size_t(Work::integer(options, "page", 1));
    if (number > other.pages.size()) {
        throw Failure("invalid_input", "There is no such page in this document.", "/page/page");
    }
    Stamp stamp = page_stamp(qpdf, other, number - 1);
    stamp.scale = Work::number(options, "scale", 1);
    return stamp;
}

void stamp(Work &work)
{
    Document file = work.open("/file");
    Rendered rendered; /* both live until all is written */
    Document other;
    json_object *options;
    Stamp made;
    if (json_get_object(work.input(), "text", &options)) {
        other = text_document(work, options, rendered);
        made = page_stamp(*file.qpdf, other, 0);
    } else if (json_get_object(work.input(), "image", &options)) {
        made = picture_stamp(work, *file.qpdf, options);
    } else if (json_get_object(work.input(), "page", &options)) {
        made = named_page(work, *file.qpdf, options, other);
    }
    if (!made.form.isInitialized()) {
        throw Failure("invalid_input", "There is nothing to stamp.");
    }
    finish_form(made);
    Placement placement = placement_of(work.input());
    QPDFObjectHandle state = file.qpdf->makeIndirectObject(QPDFObjectHandle::parse(
        "<</ca " + digits(placement.opacity) + "/CA " + digits(placement.opacity) + ">>"));
    std::string ranges = Work::text(work.input(), "pages", "all");
    for (size_t page : operations::page_numbers(ranges, file.pages.size(), "/pages")) {
        draw(*file.qpdf, file.pages[page], made, placement, state);
        work.check_cancelled();
    }
    work.write_changed(file, work.output_name(file, "stamped.pdf"));
}

} // namespace

PDF_OPERATION(stamp)
