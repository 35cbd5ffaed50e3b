/*
 * pdf.metadata and pdf.attach: what a document says of itself, and what it carries.
 */
#include "work.hh"
#include "xmp.hh"

#include <map>

#include <qpdf/QPDFEFStreamObjectHelper.hh>
#include <qpdf/QPDFEmbeddedFileDocumentHelper.hh>
#include <qpdf/QPDFFileSpecObjectHelper.hh>

extern "C" {
#include "base/clock.h"
}

using operations::Bytes;
using operations::Document;
using operations::Failure;
using operations::Work;

namespace {

/* --- pdf.metadata ------------------------------------------------------------------------------*/

QPDFObjectHandle info_of(QPDF &qpdf)
{
    QPDFObjectHandle info = qpdf.getTrailer().getKey("/Info");
    if (!info.isDictionary()) {
        info = qpdf.makeIndirectObject(QPDFObjectHandle::newDictionary());
        qpdf.getTrailer().replaceKey("/Info", info);
    }
    return info;
}

/* "title" sets /Title; null removes it. */
void set_entry(QPDFObjectHandle info, const std::string &key, json_object *value)
{
    if (!value) {
        info.removeKey(key);
        return;
    }
    info.replaceKey(key, QPDFObjectHandle::newUnicodeString(json_object_get_string(value)));
}

void set_entries(Work &work, QPDFObjectHandle info)
{
    static const std::map<std::string, std::string> KEYS = {
        {"title", "/Title"},       {"author", "/Author"},   {"subject", "/Subject"},
        {"keywords", "/Keywords"}, {"creator", "/Creator"}, {"producer", "/Producer"}};
    static const std::map<std::string, std::string> DATES = {{"created_at", "/CreationDate"},
                                                             {"modified_at", "/ModDate"}};
    json_object *value;
    for (const auto &[name, key] : KEYS) {
        if (json_object_object_get_ex(work.input(), name.c_str(), &value)) {
            set_entry(info, key, value);
        }
    }
    for (const auto &[name, key] : DATES) {
        if (json_object_object_get_ex(work.input(), name.c_str(), &value)) {
            std::string date = operations::pdf_date(json_object_get_string(value), "/" + name);
            info.replaceKey(key, QPDFObjectHandle::newString(date));
        }
    }
    if (json_get_object(work.input(), "custom", &value)) {
        json_object_object_foreach(value, name, text) {
            set_entry(info, std::string("/") + name, text);
        }
    }
}

void metadata(Work &work)
{
    Document file = work.open("/file");
    set_entries(work, info_of(*file.qpdf));
    json_object *language;
    if (json_object_object_get_ex(work.input(), "language", &language)) {
        file.qpdf->getRoot().replaceKey(
            "/Lang", QPDFObjectHandle::newUnicodeString(json_object_get_string(language)));
    }
    operations::xmp_write(*file.qpdf, operations::xmp_of_info(*file.qpdf));
    work.write_changed(file, work.output_name(file, "metadata.pdf"));
}

/* --- pdf.attach --------------------------------------------------------------------------------*/

/* ISO 32000-2, table 43. */
std::string relationship_of(json_object *attachment, const std::string &otherwise)
{
    static const std::map<std::string, std::string> NAMES = {{"source", "/Source"},
                                                             {"data", "/Data"},
                                                             {"alternative", "/Alternative"},
                                                             {"supplement", "/Supplement"},
                                                             {"unspecified", "/Unspecified"}};
    return NAMES.at(Work::text(attachment, "relationship", otherwise));
}

class Attacher {
  public:
    Attacher(Work &job, Document &document) : work(job), file(document)
    {
        files = file.qpdf->getRoot().getKey("/AF");
        if (!files.isArray()) {
            files = QPDFObjectHandle::newArray();
            file.qpdf->getRoot().replaceKey("/AF", files);
        }
    }

    void add(json_object *attachment, const std::string &pointer, const std::string &name,
             const std::string &media_type, const std::string &relationship)
    {
        Bytes bytes = work.bytes(pointer + "/file");
        QPDFEmbeddedFileDocumentHelper attached(*file.qpdf);
        if (name.empty()) {
            throw Failure("invalid_input", "The attachment has no name.", pointer);
        }
        if (attached.getEmbeddedFile(name)) {
            throw Failure("invalid_input", "The document has an attachment “" + name + "” already.",
                          pointer);
        }
        auto stream =
            QPDFEFStreamObjectHelper::createEFStream(*file.qpdf, std::string(bytes.ptr, bytes.len));
        stream.setSubtype(media_type);
        std::string date = operations::pdf_date(modified_at(attachment), pointer + "/modified_at");
        stream.setCreationDate(date).setModDate(date);
        auto spec = QPDFFileSpecObjectHelper::createFileSpec(*file.qpdf, name, stream);
        std::string words = Work::text(attachment, "description", "");
        if (!words.empty()) {
            spec.setDescription(words);
        }
        QPDFObjectHandle handle = spec.getObjectHandle();
        handle.replaceKey("/AFRelationship", QPDFObjectHandle::newName(relationship));
        attached.replaceEmbeddedFile(name, spec);
        files.appendItem(handle);
    }

