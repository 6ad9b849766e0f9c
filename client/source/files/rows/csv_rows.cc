#include "client/source/files/rows/csv_rows.h"

#include <csv.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/human_text.h"
#include "base/status_macros.h"

namespace mirror {
namespace {

constexpr std::size_t kReadBytes = 1 << 20;
constexpr unsigned char kOptions = CSV_STRICT | CSV_STRICT_FINI | CSV_EMPTY_IS_NULL;
/// State of libcsv's parser within a field.
constexpr int kFieldBegun = 2;

/// The characters of the bytes 0x80 to 0x9f; 0: not assigned. In Latin-1 these bytes are control characters.
constexpr std::array<std::uint16_t, 32> kWindows1252 = {
    0x20ac, 0,      0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
    0x2039, 0x0152, 0,      0x017d, 0,      0,      0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
    0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0,      0x017e, 0x0178};

void AppendUtf8(std::uint32_t character, std::string* text) {
  if (character < 0x80) {
    text->push_back(static_cast<char>(character));
  } else if (character < 0x800) {
    text->push_back(static_cast<char>(0xc0 | character >> 6));
    text->push_back(static_cast<char>(0x80 | (character & 0x3f)));
  } else {
    text->push_back(static_cast<char>(0xe0 | character >> 12));
    text->push_back(static_cast<char>(0x80 | (character >> 6 & 0x3f)));
    text->push_back(static_cast<char>(0x80 | (character & 0x3f)));
  }
}

/// Reads the physical lines of a file.
class Lines {
 public:
  Lines(int file, std::size_t line_bytes_max) : file_(file), most_(line_bytes_max) {}
  ~Lines() { close(file_); }
  Lines(const Lines&) = delete;
  Lines& operator=(const Lines&) = delete;

  /// Returns the next line, with its LF if it has one, or a piece of a line that is too long. Empty: the file
  /// has ended.
  absl::StatusOr<std::string_view> Next() {
    std::size_t searched = at_;
    for (;;) {
      const void* end = std::memchr(buffer_.data() + searched, '\n', buffer_.size() - searched);
      if (end != nullptr) {
        const auto length =
            static_cast<std::size_t>(static_cast<const char*>(end) - buffer_.data()) + 1 - at_;
        return Give(length);
      }
      const std::size_t rest = buffer_.size() - at_;
      if (at_end_ || rest > most_) return Give(rest);
      buffer_.erase(0, at_);
      at_ = 0;
      searched = buffer_.size();
      buffer_.resize(searched + kReadBytes);
      const ssize_t got = read(file_, buffer_.data() + searched, kReadBytes);
      buffer_.resize(searched + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
      if (got < 0) return absl::UnavailableError(std::strerror(errno));
      at_end_ = got == 0;
      bytes_read_ += static_cast<std::uint64_t>(got);
      if (!at_end_) continue;
      while (buffer_.size() > at_ && buffer_.back() == kEndOfDosFile) buffer_.pop_back();
      searched = buffer_.size();
    }
  }

  std::uint64_t bytes_read() const { return bytes_read_; }

 private:
  std::string_view Give(std::size_t length) {
    const std::string_view line = std::string_view(buffer_).substr(at_, length);
    at_ += length;
    return line;
  }

  const int file_;
  const std::size_t most_;
  std::uint64_t bytes_read_ = 0;
  std::string buffer_;
  std::size_t at_ = 0;
  bool at_end_ = false;
};

class CsvRows : public FileRows {
 public:
  /// `name`: the file, as the subject of a sentence. `first_line`: the header's line.
  CsvRows(std::string name, std::string first_line, int file, const CsvOptions& options,
          const FileLimits& limits)
      : name_(std::move(name)),
        first_line_(std::move(first_line)),
        options_(options),
        limits_(limits),
        lines_(file, limits.row_bytes_max) {
    Restart();
  }
  ~CsvRows() override { csv_free(&parser_); }

  const std::vector<std::string>& header() const override { return header_; }
  const std::string& raw_header() const override { return raw_header_; }
  char separator() const override { return separator_; }
  std::uint64_t bytes_read() const override { return lines_.bytes_read(); }

