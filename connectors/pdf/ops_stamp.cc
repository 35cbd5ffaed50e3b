/*
 * pdf.stamp: a text, a picture or a page of another document, on or under pages.
 *
 * Whatever it is becomes a form XObject once, and each page draws that. Positions are those of the
 * page as it is shown, so that a stamp on a turned page stands upright too.
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
#include "standard.h"
}

using operations::Bytes;
using operations::Document;
using operations::Failure;
using operations::Work;

namespace {

enum { MAX_SIDE = 14400 }; /* points: 200 inches, the largest page (ISO 32000-1 annex C) */

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
};

std::string digits(double value)
{
    char text[32];
    snprintf(text, sizeof text, "%.4f", std::fabs(value) < 1e6 ? value : 0);
    return text;
}

/* --- Text --------------------------------------------------------------------------------------*/

/* The characters of a line by their codes in WinAnsiEncoding. */
std::string winansi(struct str line)
{
    std::string codes;
    while (line.len > 0) {
        size_t len = str_utf8_char_len(line);
        uint32_t character = static_cast<unsigned char>(line.ptr[0]);
        static const unsigned char FIRST_MASK[] = {0xff, 0x7f, 0x1f, 0x0f, 0x07};
        character &= FIRST_MASK[len];
        for (size_t i = 1; i < len; i++) {
            character = character << 6 | (static_cast<unsigned char>(line.ptr[i]) & 0x3f);
        }
        uint8_t code = winansi_code(character);
        if (code == 0) {
            throw Failure("invalid_input",
                          "The standard fonts have no “" + std::string(line.ptr, len) +
                              "”. Stamp a page that pdf.render has made.",
                          "/text/text");
        }
        codes += char(code);
        line = str_slice(line, len, line.len);
    }
    return codes;
}

std::string color_operator(const std::string &color)
{
    std::string operands;
    for (size_t i = 1; i + 1 < color.size(); i += 2) {
        operands += digits(std::stoi(color.substr(i, 2), nullptr, 16) / 255.0) + " ";
    }
    return operands + "rg\n";
}

/* The standard fonts' metrics, for the time of a job. */
struct Fonts {
    Fonts()
    {
        if (standard_fonts_new(&all) < 0) {
            throw std::bad_alloc();
        }
    }
    ~Fonts()
    {
        standard_fonts_free(all);
    }
    Fonts(const Fonts &) = delete;
    Fonts &operator=(const Fonts &) = delete;

    struct standard_fonts *all = nullptr;
};

class TextStamp {
  public:
    TextStamp(json_object *options)
        : size(Work::number(options, "font_size", 36)),
          color(Work::text(options, "color", "#000000"))
    {
        std::string family = Work::text(options, "font", "Helvetica");
        font = standard_fonts_get(fonts.all, str_of(family.data(), family.size()),
                                  Work::boolean(options, "bold", false),
                                  Work::boolean(options, "italics", false));
        struct str text = {nullptr, 0};
        json_get_str(options, "text", &text);
        while (text.ptr) {
            lines.push_back(winansi(str_split(&text, '\n')));
        }
    }

    Stamp make(QPDF &qpdf)
    {
        Stamp stamp;
        for (const std::string &line : lines) {
            stamp.width = std::max(stamp.width, width_of(line));
        }
        double step = size * 1.2;
        double ascent = font->ascent * size / 1000, descent = font->descent * size / 1000;
        stamp.height = ascent - descent + step * double(lines.size() - 1);
        std::string content = "BT\n" + color_operator(color) + "/F " + digits(size) + " Tf\n";
        double y = stamp.height - ascent;
        for (const std::string &line : lines) {
            double x = (stamp.width - width_of(line)) / 2;
            content += "1 0 0 1 " + digits(x) + " " + digits(y) + " Tm " +
                       QPDFObjectHandle::newString(line).unparseBinary() + " Tj\n";
            y -= step;
        }
        stamp.form = QPDFObjectHandle::newStream(&qpdf, content + "ET\n");
        stamp.form.getDict().replaceKey(
            "/Resources", QPDFObjectHandle::parse(std::string("<</Font<</F<</Type/Font/Subtype/"
                                                              "Type1/Encoding/WinAnsiEncoding/"
                                                              "BaseFont/") +
                                                  font->name + ">>>>>>"));
        return stamp;
    }

