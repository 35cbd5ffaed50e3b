#include "work.hh"

extern "C" {
#include "base/clock.h"
#include "base/disposition.h"
}

#include <cstdio>
#include <cstring>
#include <mutex>
#include <new>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <qpdf/QPDFExc.hh>
#include <qpdf/QPDFPageDocumentHelper.hh>
#include <qpdf/QUtil.hh>
#include <qpdf/RandomDataProvider.hh>

namespace operations {

namespace {

enum { HEADER_WITHIN = 1024, WARNING_LEN = 200 };

hub_str view(const std::string &text)
{
    return hub_str{text.data(), text.size()};
}

std::string to_string(hub_str text)
{
    return text.len ? std::string(text.ptr, text.len) : std::string();
}

/* Keys and salts come from the host: a confined process can't open /dev/urandom. */
class HostRandom : public RandomDataProvider {
  public:
    void provideRandomData(unsigned char *data, size_t len) override
    {
        if (host) {
            host->random(data, len);
        }
    }

    const hub_host *host = nullptr;
};

/* libqpdf keeps the provider in a static pointer; the host is the same for the whole process. */
void use_host_random(const hub_host *host)
{
    static HostRandom provider;
    static std::once_flag once;
    std::call_once(once, [host] {
        provider.host = host;
        QUtil::setRandomDataProvider(&provider);
    });
}

/* libqpdf reports progress while it writes: the moment to look whether anybody still waits. */
class CancelCheck : public QPDFWriter::ProgressReporter {
  public:
    explicit CancelCheck(const Work &watched) : work(watched)
    {
    }

    void reportProgress(int) override
    {
        work.check_cancelled();
    }