  absl::Status ReadHeader() {
    FileRow row;
    ASSIGN_OR_RETURN(const bool there, Next(&row));
    if (!there)
      return absl::InvalidArgumentError(
          absl::StrCat(name_, " is empty: its first line must name the columns"));
    if (!row.wrong.empty())
      return absl::InvalidArgumentError(absl::StrCat(first_line_, ": the header: ", row.wrong));
    for (const auto& field : row.fields) header_.emplace_back(field.value_or(""));
    // Some programs end every line with a separator.
    ends_in_separator_ = header_.size() > 1 && header_.back().empty();
    if (ends_in_separator_) header_.pop_back();
    raw_header_ = row.raw;
    if (!raw_header_.ends_with('\n')) raw_header_.push_back('\n');
    return absl::OkStatus();
  }

  absl::StatusOr<bool> Next(FileRow* row) override {
    for (;;) {
      const absl::StatusOr<bool> there = NextRow(row);
      if (!there.ok() || !*there || !IsEmpty(*row)) return there;
    }
  }

 private:
  /// Reads the next row, which may be blank.
  absl::StatusOr<bool> NextRow(FileRow* row) {
    row->wrong.clear();
    Begin();
    for (;;) {
      const absl::StatusOr<std::string_view> physical = lines_.Next();
      if (!physical.ok()) {
        return absl::UnavailableError(absl::StrCat(name_, " cannot be read: ", physical.status().message()));
      }
      if (physical->empty()) return AtEnd(row);
      ++line_;
      if (line_ == 1 && NamesSeparator(*physical)) {
        Begin();
        continue;
      }
      const bool is_header = header_.empty() && raw_.empty();
      RETURN_IF_ERROR(is_header ? FirstLine(*physical) : absl::OkStatus());
      if (raw_.empty() && !is_header && Cut(*physical, row)) return true;
      raw_.append(*physical);
      std::string_view line = *physical;
      if (line_ == 1 && line.starts_with("\xef\xbb\xbf")) line.remove_prefix(3);
      if (!Parse(line)) {
        return Wrong(absl::StrCat(PresentColumn(), "a quote is in the wrong place, or is not doubled"), row);
      }
      if (complete_) break;
      if (raw_.size() > limits_.row_bytes_max) return TooLong(row);
      // The line is empty: begin again.
      if (parser_.pstate == 0) Begin();
    }
    return Give(row);
  }

  /// Returns whether a row counts as an empty line. Blanks within quotes are a value. Two quotes are the
  /// empty value of a single column.
  bool IsEmpty(const FileRow& row) const {
    // A row beyond the limit is reported, whatever it contains.
    if (row.fields.empty() || row.fields.size() > limits_.columns_max) return false;
    for (const std::optional<std::string_view>& field : row.fields) {
      if (field && !SaysNothing(*field)) return false;
    }
    if (row.raw.find(options_.quote) == std::string_view::npos) return true;
    const bool all_empty = std::all_of(row.fields.begin(), row.fields.end(),
                                       [](const auto& field) { return !field || field->empty(); });
    return all_empty && row.fields.size() > 1;
  }

  static void TakeField(void* data, std::size_t size, void* self) {
    auto* const rows = static_cast<CsvRows*>(self);
    if (rows->ends_.size() > rows->limits_.columns_max) return;
    if (data != nullptr) rows->text_.append(static_cast<const char*>(data), size);
    rows->ends_.emplace_back(rows->text_.size(), data == nullptr);
  }
  static void TakeRow(int /*end*/, void* self) { static_cast<CsvRows*>(self)->complete_ = true; }

  void Restart() {
    csv_init(&parser_, kOptions);
    // libcsv enlarges its buffer by this much for a long row, and copies the buffer each time.
    csv_set_blk_size(&parser_, kReadBytes);
    csv_set_delim(&parser_, static_cast<unsigned char>(separator_));
    csv_set_quote(&parser_, static_cast<unsigned char>(options_.quote));
    csv_set_space_func(&parser_, [](unsigned char) { return 0; });
    csv_set_term_func(&parser_, [](unsigned char c) { return c == '\n' ? 1 : 0; });
  }

  void Begin() {
    raw_.clear();
    text_.clear();
    ends_.clear();
    complete_ = false;
    begun_ = line_ + 1;
  }

