/*
 * pdf.split, pdf.rotate, and what only rewrites a document: pdf.encrypt, pdf.decrypt,
 * pdf.linearize.
 */
#include "work.hh"

#include <map>

#include <qpdf/QPDFAcroFormDocumentHelper.hh>
#include <qpdf/QPDFPageDocumentHelper.hh>

using operations::Document;
using operations::Failure;
using operations::Work;

namespace {

enum { MAX_PARTS = 64, MAX_PASSWORD = 127 };

/* --- pdf.split ---------------------------------------------------------------------------------*/

/* The ranges of the parts: as listed, or each of `every` pages. */
std::vector<std::vector<size_t>> parts_of(const Work &work, const Document &file)
{
    std::vector<std::vector<size_t>> parts;
    json_object *listed;
    if (json_get_array(work.input(), "ranges", &listed)) {
        for (size_t i = 0; i < json_object_array_length(listed); i++) {
            std::string ranges = json_object_get_string(json_object_array_get_idx(listed, i));
            parts.push_back(operations::page_numbers(ranges, file.pages.size(),
                                                     "/ranges/" + std::to_string(i)));
        }
        return parts;
    }
    size_t every = size_t(Work::integer(work.input(), "every", 1));
    if ((file.pages.size() + every - 1) / every > MAX_PARTS) {
        throw Failure("too_large", "That makes more than 64 parts; give a larger “every”.",
                      "/every");
    }
    for (size_t page = 0; page < file.pages.size(); page++) {
        if (page % every == 0) {
            parts.emplace_back();
        }
        parts.back().push_back(page);
    }
    return parts;
}

/* "report.pdf" and 3 give "report-3.pdf"; {n} in a name is where the number goes. */
std::string part_name(const std::string &name, size_t number)
{
    std::string digits = std::to_string(number);
    size_t place = name.find("{n}");
    if (place != std::string::npos) {
        return name.substr(0, place) + digits + name.substr(place + 3);
    }
    size_t dot = name.rfind('.');
    size_t stem = dot == std::string::npos || dot == 0 ? name.size() : dot;
    return name.substr(0, stem) + "-" + digits + name.substr(stem);
}

void split(Work &work)
{
    Document file = work.open("/file");
    QPDFAcroFormDocumentHelper forms(*file.qpdf);
    size_t number = 0;
    for (const std::vector<size_t> &part : parts_of(work, file)) {
        operations::EmptyDocument made;
        QPDFPageDocumentHelper pages(made);
        QPDFAcroFormDocumentHelper made_forms(made);
        for (size_t page : part) {
            pages.addPage(file.pages[page], false);
            made_forms.fixCopiedAnnotations(pages.getAllPages().back().getObjectHandle(),
                                            file.pages[page].getObjectHandle(), forms);
        }
        work.write(made, part_name(work.output_name(file, "part.pdf"), ++number),
                   [](QPDFWriter &writer) { writer.setDeterministicID(true); });
        work.check_cancelled();
    }
    work.note_warnings(file);
    work.succeed();
}

/* --- pdf.rotate --------------------------------------------------------------------------------*/

void rotate(Work &work)
{
    Document file = work.open("/file");
    std::string ranges = Work::text(work.input(), "pages", "all");
    int angle = int(Work::integer(work.input(), "angle", 90));
    bool relative = !Work::boolean(work.input(), "absolute", false);
    for (size_t page : operations::page_numbers(ranges, file.pages.size(), "/pages")) {
        file.pages[page].rotatePage(angle, relative);
    }
    work.write_changed(file, work.output_name(file, "rotated.pdf"));
}

/* --- pdf.encrypt, pdf.decrypt, pdf.linearize ---------------------------------------------------*/

qpdf_r3_print_e printing(const std::string &level)
{
    static const std::map<std::string, qpdf_r3_print_e> LEVELS = {
        {"full", qpdf_r3p_full}, {"low", qpdf_r3p_low}, {"none", qpdf_r3p_none}};
    return LEVELS.at(level);
}

/* A password for AES-256 is UTF-8 of at most 127 bytes (ISO 32000-2 §7.6.4.3.3); a longer one would
 * be cut, and another that begins the same would open the document. */
std::string new_password(const Work &work, const char *name)
{
    std::string password = Work::text(work.input(), name, "");
    if (password.size() > MAX_PASSWORD) {
        throw Failure("invalid_input", "A password has at most 127 bytes.",
                      std::string("/") + name);
    }
    return password;
}

void encrypt(Work &work)
{
    Document file = work.open("/file");
    std::string user = new_password(work, "user_password");
    std::string owner = new_password(work, "owner_password");
    json_object *allow = nullptr;
    json_get_object(work.input(), "permissions", &allow);
    work.write(*file.qpdf, work.output_name(file, "encrypted.pdf"), [&](QPDFWriter &writer) {
        writer.setR6EncryptionParameters(
            user.c_str(), owner.c_str(), true, Work::boolean(allow, "copy", false),
            Work::boolean(allow, "assemble", false), Work::boolean(allow, "annotate", false),
            Work::boolean(allow, "fill_forms", false), Work::boolean(allow, "modify", false),
            printing(Work::text(allow, "print", "none")),
            Work::boolean(work.input(), "encrypt_metadata", true));
    });
    work.note_warnings(file);
    work.succeed();
}

void decrypt(Work &work)
{
    Document file = work.open("/file");
    work.write(*file.qpdf, work.output_name(file, "decrypted.pdf"), [](QPDFWriter &writer) {
        writer.setPreserveEncryption(false);
        writer.setDeterministicID(true);
    });
    work.note_warnings(file);
    work.succeed();
}

void linearize(Work &work)
{
    Document file = work.open("/file");
    bool encrypted = file.qpdf->isEncrypted();
    work.write(*file.qpdf, work.output_name(file, "linearized.pdf"),
               [encrypted](QPDFWriter &writer) {
                   writer.setLinearization(true);
                   if (!encrypted) {
                       writer.setDeterministicID(true);
                   }
               });
    work.note_warnings(file);
    work.succeed();
}

} // namespace

PDF_OPERATION(split)
PDF_OPERATION(rotate)
PDF_OPERATION(encrypt)
PDF_OPERATION(decrypt)
PDF_OPERATION(linearize)
