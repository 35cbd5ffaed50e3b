/*
 * Which pages "1-3,7,10-,last" are.
 */
#include "work.hh"

namespace operations {

namespace {

class RangeReader {
  public:
    RangeReader(const std::string &ranges, size_t page_count, const std::string &place)
        : text(ranges), count(page_count), pointer(place)
    {
    }

    std::vector<size_t> read()
    {
        struct str rest = str_of(text.data(), text.size());
        while (rest.ptr) {
            add(str_trim(str_split(&rest, ',')));
        }
        return pages;
    }

  private:
    void add(struct str range)
    {
        if (str_eq(range, STR("all"))) {
            add_steps(1, count, 1);
        } else if (str_eq(range, STR("odd"))) {
            add_steps(1, count, 2);
        } else if (str_eq(range, STR("even"))) {
            add_steps(2, count, 2);
        } else {
            add_pair(range);
        }
    }

    void add_pair(struct str range)
    {
        struct str end = range;
        struct str begin = str_split(&end, '-');
        size_t from = page(str_trim(begin));
        size_t to = !end.ptr ? from : end.len == 0 ? count : page(str_trim(end));
        if (from <= to) {
            add_steps(from, to, 1);
            return;
        }
        for (size_t number = from; number >= to; number--) {
            push(number);
        }
    }

    void add_steps(size_t from, size_t to, size_t step)
    {
        for (size_t number = from; number <= to; number += step) {
            push(number);
        }
    }

    void push(size_t number)
    {
        if (pages.size() == MAX_PAGES) {
            throw Failure("too_large", "More than 20,000 pages are asked for.", pointer);
        }
        pages.push_back(number - 1);
    }

    size_t page(struct str name) const
    {
        uint64_t number;
        if (str_eq(name, STR("last"))) {
            return count;
        }
        if (!str_to_u64(name, MAX_PAGES, &number)) {
            throw Failure("invalid_input",
                          "“" + text.substr(0, 100) +
                              "” is no list of pages like “1-3,7,10-,last,odd”.",
                          pointer);
        }
        if (number == 0 || number > count) {
            throw Failure("invalid_input",
                          "There is no page " + std::to_string(number) + "; the document has " +
                              std::to_string(count) + ".",
                          pointer);
        }
        return number;
    }

    const std::string &text;
    size_t count;
    const std::string &pointer;
    std::vector<size_t> pages;
};

} // namespace

std::vector<size_t> page_numbers(const std::string &ranges, size_t page_count,
                                 const std::string &pointer)
{
    return RangeReader(ranges, page_count, pointer).read();
}

} // namespace operations