  private:
    const Work &work;
};

void check_header(const Bytes &file, const std::string &pointer)
{
    size_t within = file.len < HEADER_WITHIN ? file.len : size_t(HEADER_WITHIN);
    if (!memmem(file.ptr, within, "%PDF-", 5)) {
        throw Failure("unsupported_format", "The file is no PDF.", pointer);
    }
}

Failure password_failure(bool given, const std::string &pointer)
{
    if (given) {
        return Failure("wrong_password", "The password does not open the document.", pointer);
    }
    return Failure("encrypted", "The document is encrypted and needs a password.", pointer);
}

/* What libqpdf found, without the description of the file, which is ours. */
std::string words_of(const QPDFExc &exception)
{
    return clean_text(exception.getMessageDetail(), WARNING_LEN);
}

} // namespace

Failure::Failure(std::string failure_code, std::string words, std::string place)
    : code(std::move(failure_code)), message(std::move(words)), pointer(std::move(place))
{
}

/* --- The attempt -------------------------------------------------------------------------------*/

Work::Work(struct pdf *connector, hub_job *attempt) : pdf(connector), job(attempt)
{
    use_host_random(pdf->host);
    struct str json = {job->input.ptr, job->input.len};
    struct hub_error error;
    if (json_read(json, JSON_DEPTH_MAX, &input_, nullptr, &error) < 0) {
        throw Failure("invalid_input", std::string("The input is no JSON: ") + error.detail + ".");
    }
    result_ = json_object_new_object();
    if (!result_) {
        json_object_put(input_);
        throw std::bad_alloc();
    }
}

Work::~Work()
{
    for (const Mapping &mapping : mappings) {
        munmap(mapping.ptr, mapping.len);
    }
    json_object_put(input_);
    json_object_put(result_);
}

void Work::check_cancelled() const
{
    if (pdf->host->cancelled(job)) {
        throw Failure("cancelled", "The job was cancelled.");
    }
}

json_object *Work::input() const
{
    return input_;
}

json_object *Work::result() const
{
    return result_;
}

std::string Work::text(json_object *object, const char *name, const std::string &otherwise)
{
    struct str value;
    return json_get_str(object, name, &value) ? std::string(value.ptr, value.len) : otherwise;
}

int64_t Work::integer(json_object *object, const char *name, int64_t otherwise)
{
    int64_t value;
    return json_get_i64(object, name, &value) ? value : otherwise;
}

double Work::number(json_object *object, const char *name, double otherwise)
{
    json_object *value;
    return json_object_object_get_ex(object, name, &value) ? json_object_get_double(value)
                                                           : otherwise;
}

bool Work::boolean(json_object *object, const char *name, bool otherwise)
{
    bool value;
    return json_get_bool(object, name, &value) ? value : otherwise;
}

/* --- Files -------------------------------------------------------------------------------------*/

Bytes Work::bytes(const std::string &pointer)
{
    const hub_file *file = pdf->host->file(job, view(pointer));
    if (!file) {
        throw Failure("invalid_input", "There is no file.", pointer);
    }
    struct stat status;
    if (fstat(file->fd, &status) != 0) {
        Failure failure("storage_failed", "The file can't be read.", pointer);
        failure.retry = true;
        throw failure;
    }
    if (status.st_size > MAX_BYTES) {
        throw Failure("too_large", "The file is larger than 256 MiB.", pointer);
    }
    Bytes bytes{
        "",       size_t(status.st_size),   to_string(file->name), to_string(file->media_type),
        file->fd, to_string(file->artifact)};
    if (bytes.len > 0) {
        void *ptr = mmap(nullptr, bytes.len, PROT_READ, MAP_PRIVATE, file->fd, 0);
        if (ptr == MAP_FAILED) {
            throw std::bad_alloc();
        }
        mappings.push_back({ptr, bytes.len});
        bytes.ptr = static_cast<const char *>(ptr);
    }
    return bytes;
}

Document Work::open(const std::string &pointer)
{
    return open(pointer, input_);
}

Document Work::open(const std::string &pointer, json_object *holder)
{
    Bytes file = bytes(pointer);
    check_header(file, pointer);
    std::string password = text(holder, "password", "");
    Document document;
    document.qpdf = std::make_shared<QPDF>();
    document.name = file.name;
    document.pointer = pointer;
    document.bytes = file.len;
    document.qpdf->setSuppressWarnings(true);
    try {
        document.qpdf->processMemoryFile("document", file.ptr, file.len, password.c_str());
        if (document.qpdf->getObjectCount() > MAX_OBJECTS) {
            throw Failure("too_large", "The document has more than 2,000,000 objects.", pointer);
        }
        document.pages = QPDFPageDocumentHelper(*document.qpdf).getAllPages();
    } catch (const QPDFExc &exception) {
        if (exception.getErrorCode() == qpdf_e_password) {
            throw password_failure(!password.empty(), pointer);
        }
        if (exception.getErrorCode() == qpdf_e_unsupported) {
            throw Failure("unsupported_format",
                          "The document is protected in a way that can't be read: " +
                              words_of(exception) + ".",
                          pointer);
        }
        throw Failure("damaged", "The document is damaged: " + words_of(exception) + ".", pointer);
    }
    if (document.pages.empty()) {
        throw Failure("damaged", "The document has no pages.", pointer);
    }
    if (document.pages.size() > MAX_PAGES) {
        throw Failure("too_large", "The document has more than 20,000 pages.", pointer);
    }
    check_cancelled();
    return document;
}

/* --- Results -----------------------------------------------------------------------------------*/

json_object *add(json_object *object, const char *name, json_object *value)
{
    if (!value || json_object_object_add(object, name, value) != 0) {
        json_object_put(value);
        throw std::bad_alloc();
    }
    return value;
}

json_object *append(json_object *list, json_object *value)
{
    if (!value || json_object_array_add(list, value) != 0) {
        json_object_put(value);
        throw std::bad_alloc();
    }
    return value;
}

std::string Work::output_name(const Document &document, const std::string &otherwise) const
{
    return text(input_, "name", document.name.empty() ? otherwise : document.name);
}

namespace {

[[noreturn]] void throw_artifact(int32_t call)
{
    if (call == HUB_CALL_INVALID) {
        throw Failure("invalid_input",
                      "The name of the output is no plain file name, or is used "
                      "twice.",
                      "/name");
    }
    if (call == HUB_CALL_LIMIT) {
        throw Failure("too_large", "The job makes more files than one job may.");
    }
    Failure failure("storage_failed", "The result can't be written.");
    failure.retry = call != HUB_CALL_CLOSED;
    throw failure;
}

/* Writes through stdio, on a descriptor of its own: the host's stays the host's. */
class OutputFile {
  public:
    explicit OutputFile(int fd)
    {
        int own = dup(fd);
        file = own < 0 ? nullptr : fdopen(own, "wb");
        if (!file) {
            if (own >= 0) {
                close(own);
            }
            throw_artifact(HUB_CALL_FAILED);
        }
    }

