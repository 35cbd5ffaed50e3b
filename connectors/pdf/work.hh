/*
 * work.hh — what every operation on existing documents does: take its input, open documents, write
 * others, tell how it went.
 *
 *     static void rotate(Work &work)
 *     {
 *         Document file = work.open("/file");
 *         …
 *         work.write(*file.qpdf, "rotated.pdf");
 *         work.succeed();
 *     }
 *     PDF_OPERATION(rotate)            // void pdf_rotate_start(hub_instance *, hub_job *)
 *
 * Whatever goes wrong is thrown: Failure for what users can mend, libqpdf's own exceptions for
 * documents that are damaged. PDF_OPERATION's function catches all and ends the job accordingly.
 *
 * Owner: files stay mapped, and documents open, until the Work ends. Thread: [work].
 */
#ifndef PDF_WORK_HH
#define PDF_WORK_HH

#include "operations.h"

extern "C" {
#include "base/json.h"
#include "pdf.h"
}

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <qpdf/QPDF.hh>
#include <qpdf/QPDFPageObjectHelper.hh>
#include <qpdf/QPDFWriter.hh>

namespace operations {

enum {
    MAX_BYTES = 256 << 20, /* of one file */
    MAX_PAGES = 20000,     /* of one document, and of a result */
    MAX_OBJECTS = 2000000,
    MAX_WARNINGS = 20,
};

/* Ends the job: `code` is for programs, `message` for people, `pointer` the place in the input. */
class Failure : public std::exception {
  public:
    Failure(std::string code, std::string message, std::string pointer = "");

    const char *what() const noexcept override
    {
        return message.c_str();
    }

    std::string code, message, pointer;
    bool retry = false;
};

struct Document {
    std::shared_ptr<QPDF> qpdf;
    std::vector<QPDFPageObjectHelper> pages;
    std::string name;    /* of the file as it was uploaded, or "" */
    std::string pointer; /* of the file in the input */
    uint64_t bytes = 0;
};

/* One that is being made: with a catalogue and a page tree from the beginning, as libqpdf's helpers
 * want it, and silent. */
class EmptyDocument : public QPDF {
  public:
    EmptyDocument()
    {
        setSuppressWarnings(true);
        emptyPDF();
    }
};

/* A file of the input as bytes; they live as long as the Work. */
struct Bytes {
    const char *ptr = nullptr;
    size_t len = 0;
    std::string name, media_type;
    int fd = -1;
    std::string artifact; /* its id */
};

class Work {
  public:
    Work(struct pdf *connector, hub_job *attempt);
    ~Work();
    Work(const Work &) = delete;
    Work &operator=(const Work &) = delete;

    /* --- The input: members of objects in it, checked by the schema already --------------------*/
    json_object *input() const;
    static std::string text(json_object *object, const char *name, const std::string &otherwise);
    static int64_t integer(json_object *object, const char *name, int64_t otherwise);
    static double number(json_object *object, const char *name, double otherwise);
    static bool boolean(json_object *object, const char *name, bool otherwise);

    /* The file at this JSON Pointer. */
    Bytes bytes(const std::string &pointer);

    /* The document at this pointer, with the password, if any, in `holder`'s "password". A user's
     * password opens it; what its permissions say is up to whoever posts the job. */
    Document open(const std::string &pointer, json_object *holder);
    Document open(const std::string &pointer);

    /* --- The output ----------------------------------------------------------------------------*/
    /* Writes a document into an artifact and notes it for the result. `configure` may set more of
     * the writer. The name is "name" of the input, or `otherwise`. */
    void write(QPDF &qpdf, const std::string &name,
               const std::function<void(QPDFWriter &)> &configure = nullptr);
    /* A document of the input that was changed: encryption stays as it is; where there is none the
     * file's id is made of its content, so that the same job gives the same bytes. Then succeeds.
     */
    void write_changed(Document &document, const std::string &name);
    std::string output_name(const Document &document, const std::string &otherwise) const;

    json_object *result() const; /* members for the result; borrowed */
    /* What was repaired in `document` so far goes to the result's "warnings". */
    void note_warnings(Document &document);
    void succeed();

    /* Throws if nobody waits for the job any more. */
    void check_cancelled() const;

    struct pdf *const pdf;
    hub_job *const job;

  private:
    struct Mapping {
        void *ptr;
        size_t len;
    };
    std::vector<Mapping> mappings;
    json_object *input_ = nullptr;
    json_object *result_ = nullptr;
};

/* For results: put `value`, whose reference they take, into an object or a list, and give it back.
 * They throw if there is no memory, for the value (NULL) or for its place. */
json_object *add(json_object *object, const char *name, json_object *value);
json_object *append(json_object *list, json_object *value);

/* Ends the job by what was thrown; called while an exception is being handled. */
void report_exception(struct pdf *connector, hub_job *job) noexcept;

/* Pages by their numbers from 0, in the order of `ranges`: "1-3,7,10-", "last", "odd", "even",
 * "all", "5-1" backwards. Throws a Failure at `pointer`. */
std::vector<size_t> page_numbers(const std::string &ranges, size_t page_count,
                                 const std::string &pointer);

/* At most `max` bytes of a text out of a document, as JSON may hold it: what is no UTF-8, and what
 * are control characters, becomes U+FFFD. */
std::string clean_text(const std::string &text, size_t max);

/* An RFC 3339 time as PDF writes it (ISO 32000-1 §7.9.4). */
std::string pdf_date(const std::string &rfc3339, const std::string &pointer);

typedef void operation_fn(Work &work);
void run_operation(hub_instance *instance, hub_job *job, operation_fn *operation) noexcept;

} // namespace operations

#define PDF_OPERATION(name)                                                                        \
    void pdf_##name##_start(hub_instance *instance, hub_job *job)                                  \
    {                                                                                              \
        operations::run_operation(instance, job, name);                                            \
    }

#endif
