#include "xmp.hh"

#include <qpdf/Buffer.hh>
#include <qpdf/QPDFExc.hh>

namespace operations {

namespace {

enum { PACKET_MAX = 1 << 20 };

const char RDF_END[] = "</rdf:RDF>";
const char DESCRIPTION_END[] = "</rdf:Description>";

std::string info_text(QPDFObjectHandle info, const char *key)
{
    QPDFObjectHandle value = info.isDictionary() ? info.getKey(key) : QPDFObjectHandle::newNull();
    return value.isString() ? value.getUTF8Value() : std::string();
}

/* "D:20261123120000+01'00'" as RFC 3339; empty if it is too short. */
std::string xmp_date(const std::string &date)
{
    if (date.size() < 16 || date.compare(0, 2, "D:") != 0 ||
        date.find_first_not_of("0123456789", 2) < 16) {
        return "";
    }
    std::string zone =
        date.size() > 21 && date[16] != 'Z' ? date.substr(16, 3) + ":" + date.substr(20, 2) : "Z";
    return date.substr(2, 4) + "-" + date.substr(6, 2) + "-" + date.substr(8, 2) + "T" +
           date.substr(10, 2) + ":" + date.substr(12, 2) + ":" + date.substr(14, 2) + zone;
}

std::string element(const char *name, const std::string &text)
{
    return text.empty() ? ""
                        : std::string("<") + name + ">" + xml_escaped(text) + "</" + name + ">\n";
}

/* A property whose value is a list with one entry. */
std::string listed(const char *name, const char *list, const char *attribute,
                   const std::string &text)
{
    return text.empty() ? ""
                        : std::string("<") + name + "><rdf:" + list + "><rdf:li" + attribute + ">" +
                              xml_escaped(text) + "</rdf:li></rdf:" + list + "></" + name + ">\n";
}

std::string description(const std::string &prefix, const std::string &name_space,
                        const std::string &elements)
{
    return "<rdf:Description rdf:about=\"\" xmlns:" + prefix + "=\"" + name_space + "\">\n" +
           elements + DESCRIPTION_END + "\n";
}

} // namespace

/* What XML 1.0 can't hold becomes U+FFFD. */
std::string xml_escaped(const std::string &text)
{
    std::string escaped;
    for (char c : text) {
        switch (c) {
        case '&':
            escaped += "&amp;";
            break;
        case '<':
            escaped += "&lt;";
            break;
        case '>':
            escaped += "&gt;";
            break;
        case '"':
            escaped += "&quot;";
            break;
        default:
            if (static_cast<unsigned char>(c) < ' ' && c != '\n' && c != '\t') {
                escaped += "\xef\xbf\xbd";
            } else {
                escaped += c;
            }
        }
    }
    return escaped;
}

std::string xmp_of_info(QPDF &qpdf)
{
    QPDFObjectHandle info = qpdf.getTrailer().getKey("/Info");
    std::string dc =
        listed("dc:title", "Alt", " xml:lang=\"x-default\"", info_text(info, "/Title")) +
        listed("dc:creator", "Seq", "", info_text(info, "/Author")) +
        listed("dc:description", "Alt", " xml:lang=\"x-default\"", info_text(info, "/Subject"));
    std::string pdf = element("pdf:Keywords", info_text(info, "/Keywords")) +
                      element("pdf:Producer", info_text(info, "/Producer"));
    std::string xmp = element("xmp:CreatorTool", info_text(info, "/Creator")) +
                      element("xmp:CreateDate", xmp_date(info_text(info, "/CreationDate"))) +
                      element("xmp:ModifyDate", xmp_date(info_text(info, "/ModDate")));
    return "<?xpacket begin=\"\xef\xbb\xbf\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\n"
           "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\">\n"
           "<rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">\n" +
           description("dc", "http://purl.org/dc/elements/1.1/", dc) +
           description("pdf", "http://ns.adobe.com/pdf/1.3/", pdf) +
           description("xmp", "http://ns.adobe.com/xap/1.0/", xmp) + RDF_END +
           "\n</x:xmpmeta>\n<?xpacket end=\"w\"?>";
}

std::string xmp_read(QPDF &qpdf)
{
    QPDFObjectHandle stream = qpdf.getRoot().getKey("/Metadata");
    if (stream.isStream()) {
        try {
            std::shared_ptr<Buffer> data = stream.getStreamData(qpdf_dl_generalized);
            std::string packet(reinterpret_cast<const char *>(data->getBuffer()), data->getSize());
            if (packet.size() <= PACKET_MAX && packet.find(RDF_END) != std::string::npos) {
                return packet;
            }
        } catch (const QPDFExc &) {
            /* one that can't be read is replaced */
        }
    }
    return xmp_of_info(qpdf);
}

std::string xmp_with(const std::string &packet, const std::string &name_space,
                     const std::string &text)
{
    std::string changed = packet;
    size_t place = changed.find("\"" + name_space + "\"");
    size_t begin = place == std::string::npos ? place : changed.rfind("<rdf:Description", place);
    if (begin != std::string::npos) {
        size_t end = changed.find(DESCRIPTION_END, place);
        if (end != std::string::npos) {
            changed.erase(begin, end + sizeof DESCRIPTION_END - 1 - begin);
        }
    }
    size_t end = changed.rfind(RDF_END);
    return end == std::string::npos ? changed : changed.insert(end, text);
}

std::string xmp_description(const XmpDescription &described)
{
    std::string elements;
    for (const auto &[name, text] : described.properties) {
        elements += element((described.prefix + ":" + name).c_str(), text);
    }
    return description(described.prefix, described.name_space, elements);
}

void xmp_write(QPDF &qpdf, const std::string &packet)
{
    QPDFObjectHandle stream = QPDFObjectHandle::newStream(&qpdf, packet);
    stream.getDict().replaceKey("/Type", QPDFObjectHandle::newName("/Metadata"));
    stream.getDict().replaceKey("/Subtype", QPDFObjectHandle::newName("/XML"));
    qpdf.getRoot().replaceKey("/Metadata", stream);
}

} // namespace operations