    ~OutputFile()
    {
        if (file) {
            fclose(file);
        }
    }

    OutputFile(const OutputFile &) = delete;
    OutputFile &operator=(const OutputFile &) = delete;

    void finish()
    {
        FILE *ending = file;
        file = nullptr;
        if (fclose(ending) != 0) {
            throw_artifact(HUB_CALL_FAILED);
        }
    }

    FILE *file;
};

} // namespace

void Work::write(QPDF &qpdf, const std::string &name,
                 const std::function<void(QPDFWriter &)> &configure)
{
    if (!file_name_is_plain(str_of(name.data(), name.size()))) {
        throw_artifact(HUB_CALL_INVALID);
    }
    size_t page_count = QPDFPageDocumentHelper(qpdf).getAllPages().size();
    int32_t fd;
    int32_t call = pdf->host->artifact(job, view(name), hub_str{"application/pdf", 15}, &fd);
    if (call != HUB_CALL_OK) {
        throw_artifact(call);
    }
    OutputFile output(fd);
    QPDFWriter writer(qpdf);
    writer.setOutputFile("output", output.file, false);
    writer.setObjectStreamMode(qpdf_o_generate);
    writer.setDecodeLevel(qpdf_dl_none); /* streams stay as they are: nothing is unpacked */
    if (configure) {
        configure(writer);
    }
    writer.registerProgressReporter(std::make_shared<CancelCheck>(*this));
    writer.write();
    output.finish();

    struct stat status;
    json_object *outputs;
    if (!json_object_object_get_ex(result_, "outputs", &outputs)) {
        outputs = add(result_, "outputs", json_object_new_array());
    }
    json_object *made = append(outputs, json_object_new_object());
    add(made, "name", json_object_new_string(name.c_str()));
    add(made, "pages", json_object_new_int64(int64_t(page_count)));
    add(made, "bytes", json_object_new_int64(fstat(fd, &status) == 0 ? status.st_size : 0));
}

void Work::write_changed(Document &document, const std::string &name)
{
    bool encrypted = document.qpdf->isEncrypted();
    write(*document.qpdf, name, [encrypted](QPDFWriter &writer) {
        writer.setMinimumPDFVersion("1.7");
        if (!encrypted) {
            writer.setDeterministicID(true);
        }
    });
    note_warnings(document);
    succeed();
}

void Work::note_warnings(Document &document)
{
    json_object *warnings;
    if (!json_object_object_get_ex(result_, "warnings", &warnings)) {
        warnings = add(result_, "warnings", json_object_new_array());
    }
    for (const QPDFExc &warning : document.qpdf->getWarnings()) {
        if (json_object_array_length(warnings) == MAX_WARNINGS) {
            break;
        }
        std::string words = document.pointer + ": " + words_of(warning);
        append(warnings, json_object_new_string_len(words.data(), int(words.size())));
    }
}

void Work::succeed()
{
    struct buf json;
    buf_init(&json, 256 << 10);
    json_append(&json, result_);
    bool failed = buf_failed(&json);
    if (!failed) {
        pdf->host->succeed(job, hub_str{json.ptr, json.len});
    }
    buf_release(&json);
    if (failed) {
        throw Failure("too_large", "The result is larger than 256 KiB.");
    }
}

/* --- How it went -------------------------------------------------------------------------------*/

namespace {

void fail(struct pdf *connector, hub_job *job, const Failure &failure)
{
    if (failure.retry) {
        connector->host->retry(job, view(failure.code), view(failure.message), 0);
        return;
    }
    std::string details;
    std::string message = failure.message;
    if (!failure.pointer.empty()) {
        struct buf json;
        buf_init(&json, 4096);
        buf_append_c(&json, "{\"pointer\":");
        buf_append_json_string(&json, str_of(failure.pointer.data(), failure.pointer.size()));
        buf_append_char(&json, '}');
        if (!buf_failed(&json)) {
            details.assign(json.ptr, json.len);
        }
        buf_release(&json);
        message = failure.pointer + ": " + message;
    }
    connector->host->fail(job, view(failure.code), view(message), view(details));
}

Failure failure_of(const QPDFExc &exception)
{
    if (exception.getErrorCode() == qpdf_e_system) {
        Failure failure("storage_failed", "The result can't be written.");
        failure.retry = true;
        return failure;
    }
    return Failure("damaged", "The document is damaged: " + words_of(exception) + ".");
}

/* libqpdf says std::logic_error and std::runtime_error of objects that are not what they should
 * be. */
Failure failure_of_words(const char *what)
{
    return Failure("damaged", "The document is damaged: " + clean_text(what, WARNING_LEN) + ".");
}

} // namespace

void report_exception(struct pdf *connector, hub_job *job) noexcept
{
    try {
        try {
            throw;
        } catch (const Failure &failure) {
            fail(connector, job, failure);
        } catch (const std::bad_alloc &) {
            struct hub_error error;
            hub_fail(&error, HUB_ERR_NOMEM, "there was not enough memory");
            pdf_job_fail(connector, job, &error, STR(""));
        } catch (const QPDFExc &exception) {
            fail(connector, job, failure_of(exception));
        } catch (const std::exception &exception) {
            fail(connector, job, failure_of_words(exception.what()));
        }
    } catch (...) {
        struct hub_error error;
        hub_fail(&error, HUB_ERR_NOMEM, "there was not enough memory");
        pdf_job_fail(connector, job, &error, STR(""));
    }
}

void run_operation(hub_instance *instance, hub_job *job, operation_fn *operation) noexcept
{
    struct pdf *connector = reinterpret_cast<struct pdf *>(instance);
    try {
        Work work(connector, job);
        operation(work);
    } catch (...) {
        report_exception(connector, job);
    }
}

/* --- Texts -------------------------------------------------------------------------------------*/

std::string clean_text(const std::string &text, size_t max)
{
    std::string clean;
    struct str rest = str_of(text.data(), text.size());
    while (rest.len > 0 && clean.size() + 4 <= max) {
        size_t len = str_utf8_char_len(rest);
        if (len == 0 || (len == 1 && static_cast<unsigned char>(rest.ptr[0]) < ' ')) {
            clean += "\xef\xbf\xbd";
        } else {
            clean.append(rest.ptr, len);
        }
        rest = str_slice(rest, len > 0 ? len : 1, rest.len);
    }
    return clean;
}

std::string pdf_date(const std::string &rfc3339, const std::string &pointer)
{
    int64_t wall_ms;
    if (!clock_parse(str_of(rfc3339.data(), rfc3339.size()), &wall_ms)) {
        throw Failure("invalid_input", "This is no RFC 3339 time.", pointer);
    }
    char utc[CLOCK_RFC3339_LEN + 1];
    clock_format(wall_ms, utc);
    char date[32];
    snprintf(date, sizeof date, "D:%.4s%.2s%.2s%.2s%.2s%.2sZ", utc, utc + 5, utc + 8, utc + 11,
             utc + 14, utc + 17);
    return date;
}

} // namespace operations
