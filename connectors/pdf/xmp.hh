/*
 * xmp.hh — metadata as XMP (ISO 16684-1): the packet beside a document's Info dictionary.
 *
 * Thread: [work].
 */
#ifndef PDF_XMP_HH
#define PDF_XMP_HH

#include <map>
#include <string>

#include <qpdf/QPDF.hh>

namespace operations {

/* An rdf:Description: properties of one name space, each with a plain text. */
struct XmpDescription {
    std::string prefix, name_space;
    std::map<std::string, std::string> properties;
};

std::string xml_escaped(const std::string &text);

/* A packet that says what the Info dictionary does. */
std::string xmp_of_info(QPDF &qpdf);

/* The packet of the document, or one of its Info dictionary if it has none, or one that is not as
 * expected. */
std::string xmp_read(QPDF &qpdf);

/* The packet with one more description; one of the same name space is replaced. */
std::string xmp_with(const std::string &packet, const std::string &name_space,
                     const std::string &description);
std::string xmp_description(const XmpDescription &description);

void xmp_write(QPDF &qpdf, const std::string &packet);

} // namespace operations

#endif