  private:
    double width_of(const std::string &line) const
    {
        double width = 0;
        for (char code : line) {
            width += font->widths[static_cast<unsigned char>(code)];
        }
        return width * size / 1000;
    }

    Fonts fonts;
    const struct standard_font *font;
    double size;
    std::string color;
    std::vector<std::string> lines;
};

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
    stamp.form = QPDFObjectHandle::newStream(&qpdf, digits(stamp.width) + " 0 0 " +
                                                        digits(stamp.height) + " 0 0 cm /I Do\n");
    stamp.form.getDict().replaceKey("/Resources", QPDFObjectHandle::parse("<</XObject<<>>>>"));
    stamp.form.getDict().getKey("/Resources").getKey("/XObject").replaceKey("/I", image);
    return stamp;
}

Stamp page_stamp(QPDF &qpdf, Document &other, json_object *options)
{
    size_t number = size_t(Work::integer(options, "page", 1));
    if (number > other.pages.size()) {
        throw Failure("invalid_input", "There is no such page in this document.", "/page/page");
    }
    Stamp stamp;
    stamp.form = qpdf.copyForeignObject(other.pages[number - 1].getFormXObjectForPage());
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
    stamp.scale = Work::number(options, "scale", 1);
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

/* The matrix that takes the stamp's box to its place. */
std::string placed(const Stamp &stamp, const Placement &placement, const Canvas &canvas)
{
    double scale = stamp.scale;
    if (placement.fit) {
        scale = std::min(canvas.width / stamp.width, canvas.height / stamp.height);
    }
    double angle = placement.angle * M_PI / 180;
    double width = stamp.width * scale, height = stamp.height * scale;
    double wide = std::fabs(width * std::cos(angle)) + std::fabs(height * std::sin(angle));
    double high = std::fabs(width * std::sin(angle)) + std::fabs(height * std::cos(angle));
    double free_x = canvas.width - wide - 2 * placement.margin;
    double free_y = canvas.height - high - 2 * placement.margin;
    auto center = canvas.inside(placement.margin + free_x * placement.across + wide / 2,
                                placement.margin + free_y * placement.up + high / 2);
    double all = angle + canvas.turned * M_PI / 180;
    double a = scale * std::cos(all), b = scale * std::sin(all);
    double middle_x = stamp.x + stamp.width / 2, middle_y = stamp.y + stamp.height / 2;
    double e = center[0] - (a * middle_x - b * middle_y);
    double f = center[1] - (b * middle_x + a * middle_y);
    return digits(a) + " " + digits(b) + " " + digits(-b) + " " + digits(a) + " " + digits(e) +
           " " + digits(f) + " cm\n";
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
    content += placed(stamp, placement, Canvas(page)) + form + " Do\nQ\n";
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
    json_object *page;
    bool fit = json_get_object(input, "page", &page) && Work::boolean(page, "fit", false);
    return {place[0],
            place[1],
            fit ? 0 : Work::number(input, "margin", 36),
            Work::number(input, "angle", 0),
            Work::number(input, "opacity", 1),
            Work::boolean(input, "under", false),
            fit};
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

void stamp(Work &work)
{
    Document file = work.open("/file");
    Document other; /* lives until all is written */
    json_object *options;
    Stamp made;
    if (json_get_object(work.input(), "text", &options)) {
        made = TextStamp(options).make(*file.qpdf);
    } else if (json_get_object(work.input(), "image", &options)) {
        made = picture_stamp(work, *file.qpdf, options);
    } else if (json_get_object(work.input(), "page", &options)) {
        other = work.open("/page/file", options);
        made = page_stamp(*file.qpdf, other, options);
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
    }
    work.write_changed(file, work.output_name(file, "stamped.pdf"));
}

} // namespace

PDF_OPERATION(stamp)
