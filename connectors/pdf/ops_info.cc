/*
 * pdf.info: what a document is, without changing it.
 */
#include "work.hh"

#include <set>

#include <qpdf/QPDFAcroFormDocumentHelper.hh>
#include <qpdf/QPDFEmbeddedFileDocumentHelper.hh>
#include <qpdf/QPDFOutlineDocumentHelper.hh>

using operations::add;
using operations::append;
using operations::Document;
using operations::Work;

namespace {

enum {
    LIST_MAX = 500,          /* entries of each list in the result */
    TEXT_MAX = 300,          /* bytes of a text in the result */
    RESOURCES_DEPTH_MAX = 8, /* form XObjects in one another */
    RESOURCES_MAX = 50000,   /* that are looked at for fonts */
    OUTLINE_DEPTH_MAX = 8,
};

json_object *text_value(const std::string &text)
{
    std::string clean = operations::clean_text(text, TEXT_MAX);
    return json_object_new_string_len(clean.data(), int(clean.size()));
}

json_object *add_list(json_object *object, const char *name)
{
    return add(object, name, json_object_new_array());
}

json_object *number_value(uint64_t number)
{
    return json_object_new_int64(int64_t(number));
}

/* --- Pages -------------------------------------------------------------------------------------*/

struct PageSize {
    double width, height; /* points, as the page is shown */
    int rotation;

    bool operator==(const PageSize &other) const
    {
        return width == other.width && height == other.height && rotation == other.rotation;
    }
};

double rounded(double points)
{
    return double(int64_t(points * 100 + (points < 0 ? -0.5 : 0.5))) / 100;
}

PageSize size_of(QPDFPageObjectHelper &page)
{
    QPDFObjectHandle::Rectangle box = page.getCropBox().getArrayAsRectangle();
    QPDFObjectHandle rotate = page.getAttribute("/Rotate", false);
    QPDFObjectHandle unit = page.getObjectHandle().getKey("/UserUnit");
    double scale = unit.isNumber() ? unit.getNumericValue() : 1;
    int degrees = rotate.isInteger() ? int(rotate.getIntValue() % 360) : 0;
    PageSize size{rounded((box.urx - box.llx) * scale), rounded((box.ury - box.lly) * scale),
                  (degrees + 360) % 360};
    if (size.rotation % 180 == 90) {
        std::swap(size.width, size.height);
    }
    return size;
}

void add_sizes(json_object *result, Document &file)
{
    json_object *list = add_list(result, "sizes");
    for (size_t page = 0; page < file.pages.size();) {
        PageSize size = size_of(file.pages[page]);
        size_t from = page;
        while (page < file.pages.size() && size == size_of(file.pages[page])) {
            page++;
        }
        if (json_object_array_length(list) == LIST_MAX) {
            return;
        }
        json_object *entry = append(list, json_object_new_object());
        add(entry, "from", number_value(from + 1));
        add(entry, "to", number_value(page));
        add(entry, "width", json_object_new_double(size.width));
        add(entry, "height", json_object_new_double(size.height));
        add(entry, "rotation", json_object_new_int(size.rotation));
    }
}

/* --- Fonts -------------------------------------------------------------------------------------*/

class FontList {
  public:
    explicit FontList(json_object *fonts) : list(fonts)
    {
    }

    void add_resources(QPDFObjectHandle resources, int depth)
    {
        if (!resources.isDictionary() || depth > RESOURCES_DEPTH_MAX || !is_new(resources)) {
            return;
        }
        QPDFObjectHandle fonts = resources.getKey("/Font");
        for (const std::string &name : keys_of(fonts)) {
            add_font(fonts.getKey(name));
        }
        QPDFObjectHandle objects = resources.getKey("/XObject");
        for (const std::string &name : keys_of(objects)) {
            QPDFObjectHandle object = objects.getKey(name);
            if (object.isStream() && is_new(object)) {
                add_resources(object.getDict().getKey("/Resources"), depth + 1);
            }
        }
    }

  private:
    static std::set<std::string> keys_of(QPDFObjectHandle dictionary)
    {
        return dictionary.isDictionary() ? dictionary.getKeys() : std::set<std::string>();
    }

