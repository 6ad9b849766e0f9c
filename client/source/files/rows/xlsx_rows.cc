#include "client/source/files/rows/xlsx_rows.h"

#include <expat.h>
#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <deque>
#include <limits>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/human_text.h"
#include "base/status_macros.h"
#include "client/source/files/rows/workbook.h"

namespace mirror {
namespace {

constexpr std::uint32_t kExcelColumns = 16'384;
/// Style of a cell whose style number is not a number.
constexpr std::size_t kNoStyle = std::numeric_limits<std::size_t>::max();

/// Decodes the escapes by which a workbook writes control characters: _x000D_ is a CR.
std::string Unescaped(std::string_view text) {
  constexpr std::size_t kEscape = 7;
  std::string plain;
  std::size_t copied = 0;  // Position in `text`: the part between two escapes is copied at once.
  for (std::size_t i = text.find('_'); i != std::string_view::npos; i = text.find('_', i)) {
    int code = 0;
    const bool escape = text.size() - i >= kEscape && text[i + 1] == 'x' && text[i + 6] == '_' &&
                        std::from_chars(&text[i + 2], &text[i + 6], code, 16).ptr == &text[i + 6];
    // Only control characters, and the underscore that protects an escape, are decoded. Other escapes may be
    // text.
    if (escape && ((code > 0 && code < 0x20) || code == '_')) {
      plain.append(text, copied, i - copied).push_back(static_cast<char>(code));
      i += kEscape;
      copied = i;
    } else {
      ++i;
    }
  }
  return plain.append(text, copied);
}

class XlsxRows : public FileRows {
 public:
  /// `name`: the file, as the subject of a sentence.
  XlsxRows(std::string name, const FileLimits& limits, std::unique_ptr<Workbook> book,
           std::unique_ptr<XmlPart> sheet)
      : name_(std::move(name)), limits_(limits), book_(std::move(book)), sheet_(std::move(sheet)) {
    sheet_->on_begin = [this](std::string_view element, const XML_Char** attributes) {
      Begin(element, attributes);
    };
    sheet_->on_end = [this](std::string_view element) { End(element); };
    sheet_->on_text = [this](std::string_view text) {
      if (!in_value_ || in_phonetic_) return;
      row_bytes_ += text.size();
      if (row_bytes_ <= limits_.row_bytes_max) value_.append(text);
    };
  }

  const std::vector<std::string>& header() const override { return header_; }
  const std::string& raw_header() const override { return raw_header_; }
  std::uint64_t bytes_read() const override { return book_->bytes_read(); }

  absl::Status ReadHeader() {
    ASSIGN_OR_RETURN(const bool there, Fill());
    if (!there) {
      return absl::InvalidArgumentError(
          absl::StrCat(name_, ": the sheet is empty: its first row must name the columns"));
    }
    const Row& first = rows_.front();
    if (!first.wrong.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat(name_, ": row ", first.number, ", which names the columns: ", first.wrong));
    }
    for (const std::optional<std::string>& cell : first.cells) header_.push_back(cell.value_or(""));
    raw_header_ = AsCsv(rows_.front());
    rows_.pop_front();
    return absl::OkStatus();
  }

  absl::StatusOr<bool> Next(FileRow* row) override {
    const absl::StatusOr<bool> there = Fill();
    if (!there.ok() || !*there) return there;
    present_ = std::move(rows_.front());
    rows_.pop_front();
    present_.cells.resize(std::max(present_.cells.size(), header_.size()));
    present_.texts.resize(present_.cells.size());
    row->texts = present_.texts;
    row->wrong = present_.wrong;
    for (std::size_t i = header_.size(); i < present_.cells.size() && row->wrong.empty(); ++i) {
      if (present_.cells[i]) row->wrong = "it has more columns than the header";
    }
    raw_ = AsCsv(present_);
    row->raw = raw_;
    row->line = present_.number;
    row->fields.clear();
    for (std::size_t i = 0; i < header_.size(); ++i) {
      row->fields.push_back(present_.cells[i] ? std::optional<std::string_view>(*present_.cells[i])
                                              : std::nullopt);
    }
    return true;
  }

 private:
  struct Row {
    std::uint64_t number = 0;
    std::vector<std::optional<std::string>> cells;
    std::vector<bool> texts;  ///< For each cell: it is typed as text.
    std::string wrong;
  };
  /// Approximate limit for bytes of buffered rows. A few bytes of a file may produce a row of many cells, or
  /// of long texts.
  static constexpr std::size_t kWaitingMax = 1 << 20;

  /// Reads on until a row is buffered. False: there is no further row.
  absl::StatusOr<bool> Fill() {
    if (rows_.empty()) waiting_ = 0;
    while (rows_.empty() && !at_end_) {
      if (!stopped_.ok()) return stopped_;
      const absl::StatusOr<bool> more = sheet_->Step();
      if (!more.ok()) {
        return absl::Status(more.status().code(), absl::StrCat(name_, ": ", more.status().message()));
      }
      at_end_ = !*more && stopped_.ok();
    }
    return !rows_.empty();
  }