  /// Splits a row in place, several times faster than libcsv, which copies each letter. Most rows allow that:
  /// they are one line whose quotes, if any, enclose whole fields. False: libcsv must parse the row.
  bool Cut(std::string_view line, FileRow* row) {
    if (!line.ends_with('\n') || options_.encoding != CsvEncoding::kUtf8) return false;
    std::string_view rest = line.substr(0, line.size() - 1);
    if (rest.ends_with('\r')) rest.remove_suffix(1);
    if (rest.empty()) return false;
    row->fields.clear();
    for (bool more = true; more;) {
      if (row->fields.size() > limits_.columns_max) return false;
      std::size_t end;
      if (!rest.empty() && rest.front() == options_.quote) {
        rest.remove_prefix(1);
        end = rest.find(options_.quote);
        if (end == std::string_view::npos) return false;
        row->fields.emplace_back(rest.substr(0, end++));
        if (end < rest.size() && rest[end] != separator_) return false;
      } else {
        end = std::min(rest.find(separator_), rest.size());
        const std::string_view field = rest.substr(0, end);
        if (field.find(options_.quote) != std::string_view::npos) return false;
        row->fields.push_back(field.empty() ? std::nullopt : std::optional(field));
      }
      more = end < rest.size();
      rest.remove_prefix(more ? end + 1 : end);
    }
    row->line = begun_;
    row->raw = line;
    CheckCount(row);
    return true;
  }

  void CheckCount(FileRow* row) const {
    if (ends_in_separator_ && row->fields.size() == header_.size() + 1 && !row->fields.back())
      row->fields.pop_back();
    if (row->fields.size() > limits_.columns_max) {
      row->wrong = absl::StrCat("it has more than ", Counted(limits_.columns_max, "field"));
      return;
    }
    if (header_.empty() || row->fields.size() == header_.size()) return;
    row->wrong =
        absl::StrCat("it has ", Counted(row->fields.size(), "field"), ", the header ", header_.size());
  }

  /// Returns whether the line is "sep=;", an instruction for Excel.
  bool NamesSeparator(std::string_view line) {
    constexpr std::string_view kBegin = "sep=";
    if (line.starts_with("\xef\xbb\xbf")) line.remove_prefix(3);
    while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
    if (line.size() > 1 && line.front() == options_.quote && line.back() == options_.quote) {
      line.remove_prefix(1);
      line.remove_suffix(1);
    }
    if (!line.starts_with(kBegin) || line.size() != kBegin.size() + 1) return false;
    named_separator_ = line.back();
    return true;
  }

  absl::Status FirstLine(std::string_view line) {
    // This also detects UTF-16 without a byte-order mark: each of its ASCII characters has a zero byte.
    const bool zeros = line.substr(0, 2).find('\0') != std::string_view::npos;
    if (zeros || line.starts_with("\xff\xfe") || line.starts_with("\xfe\xff")) {
      return absl::InvalidArgumentError(
          absl::StrCat(name_, " is UTF-16: save it as UTF-8 (in Excel: \"CSV UTF-8\")"));
    }
    const std::size_t carriage = line.find('\r');
    if (carriage != std::string_view::npos && line.substr(carriage) == "\r\r\n") {
      return absl::InvalidArgumentError(
          absl::StrCat(name_, ": its lines end with CR CR LF: save it with LF or CR LF"));
    }
    if (carriage != std::string_view::npos && carriage + 1 < line.size() && line[carriage + 1] != '\n') {
      return absl::InvalidArgumentError(
          absl::StrCat(name_, ": its lines end with CR alone: save it with LF or CR LF"));
    }
    separator_ = options_.separator != 0 ? options_.separator : named_separator_;
    if (separator_ == 0) {
      std::ptrdiff_t most = 0;
      separator_ = ',';
      for (const char candidate : {',', ';', '\t', '|'}) {
        const std::ptrdiff_t count = std::count(line.begin(), line.end(), candidate);
        if (count > most) {
          most = count;
          separator_ = candidate;
        }
      }
    }
    csv_set_delim(&parser_, static_cast<unsigned char>(separator_));
    return absl::OkStatus();
  }

  /// Parses a line. False: a quote is misplaced.
  bool Parse(std::string_view line) {
    const bool ended = line.ends_with('\n');
    std::string_view body = line.substr(0, line.size() - (ended ? 1 : 0));
    // The CR is removed also if the file was cut between CR and LF.
    const bool carriage = body.ends_with('\r');
    if (carriage) body.remove_suffix(1);
    if (options_.encoding != CsvEncoding::kUtf8) body = InUtf8(body);
    if (!Feed(body)) return false;
    const bool quoted = parser_.pstate == kFieldBegun && parser_.quoted != 0;
    if (!ended) return !quoted || !carriage || Feed("\r");
    return Feed(quoted && carriage ? "\r\n" : "\n");
  }