    /* Each indirect object counts once; direct ones only until there were too many of all. */
    bool is_new(QPDFObjectHandle object)
    {
        if (++looked_at > RESOURCES_MAX) {
            return false;
        }
        return !object.isIndirect() || seen.insert(object.getObjGen()).second;
    }

    static bool is_embedded(QPDFObjectHandle font)
    {
        QPDFObjectHandle descriptor = font.getKey("/FontDescriptor");
        return descriptor.isDictionary() &&
               (descriptor.hasKey("/FontFile") || descriptor.hasKey("/FontFile2") ||
                descriptor.hasKey("/FontFile3"));
    }

    static std::string name_of(QPDFObjectHandle object, const char *key)
    {
        QPDFObjectHandle name = object.getKey(key);
        return name.isName() ? name.getName().substr(1) : std::string();
    }

    void add_font(QPDFObjectHandle font)
    {
        if (!font.isDictionary() || !is_new(font) || json_object_array_length(list) == LIST_MAX) {
            return;
        }
        std::string name = name_of(font, "/BaseFont");
        std::string type = name_of(font, "/Subtype");
        QPDFObjectHandle described = font;
        QPDFObjectHandle descendants = font.getKey("/DescendantFonts");
        if (descendants.isArray() && descendants.getArrayNItems() > 0 &&
            descendants.getArrayItem(0).isDictionary()) {
            described = descendants.getArrayItem(0);
            type = name_of(described, "/Subtype");
        }
        bool subset = name.size() > 7 && name[6] == '+' &&
                      name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 6;
        json_object *entry = append(list, json_object_new_object());
        add(entry, "name", text_value(subset ? name.substr(7) : name));
        add(entry, "type", text_value(type));
        add(entry, "embedded", json_object_new_boolean(type == "Type3" || is_embedded(described)));
        add(entry, "subset", json_object_new_boolean(subset));
    }

    json_object *list;
    std::set<QPDFObjGen> seen;
    size_t looked_at = 0;
};

void add_fonts(json_object *result, Document &file)
{
    FontList fonts(add_list(result, "fonts"));
    for (QPDFPageObjectHelper &page : file.pages) {
        fonts.add_resources(page.getAttribute("/Resources", false), 0);
    }
}

/* --- Outline, metadata, encryption -------------------------------------------------------------*/

class OutlineWriter {
  public:
    explicit OutlineWriter(Document &file)
    {
        for (size_t i = 0; i < file.pages.size(); i++) {
            numbers.emplace(file.pages[i].getObjectHandle().getObjGen(), i + 1);
        }
    }

    void write(json_object *list, std::vector<QPDFOutlineObjectHelper> outline, int depth)
    {
        for (QPDFOutlineObjectHelper &item : outline) {
            if (depth == OUTLINE_DEPTH_MAX || ++count > LIST_MAX) {
                return;
            }
            json_object *entry = append(list, json_object_new_object());
            add(entry, "title", text_value(item.getTitle()));
            QPDFObjectHandle page = item.getDestPage();
            auto found = page.isIndirect() ? numbers.find(page.getObjGen()) : numbers.end();
            if (found != numbers.end()) {
                add(entry, "page", number_value(found->second));
            }
            std::vector<QPDFOutlineObjectHelper> kids = item.getKids();
            if (!kids.empty()) {
                write(add_list(entry, "children"), kids, depth + 1);
            }
        }
    }

