/*
 * pdf.merge: pages of several documents, one after the other. Each document's outline comes along,
 * below an entry of its own; forms do too, with fields renamed where names clash.
 */
#include "work.hh"

#include <map>

#include <qpdf/QPDFAcroFormDocumentHelper.hh>
#include <qpdf/QPDFOutlineDocumentHelper.hh>
#include <qpdf/QPDFPageDocumentHelper.hh>

using operations::Document;
using operations::Failure;
using operations::Work;

namespace {

enum { OUTLINE_DEPTH_MAX = 16, OUTLINE_ITEMS_MAX = 20000 };

/* Where the pages of one source have gone, by their object there. */
typedef std::map<QPDFObjGen, QPDFObjectHandle> PageMap;

/* An entry of the outline to be. */
struct Entry {
    std::string title;
    QPDFObjectHandle page; /* null: leads nowhere, only holds others */
    std::vector<Entry> kids;
};

class Merger {
  public:
    explicit Merger(Work &job) : work(job), pages(made), forms(made)
    {
    }

    void add(size_t index, json_object *source)
    {
        std::string pointer = "/files/" + std::to_string(index);
        Document file = work.open(pointer + "/file", source);
        std::string ranges = Work::text(source, "pages", "all");
        PageMap gone;
        QPDFObjectHandle first = add_pages(
            file, operations::page_numbers(ranges, file.pages.size(), pointer + "/pages"), gone);
        Entry entry{title_of(source, file, index), first, {}};
        items = 0;
        QPDFOutlineDocumentHelper outline(*file.qpdf);
        entry.kids = outline_of(outline.getTopLevelOutlines(), gone, 0);
        entries.push_back(std::move(entry));
        documents.push_back(std::move(file));
        work.check_cancelled();
    }

    void finish()
    {
        if (Work::boolean(work.input(), "outline", true)) {
            write_outline();
        }
        work.write(made, Work::text(work.input(), "name", "merged.pdf"),
                   [](QPDFWriter &writer) { writer.setDeterministicID(true); });
        for (Document &document : documents) {
            work.note_warnings(document);
        }
        work.succeed();
    }

  private:
    QPDFObjectHandle add_pages(Document &file, const std::vector<size_t> &numbers, PageMap &gone)
    {
        QPDFAcroFormDocumentHelper their_forms(*file.qpdf);
        QPDFObjectHandle first;
        for (size_t number : numbers) {
            if (++page_count > operations::MAX_PAGES) {
                throw Failure("too_large", "The result has more than 20,000 pages.", "/files");
            }
            QPDFPageObjectHelper page = file.pages[number];
            pages.addPage(page, false);
            QPDFObjectHandle added = made.getAllPages().back();
            forms.fixCopiedAnnotations(added, page.getObjectHandle(), their_forms);
            gone.emplace(page.getObjectHandle().getObjGen(), added);
            first = first.isInitialized() ? first : added;
        }
        return first;
    }

    static std::string title_of(json_object *source, const Document &file, size_t index)
    {
        std::string name = file.name;
        size_t dot = name.rfind('.');
        if (dot != std::string::npos && dot > 0) {
            name.resize(dot);
        }
        return Work::text(source, "title",
                          name.empty() ? "Document " + std::to_string(index + 1) : name);
    }

    /* Entries that lead to a page that came along, and those above them. */
    std::vector<Entry> outline_of(std::vector<QPDFOutlineObjectHelper> outline, const PageMap &gone,
                                  int depth)
    {
        std::vector<Entry> list;
        for (QPDFOutlineObjectHelper &item : outline) {
            if (depth == OUTLINE_DEPTH_MAX || ++items > OUTLINE_ITEMS_MAX) {
                break;
            }
            Entry entry{item.getTitle(), QPDFObjectHandle::newNull(), {}};
            QPDFObjectHandle page = item.getDestPage();
            auto found = page.isIndirect() ? gone.find(page.getObjGen()) : gone.end();
            if (found != gone.end()) {
                entry.page = found->second;
            }
            entry.kids = outline_of(item.getKids(), gone, depth + 1);
            if (found != gone.end() || !entry.kids.empty()) {
                list.push_back(std::move(entry));
            }
        }
        return list;
    }

    void write_outline()
    {
        QPDFObjectHandle outlines = made.makeIndirectObject(QPDFObjectHandle::newDictionary());
        outlines.replaceKey("/Type", QPDFObjectHandle::newName("/Outlines"));
        write_entries(outlines, entries, true);
        made.getRoot().replaceKey("/Outlines", outlines);
        made.getRoot().replaceKey("/PageMode", QPDFObjectHandle::newName("/UseOutlines"));
    }

    /* A list of siblings below `parent` (ISO 32000-1 §12.3.3). Returns how many entries there are
     * in all; a closed parent says that with a minus. */
    int write_entries(QPDFObjectHandle parent, const std::vector<Entry> &list, bool open)
    {
        QPDFObjectHandle before;
        int count = 0;
        for (const Entry &entry : list) {
            QPDFObjectHandle item = made.makeIndirectObject(QPDFObjectHandle::newDictionary());
            item.replaceKey("/Title", QPDFObjectHandle::newUnicodeString(entry.title));
            item.replaceKey("/Parent", parent);
            QPDFObjectHandle page = entry.page;
            if (page.isInitialized() && !page.isNull()) {
                item.replaceKey(
                    "/Dest", QPDFObjectHandle::newArray({page, QPDFObjectHandle::newName("/Fit")}));
            }
            if (before.isInitialized()) {
                before.replaceKey("/Next", item);
                item.replaceKey("/Prev", before);
            } else {
                parent.replaceKey("/First", item);
            }
            write_entries(item, entry.kids, false);
            before = item;
            count++;
        }
        if (count > 0) {
            parent.replaceKey("/Last", before);
            parent.replaceKey("/Count", QPDFObjectHandle::newInteger(open ? count : -count));
        }
        return count;
    }

    Work &work;
    operations::EmptyDocument made;
    QPDFPageDocumentHelper pages;
    QPDFAcroFormDocumentHelper forms;
    std::vector<Document> documents; /* the sources live until all is written */
    std::vector<Entry> entries;
    size_t page_count = 0;
    size_t items = 0;
};

void merge(Work &work)
{
    json_object *files;
    if (!json_get_array(work.input(), "files", &files)) {
        throw Failure("invalid_input", "There are no files.", "/files");
    }
    Merger merger(work);
    for (size_t i = 0; i < json_object_array_length(files); i++) {
        merger.add(i, json_object_array_get_idx(files, i));
    }
    merger.finish();
}

} // namespace

PDF_OPERATION(merge)