  bool Feed(std::string_view bytes) {
    return csv_parse(&parser_, bytes.data(), bytes.size(), &TakeField, &TakeRow, this) == bytes.size();
  }

  std::string_view InUtf8(std::string_view bytes) {
    converted_.clear();
    for (const char c : bytes) {
      const auto byte = static_cast<unsigned char>(c);
      const bool mapped = options_.encoding == CsvEncoding::kWindows1252 && byte >= 0x80 && byte < 0xa0;
      AppendUtf8(mapped && kWindows1252[byte - 0x80] != 0 ? kWindows1252[byte - 0x80] : byte, &converted_);
    }
    return converted_;
  }

  absl::StatusOr<bool> AtEnd(FileRow* row) {
    if (raw_.empty()) return false;
    if (csv_fini(&parser_, &TakeField, &TakeRow, this) != 0) {
      return Wrong(absl::StrCat(PresentColumn(), "the quote is not closed before the end of the file",
                                line_ > begun_ ? absl::StrCat(", line ", line_) : ""),
                   row);
    }
    return complete_ ? Give(row) : absl::StatusOr<bool>(false);
  }

  /// Returns the name of the column that is being parsed, for a message.
  std::string PresentColumn() const {
    return ends_.size() < header_.size() ? absl::StrCat("column '", header_[ends_.size()], "': ") : "";
  }

  /// Returns the error or rejects the row. Where a too long row ends is not known, so the next row may begin
  /// anywhere.
  absl::StatusOr<bool> TooLong(FileRow* row) {
    const bool quoted = parser_.pstate == kFieldBegun && parser_.quoted != 0;
    const std::string why =
        absl::StrCat(PresentColumn(), "it has more than ", limits_.row_bytes_max >> 20,
                     " MB: ", quoted ? "a quote in it is not closed" : "no line of a table is so long");
    if (!limits_.long_row_ends) return Wrong(why, row);
    return absl::ResourceExhaustedError(absl::StrCat(name_, ", the row of line ", begun_, ": ", why));
  }

  bool Wrong(std::string why, FileRow* row) {
    csv_free(&parser_);
    Restart();
    row->line = begun_;
    row->fields.clear();
    row->wrong = std::move(why);
    row->raw = raw_;
    return true;
  }

  bool Give(FileRow* row) {
    row->line = begun_;
    row->raw = raw_;
    row->fields.clear();
    std::size_t begin = 0;
    for (const auto& [end, null] : ends_) {
      row->fields.push_back(null ? std::nullopt
                                 : std::optional(std::string_view(text_).substr(begin, end - begin)));
      begin = end;
    }
    CheckCount(row);
    return true;
  }

  const std::string name_, first_line_;
  const CsvOptions options_;
  const FileLimits limits_;
  Lines lines_;
  csv_parser parser_ = {};
  char separator_ = ',', named_separator_ = 0;
  bool ends_in_separator_ = false;
  std::vector<std::string> header_;
  std::string raw_header_;
  std::uint64_t line_ = 0, begun_ = 1;
  std::string raw_, converted_, text_;
  std::vector<std::pair<std::size_t, bool>>
      ends_;  ///< For each field: its end in `text_`, and whether it is NULL.
  bool complete_ = false;
};

}  // namespace

namespace {

absl::StatusOr<std::unique_ptr<FileRows>> BeginRows(std::unique_ptr<CsvRows> rows) {
  RETURN_IF_ERROR(rows->ReadHeader());
  return rows;
}

}  // namespace

absl::StatusOr<std::unique_ptr<FileRows>> OpenCsv(const std::string& path, const CsvOptions& options) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    const std::string text = absl::StrCat("'", path, "' cannot be read: ", std::strerror(errno));
    return errno == ENOENT ? absl::NotFoundError(text) : absl::PermissionDeniedError(text);
  }
  return BeginRows(std::make_unique<CsvRows>(absl::StrCat("'", path, "'"), absl::StrCat(path, ":1"), file,
                                             options, FileLimits()));
}

absl::StatusOr<std::unique_ptr<FileRows>> ReadCsv(int file, const CsvOptions& options,
                                                  const FileLimits& limits) {
  return BeginRows(std::make_unique<CsvRows>("the file", "line 1", file, options, limits));
}

}  // namespace mirror