  private:
    std::map<QPDFObjGen, size_t> numbers;
    size_t count = 0;
};

void add_info(json_object *result, Document &file)
{
    json_object *info = add(result, "info", json_object_new_object());
    QPDFObjectHandle entries = file.qpdf->getTrailer().getKey("/Info");
    if (!entries.isDictionary()) {
        return;
    }
    for (const std::string &key : entries.getKeys()) {
        QPDFObjectHandle value = entries.getKey(key);
        if (value.isString() && json_object_object_length(info) < LIST_MAX / 10) {
            std::string text = value.getUTF8Value();
            std::string name = operations::clean_text(key.substr(1), TEXT_MAX);
            add(info, name.c_str(), text_value(text));
        }
    }
}

void add_encryption(json_object *result, QPDF &qpdf)
{
    int revision = 0, permissions = 0, version = 0;
    QPDF::encryption_method_e streams, strings, files;
    bool encrypted = qpdf.isEncrypted(revision, permissions, version, streams, strings, files);
    add(result, "encrypted", json_object_new_boolean(encrypted));
    if (!encrypted) {
        return;
    }
    static const std::map<QPDF::encryption_method_e, const char *> NAMES = {
        {QPDF::e_aesv3, "aes_256"}, {QPDF::e_aes, "aes_128"}, {QPDF::e_rc4, "rc4"}};
    auto name = NAMES.find(streams);
    json_object *encryption = add(result, "encryption", json_object_new_object());
    add(encryption, "method", json_object_new_string(name == NAMES.end() ? "none" : name->second));
    json_object *allow = add(encryption, "permissions", json_object_new_object());
    const char *print = qpdf.allowPrintHighRes()  ? "full"
                        : qpdf.allowPrintLowRes() ? "low"
                                                  : "none";
    add(allow, "print", json_object_new_string(print));
    add(allow, "copy", json_object_new_boolean(qpdf.allowExtractAll()));
    add(allow, "modify", json_object_new_boolean(qpdf.allowModifyOther()));
    add(allow, "annotate", json_object_new_boolean(qpdf.allowModifyAnnotation()));
    add(allow, "fill_forms", json_object_new_boolean(qpdf.allowModifyForm()));
    add(allow, "assemble", json_object_new_boolean(qpdf.allowModifyAssembly()));
}

void add_attachments(json_object *result, QPDF &qpdf)
{
    json_object *list = add_list(result, "attachments");
    QPDFEmbeddedFileDocumentHelper attached(qpdf);
    for (auto &[name, spec] : attached.getEmbeddedFiles()) {
        if (json_object_array_length(list) == LIST_MAX) {
            return;
        }
        json_object *entry = append(list, json_object_new_object());
        add(entry, "name", text_value(spec->getFilename()));
        QPDFObjectHandle relationship = spec->getObjectHandle().getKey("/AFRelationship");
        if (relationship.isName()) {
            add(entry, "relationship", text_value(relationship.getName().substr(1)));
        }
        QPDFObjectHandle stream = spec->getEmbeddedFileStream();
        if (stream.isStream() && stream.getDict().getKey("/Subtype").isName()) {
            std::string type = stream.getDict().getKey("/Subtype").getName().substr(1);
            add(entry, "media_type", text_value(type));
        }
    }
}

void info(Work &work)
{
    Document file = work.open("/file");
    QPDFObjectHandle root = file.qpdf->getRoot();
    json_object *result = work.result();
    add(result, "bytes", number_value(file.bytes));
    add(result, "version", text_value(file.qpdf->getPDFVersion()));
    add(result, "pages", number_value(file.pages.size()));
    add(result, "linearized", json_object_new_boolean(file.qpdf->isLinearized()));
    QPDFObjectHandle mark = root.getKey("/MarkInfo");
    bool tagged = mark.isDictionary() && mark.getKey("/Marked").isBool() &&
                  mark.getKey("/Marked").getBoolValue();
    add(result, "tagged", json_object_new_boolean(tagged));
    QPDFObjectHandle language = root.getKey("/Lang");
    if (language.isString()) {
        add(result, "language", text_value(language.getUTF8Value()));
    }
    add(result, "form",
        json_object_new_boolean(QPDFAcroFormDocumentHelper(*file.qpdf).hasAcroForm()));
    add_encryption(result, *file.qpdf);
    add_sizes(result, file);
    add_fonts(result, file);
    add_info(result, file);
    add_attachments(result, *file.qpdf);
    QPDFOutlineDocumentHelper outline(*file.qpdf);
    OutlineWriter(file).write(add_list(result, "outline"), outline.getTopLevelOutlines(), 0);
    work.note_warnings(file);
    work.succeed();
}

} // namespace

PDF_OPERATION(info)