  /// Ends the reading with kResourceExhausted.
  void Stop(const std::string& why) {
    if (!stopped_.ok()) return;
    stopped_ = absl::ResourceExhaustedError(absl::StrCat(name_, ", row ", row_.number, ": ", why));
    sheet_->Pause();
  }

  void Begin(std::string_view name, const XML_Char** attributes) {
    if (name == "row") {
      row_ = Row();
      next_column_ = 0;
      row_bytes_ = 0;
      const std::string_view number = Attribute(attributes, "r");
      if (std::from_chars(number.data(), number.data() + number.size(), row_.number).ec != std::errc()) {
        row_.number = last_number_ + 1;
      }
      last_number_ = row_.number;
      if (++row_count_ > limits_.sheet_rows_max) {
        Stop(absl::StrCat("the sheet has more than ", Counted(limits_.sheet_rows_max, "row"), ": split it"));
      }
    } else if (name == "c") {
      type_ = Attribute(attributes, "t");
      style_ = 0;
      const std::string_view style = Attribute(attributes, "s");
      const auto read = std::from_chars(style.data(), style.data() + style.size(), style_);
      if (!style.empty() && read.ec != std::errc()) style_ = kNoStyle;
      column_ = ColumnOf(Attribute(attributes, "r")).value_or(next_column_);
      next_column_ = column_ + 1;
      value_.clear();
      has_value_ = has_formula_ = false;
    } else if (name == "f") {
      has_formula_ = true;
    } else if (name == "v" || name == "t") {
      in_value_ = has_value_ = true;
    } else if (name == "rPh") {
      in_phonetic_ = true;  // Pronunciation.
    }
  }

  void End(std::string_view name) {
    if (name == "v" || name == "t") in_value_ = false;
    if (name == "rPh") in_phonetic_ = false;
    if (name == "c" && (has_value_ || has_formula_) && stopped_.ok()) EndCell();
    if (name != "row") return;
    const bool empty = std::all_of(row_.cells.begin(), row_.cells.end(),
                                   [](const auto& cell) { return !cell || SaysNothing(*cell); });
    if ((empty && row_.wrong.empty()) || !stopped_.ok()) return;
    waiting_ += row_bytes_ + row_.cells.size() * sizeof(std::optional<std::string>);
    rows_.push_back(std::move(row_));
    // Pause after the header, because it decides how later rows are checked.
    if (header_.empty() || waiting_ > kWaitingMax) sheet_->Pause();
  }

  /// Counts the bytes of a value. False: they exceed a limit.
  bool Weigh(std::size_t bytes) {
    row_bytes_ += bytes;
    values_bytes_ += bytes;
    if (values_bytes_ > limits_.inflated_max) {
      Stop(absl::StrCat("the values up to there have more than ", limits_.inflated_max >> 20,
                        " MB, far more than a table of its size"));
    } else if (row_bytes_ > limits_.row_bytes_max) {
      TooLong();
    }
    return stopped_.ok() && row_bytes_ <= limits_.row_bytes_max;
  }

  void TooLong() {
    const std::string why = absl::StrCat("the row has more than ", limits_.row_bytes_max >> 20, " MB");
    if (limits_.long_row_ends) return Stop(why);
    if (row_.wrong.empty()) row_.wrong = absl::StrCat("column ", NameOf(column_), ": ", why, " up to there");
  }

  void EndCell() {
    const auto wrong = [&](const char* why) {
      if (row_.wrong.empty()) row_.wrong = absl::StrCat("column ", NameOf(column_), ": ", why);
    };
    if (row_bytes_ > limits_.row_bytes_max) return TooLong();
    if (column_ >= limits_.columns_max && header_.empty()) {
      return Stop(absl::StrCat("the header has more than ", Counted(limits_.columns_max, "column")));
    }
    // Cells to the right of the header are dropped. Otherwise a few bytes of a file could require gigabytes.
    if (!header_.empty() && column_ >= header_.size()) {
      if (row_.wrong.empty()) row_.wrong = "it has more columns than the header";
      return;
    }
    if (row_.cells.size() <= column_) {
      row_.cells.resize(column_ + 1);
      row_.texts.resize(column_ + 1);
    }
    row_.texts[column_] = type_ == "s" || type_ == "str" || type_ == "inlineStr";
    std::optional<std::string>& cell = row_.cells[column_];
    if (type_ == "e") return wrong("the cell holds an error");
    if (has_formula_ && value_.empty() && type_ != "str")
      return wrong("its formula was never calculated: open the workbook and save it");
    const bool is_text = !type_.empty() && type_ != "n" && type_ != "d" && type_ != "b" && type_ != "s";
    if (is_text) {
      cell = Unescaped(value_);
      return;
    }
    // Blanks around any other value come from the formatting of the XML.
    const absl::string_view stripped = absl::StripAsciiWhitespace(value_);
    const std::string_view value(stripped.data(), stripped.size());
    if (type_ == "s") {
      const std::optional<std::size_t> at = ReadWhole<std::size_t>(value);
      const std::optional<std::string_view> text = at ? book_->SharedText(*at) : std::nullopt;
      if (!text) return wrong("its text is not in the workbook");
      // Many cells may share one text.
      if (Weigh(text->size())) cell = Unescaped(*text);
      return;
    }
    if (value.empty()) return;
    if (type_ == "b") {
      const bool known = value == "1" || value == "0" || value == "true" || value == "false";
      if (!known) return wrong("neither TRUE nor FALSE");
      cell = value == "1" || value == "true" ? "1" : "0";
      return;
    }
    const std::optional<Shown> format = book_->FormatOf(style_);
    if (!format) return wrong("its format is not in the workbook: it may be a date");
    std::optional<std::string> shown;
    if (type_ == "d") {
      shown = ShowIsoDate(value, *format, book_->from_1904());
    } else {
      const std::optional<double> number = ReadWhole<double>(value.substr(value.starts_with('+') ? 1 : 0));
      if (!number || !std::isfinite(*number)) return wrong("not a number");
      shown = ShowNumber(*number, *format, book_->from_1904());
    }
    if (!shown) return wrong("not a date of the calendar");
    cell = std::move(shown);
  }