  private:
    std::string modified_at(json_object *attachment)
    {
        char now[CLOCK_RFC3339_LEN + 1];
        clock_format(work.pdf->host->wall_ms(), now);
        return Work::text(attachment, "modified_at", now);
    }

    Work &work;
    Document &file;
    QPDFObjectHandle files;
};

/* Factur-X 1.0 (ZUGFeRD 2): the invoice as XML, and four properties that say so. The schema of
 * those is PDF/A's way to declare them (ISO 19005-3 §6.6.2.3). */
std::string fx_schema()
{
    static const char *const PROPERTIES[] = {"DocumentFileName", "DocumentType", "Version",
                                             "ConformanceLevel"};
    std::string list;
    for (const char *name : PROPERTIES) {
        list += std::string("<rdf:li rdf:parseType=\"Resource\"><pdfaProperty:name>") + name +
                "</pdfaProperty:name><pdfaProperty:valueType>Text</pdfaProperty:valueType>"
                "<pdfaProperty:category>external</pdfaProperty:category>"
                "<pdfaProperty:description>" +
                name + " of the embedded invoice</pdfaProperty:description></rdf:li>\n";
    }
    return "<rdf:Description rdf:about=\"\"\n"
           " xmlns:pdfaExtension=\"http://www.aiim.org/pdfa/ns/extension/\"\n"
           " xmlns:pdfaSchema=\"http://www.aiim.org/pdfa/ns/schema#\"\n"
           " xmlns:pdfaProperty=\"http://www.aiim.org/pdfa/ns/property#\">\n"
           "<pdfaExtension:schemas><rdf:Bag><rdf:li rdf:parseType=\"Resource\">\n"
           "<pdfaSchema:schema>Factur-X PDFA Extension Schema</pdfaSchema:schema>\n"
           "<pdfaSchema:namespaceURI>urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#"
           "</pdfaSchema:namespaceURI>\n<pdfaSchema:prefix>fx</pdfaSchema:prefix>\n"
           "<pdfaSchema:property><rdf:Seq>\n" +
           list +
           "</rdf:Seq></pdfaSchema:property></rdf:li></rdf:Bag></pdfaExtension:schemas>\n"
           "</rdf:Description>\n";
}

void add_factur_x(Work &work, Attacher &attacher, Document &file, json_object *invoice)
{
    static const std::map<std::string, std::string> LEVELS = {
        {"minimum", "MINIMUM"},  {"basic_wl", "BASIC WL"}, {"basic", "BASIC"},
        {"en16931", "EN 16931"}, {"extended", "EXTENDED"}, {"xrechnung", "XRECHNUNG"}};
    std::string level = Work::text(invoice, "profile", "en16931");
    std::string name = level == "xrechnung" ? "xrechnung.xml" : "factur-x.xml";
    bool whole = level != "minimum" && level != "basic_wl";
    attacher.add(invoice, "/factur_x", name, "text/xml",
                 relationship_of(invoice, whole ? "alternative" : "data"));
    operations::XmpDescription described{"fx",
                                         "urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#",
                                         {{"DocumentType", "INVOICE"},
                                          {"DocumentFileName", name},
                                          {"Version", "1.0"},
                                          {"ConformanceLevel", LEVELS.at(level)}}};
    std::string packet = operations::xmp_read(*file.qpdf);
    packet =
        operations::xmp_with(packet, described.name_space, operations::xmp_description(described));
    if (packet.find("pdfaExtension:schemas") == std::string::npos) {
        packet =
            operations::xmp_with(packet, "http://www.aiim.org/pdfa/ns/extension/", fx_schema());
    }
    operations::xmp_write(*file.qpdf, packet);
    (void)work;
}

void attach(Work &work)
{
    Document file = work.open("/file");
    Attacher attacher(work, file);
    json_object *list = nullptr, *invoice = nullptr;
    json_get_array(work.input(), "attachments", &list);
    for (size_t i = 0; list && i < json_object_array_length(list); i++) {
        json_object *attachment = json_object_array_get_idx(list, i);
        std::string pointer = "/attachments/" + std::to_string(i);
        Bytes bytes = work.bytes(pointer + "/file");
        std::string type = bytes.media_type.empty() ? "application/octet-stream" : bytes.media_type;
        attacher.add(attachment, pointer, Work::text(attachment, "name", bytes.name),
                     Work::text(attachment, "media_type", type),
                     relationship_of(attachment, "unspecified"));
    }
    if (json_get_object(work.input(), "factur_x", &invoice)) {
        add_factur_x(work, attacher, file, invoice);
    }
    work.write_changed(file, work.output_name(file, "attached.pdf"));
}

} // namespace

PDF_OPERATION(metadata)
PDF_OPERATION(attach)