  /// Returns the column of a reference: 2 for "C5".
  static std::optional<std::uint32_t> ColumnOf(std::string_view reference) {
    std::uint32_t column = 0;
    for (const char c : reference) {
      if (!absl::ascii_isalpha(static_cast<unsigned char>(c))) break;
      column = column * 26 +
               static_cast<std::uint32_t>(absl::ascii_toupper(static_cast<unsigned char>(c)) - 'A') + 1;
      if (column > kExcelColumns) return kExcelColumns;
    }
    return column == 0 ? std::nullopt : std::optional(column - 1);
  }
  static std::string NameOf(std::uint32_t column) {
    std::string name;
    for (std::uint32_t rest = column + 1; rest > 0; rest = (rest - 1) / 26) {
      name.insert(name.begin(), static_cast<char>('A' + (rest - 1) % 26));
    }
    return name;
  }

  static std::string AsCsv(const Row& row) {
    std::string line;
    for (std::size_t i = 0; i < row.cells.size(); ++i) {
      if (i > 0) line.push_back(',');
      if (!row.cells[i]) continue;
      line.push_back('"');
      std::string_view rest = *row.cells[i];
      for (std::size_t at = rest.find('"'); at != std::string_view::npos; at = rest.find('"')) {
        line.append(rest, 0, at).append("\"\"");
        rest.remove_prefix(at + 1);
      }
      line.append(rest);
      line.push_back('"');
    }
    return line + "\n";
  }

  const std::string name_;
  const FileLimits limits_;
  const std::unique_ptr<Workbook> book_;
  const std::unique_ptr<XmlPart> sheet_;
  std::vector<std::string> header_;
  std::string raw_header_, raw_;
  std::deque<Row> rows_;
  std::size_t waiting_ = 0;         ///< Approximate bytes of `rows_`.
  absl::Status stopped_;            ///< Why reading has ended.
  std::uint64_t values_bytes_ = 0;  ///< Bytes of values; a shared text counts for each of its cells.
  Row row_, present_;
  std::uint64_t last_number_ = 0, row_count_ = 0;
  std::string type_, value_;
  std::size_t style_ = 0;
  std::uint32_t column_ = 0;
  std::uint32_t next_column_ = 0;  ///< The column of a cell without a reference.
  std::size_t row_bytes_ = 0;      ///< Bytes of the row's values.
  bool in_value_ = false, in_phonetic_ = false, has_value_ = false, has_formula_ = false, at_end_ = false;
};

/// `name`: the file, as the subject of a sentence.
absl::StatusOr<std::unique_ptr<FileRows>> BeginRows(const std::string& name, int file,
                                                    const std::string& sheet, const FileLimits& limits) {
  const auto named = [&name](const absl::Status& status) {
    return absl::Status(status.code(), absl::StrCat(name, ": ", status.message()));
  };
  absl::StatusOr<std::unique_ptr<Workbook>> book = Workbook::Open(file, limits.inflated_max);
  if (!book.ok()) return named(book.status());
  absl::StatusOr<std::unique_ptr<XmlPart>> part = (*book)->OpenSheet(sheet);
  if (!part.ok()) return named(part.status());
  auto rows = std::make_unique<XlsxRows>(name, limits, *std::move(book), *std::move(part));
  RETURN_IF_ERROR(rows->ReadHeader());
  return rows;
}

}  // namespace

absl::StatusOr<std::unique_ptr<FileRows>> OpenXlsx(const std::string& path, const std::string& sheet) {
  const std::string name = absl::StrCat("'", path, "'");
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0 && errno == ENOENT) return absl::NotFoundError(absl::StrCat(name, ": it does not exist"));
  if (file < 0) return absl::PermissionDeniedError(absl::StrCat(name, ": it cannot be opened"));
  return BeginRows(name, file, sheet, FileLimits());
}

absl::StatusOr<std::unique_ptr<FileRows>> ReadXlsx(int file, const std::string& sheet,
                                                   const FileLimits& limits) {
  return BeginRows("the file", file, sheet, limits);
}

}  // namespace mirror
