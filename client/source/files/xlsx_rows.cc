#include "client/source/files/xlsx_rows.h"

#include <expat.h>
#include <zip.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/source/files/file_value.h"

namespace mirror {
namespace {

constexpr std::size_t kPieceBytes = 64 << 10;
/// What stands around the sheets: names, styles.
constexpr std::size_t kSmallPartMax = 16 << 20;
constexpr std::uint32_t kColumnsMax = 16'384;  // Excel's own.

/// Attributes as expat gives them; empty: there is none of this name, whatever its prefix.
std::string_view Attribute(const XML_Char** attributes, std::string_view name) {
  for (; attributes[0] != nullptr; attributes += 2) {
    const std::string_view key = attributes[0];
    const std::size_t colon = key.rfind(':');
    if ((colon == std::string_view::npos ? key : key.substr(colon + 1)) == name) return attributes[1];
  }
  return {};
}

std::string_view LocalName(const XML_Char* name) {
  const std::string_view whole = name;
  const std::size_t colon = whole.rfind(':');
  return colon == std::string_view::npos ? whole : whole.substr(colon + 1);
}

/// One part of the archive, read as XML in pieces. No document type is taken: nothing of ours has one.
class XmlPart {
 public:
  std::function<void(std::string_view name, const XML_Char** attributes)> on_begin;
  std::function<void(std::string_view name)> on_end;
  std::function<void(std::string_view text)> on_text;

  static absl::StatusOr<std::unique_ptr<XmlPart>> Open(zip_t* archive, const std::string& name) {
    std::unique_ptr<XmlPart> part(new XmlPart(name));
    part->file_.reset(zip_fopen(archive, name.c_str(), 0));
    if (part->file_ == nullptr) return absl::NotFoundError(absl::StrCat("it has no part '", name, "'"));
    return part;
  }

  /// False: that was its end.
  absl::StatusOr<bool> Step() {
    void* const buffer = XML_GetBuffer(parser_.get(), static_cast<int>(kPieceBytes));
    if (buffer == nullptr) return absl::ResourceExhaustedError("there is no memory left to read it");
    const zip_int64_t got = zip_fread(file_.get(), buffer, kPieceBytes);
    if (got < 0) return absl::DataLossError(absl::StrCat("its part '", name_, "' is damaged"));
    read_ += static_cast<std::size_t>(got);
    const bool end = got == 0;
    if (XML_ParseBuffer(parser_.get(), static_cast<int>(got), end ? 1 : 0) != XML_STATUS_OK) {
      return absl::InvalidArgumentError(absl::StrCat(
          "its part '", name_, "' is not well-formed (", XML_ErrorString(XML_GetErrorCode(parser_.get())),
          ", line ", XML_GetCurrentLineNumber(parser_.get()), ")"));
    }
    return !end;
  }

  /// All of it.
  absl::Status ReadAll(std::size_t most) {
    for (;;) {
      const absl::StatusOr<bool> more = Step();
      if (!more.ok()) return more.status();
      if (!*more) return absl::OkStatus();
      if (read_ > most)
        return absl::ResourceExhaustedError(absl::StrCat("its part '", name_, "' is too large"));
    }
  }

 private:
  explicit XmlPart(std::string name) : name_(std::move(name)), parser_(XML_ParserCreate(nullptr)) {
    XML_SetUserData(parser_.get(), this);
    XML_SetElementHandler(
        parser_.get(),
        [](void* self, const XML_Char* element, const XML_Char** attributes) {
          auto* const part = static_cast<XmlPart*>(self);
          if (part->on_begin) part->on_begin(LocalName(element), attributes);
        },
        [](void* self, const XML_Char* element) {
          auto* const part = static_cast<XmlPart*>(self);
          if (part->on_end) part->on_end(LocalName(element));
        });
    XML_SetCharacterDataHandler(parser_.get(), [](void* self, const XML_Char* text, int size) {
      auto* const part = static_cast<XmlPart*>(self);
      if (part->on_text) part->on_text({text, static_cast<std::size_t>(size)});
    });
    XML_SetStartDoctypeDeclHandler(parser_.get(),
                                   [](void* self, const XML_Char*, const XML_Char*, const XML_Char*, int) {
                                     XML_StopParser(static_cast<XmlPart*>(self)->parser_.get(), XML_FALSE);
                                   });
  }

  struct FreeParser {
    void operator()(XML_Parser parser) const { XML_ParserFree(parser); }
  };
  struct CloseFile {
    void operator()(zip_file_t* file) const { zip_fclose(file); }
  };
  const std::string name_;
  std::unique_ptr<XML_ParserStruct, FreeParser> parser_;
  std::unique_ptr<zip_file_t, CloseFile> file_;
  std::size_t read_ = 0;
};

/// What a number's format makes of it.
enum class Shown : std::uint8_t { kNumber, kDate, kTime, kDateTime, kElapsed };

/// By the letters of a format outside of quotes and brackets.
Shown ShownBy(std::string_view format) {
  bool date = false, time = false, elapsed = false, quoted = false, bracket = false;
  for (std::size_t i = 0; i < format.size() && format[i] != ';'; ++i) {
    const char c = format[i];
    if (c == '"') quoted = !quoted;
    if (quoted) continue;
    if (c == '\\' || c == '_' || c == '*') {
      ++i;
      continue;
    }
    // [h] counts hours; [Red] and [$-409] say nothing of the kind.
    if (c == '[') {
      bracket = !(i + 1 < format.size() && std::strchr("hHmMsS", format[i + 1]) != nullptr &&
                  (i + 2 < format.size() && (format[i + 2] == ']' || format[i + 2] == format[i + 1])));
      elapsed = elapsed || !bracket;
    }
    if (c == ']') bracket = false;
    if (bracket) continue;
    if (c == 'y' || c == 'Y' || c == 'd' || c == 'D') date = true;
    if (c == 'h' || c == 'H' || c == 's' || c == 'S') time = true;
  }
  if (elapsed) return Shown::kElapsed;
  return date ? (time ? Shown::kDateTime : Shown::kDate) : time ? Shown::kTime : Shown::kNumber;
}

Shown ShownByNumber(int id) {
  if (id >= 14 && id <= 17) return Shown::kDate;
  if (id == 46) return Shown::kElapsed;
  if ((id >= 18 && id <= 21) || id == 45 || id == 47) return Shown::kTime;
  return id == 22 ? Shown::kDateTime : Shown::kNumber;
}

/// Days since 1970-01-01 as year, month, day.
std::string DateOf(std::int64_t days) {
  const std::chrono::year_month_day date{std::chrono::sys_days{std::chrono::days{days}}};
  char text[48];
  std::snprintf(text, sizeof text, "%04d-%02u-%02u", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
  return text;
}

/// 36:05:09, and thousandths where there are any.
std::string ClockText(std::int64_t ms) {
  char text[32];
  std::snprintf(text, sizeof text, "%02d:%02d:%02d", static_cast<int>(ms / 3'600'000),
                static_cast<int>(ms / 60'000 % 60), static_cast<int>(ms / 1'000 % 60));
  char thousandths[8] = "";
  if (ms % 1'000 != 0) std::snprintf(thousandths, sizeof thousandths, ".%03d", static_cast<int>(ms % 1'000));
  return absl::StrCat(text, thousandths);
}

/// A text without the escapes by which a workbook writes control characters: _x000D_ is a CR.
std::string Unescaped(std::string_view text) {
  constexpr std::size_t kEscape = 7;
  std::string plain;
  for (std::size_t i = 0; i < text.size();) {
    int code = 0;
    const bool escape = text.size() - i >= kEscape && text[i] == '_' && text[i + 1] == 'x' &&
                        text[i + 6] == '_' &&
                        std::from_chars(&text[i + 2], &text[i + 6], code, 16).ptr == &text[i + 6];
    // What is no control character may be part of any text, but for the underscore that hides an escape.
    if (escape && ((code > 0 && code < 0x20) || code == '_')) {
      plain.push_back(static_cast<char>(code));
      i += kEscape;
    } else {
      plain.push_back(text[i++]);
    }
  }
  return plain;
}

class Workbook {
 public:
  static absl::StatusOr<std::unique_ptr<Workbook>> Open(const std::string& path) {
    int code = 0;
    zip_t* const archive = zip_open(path.c_str(), ZIP_RDONLY, &code);
    if (archive == nullptr) {
      if (code == ZIP_ER_NOENT) return absl::NotFoundError("it is not there");
      if (code == ZIP_ER_OPEN) return absl::PermissionDeniedError("it cannot be opened");
      return absl::InvalidArgumentError(
          "it is not an Excel workbook (.xlsx); save older formats (.xls) as .xlsx");
    }
    std::unique_ptr<Workbook> book(new Workbook(archive));
    for (const auto step : {&Workbook::ReadSheets, &Workbook::ReadRelations, &Workbook::ReadStyles,
                            &Workbook::ReadSharedTexts}) {
      if (absl::Status read = (book.get()->*step)(); !read.ok()) return read;
    }
    return book;
  }

  absl::StatusOr<std::unique_ptr<XmlPart>> OpenSheet(const std::string& name) const {
    const auto sheet = std::find_if(sheets_.begin(), sheets_.end(),
                                    [&](const auto& one) { return name.empty() || one.first == name; });
    if (sheet == sheets_.end()) {
      return absl::InvalidArgumentError(absl::StrCat("it has no sheet '", name, "', but ", NameSheets()));
    }
    const auto target = relations_.find(sheet->second);
    if (target == relations_.end())
      return absl::InvalidArgumentError("its list of sheets points to no sheet");
    return XmlPart::Open(archive_.get(), target->second);
  }

  /// Absent: there is no such text.
  std::optional<std::string_view> SharedText(std::size_t at) const {
    if (at + 1 >= text_ends_.size()) return std::nullopt;
    return std::string_view(texts_).substr(text_ends_[at], text_ends_[at + 1] - text_ends_[at]);
  }

  /// A number as it is shown, without its colours and separators.
  /// Absent: it is shown as a date, and is none.
  std::optional<std::string> Show(double value, std::size_t style) const {
    const Shown shown = style < styles_.size() ? styles_[style] : Shown::kNumber;
    if (shown == Shown::kNumber) {
      // All digits that the cell has, which are more than a sheet shows.
      return value == 0 ? "0" : WriteReal(value);
    }
    constexpr double kLastDay = 2'958'466;  // That of 9999.
    if (value < 0 || value >= kLastDay) return std::nullopt;
    constexpr std::int64_t kDayMs = 86'400'000;
    if (shown == Shown::kElapsed) return ClockText(std::llround(value * kDayMs));
    // Excel's 1900 has a 29th of February: its day 60. Days before that are one off.
    constexpr std::int64_t kEpoch1900 = -25'569, kEpoch1904 = -24'107;
    std::int64_t days = static_cast<std::int64_t>(std::floor(value));
    std::int64_t of_day_ms = static_cast<std::int64_t>(std::llround((value - std::floor(value)) * kDayMs));
    if (of_day_ms == kDayMs) {
      of_day_ms = 0;
      ++days;
    }
    const std::string time = ClockText(of_day_ms);
    const bool before_leap = !from_1904_ && days < 60;
    const std::string date = DateOf(days + (from_1904_ ? kEpoch1904 : kEpoch1900) + (before_leap ? 1 : 0));
    if (shown == Shown::kTime && days == 0) return time;
    if (shown == Shown::kDate && of_day_ms == 0) return date;
    return absl::StrCat(date, " ", time);
  }

 private:
  explicit Workbook(zip_t* archive) : archive_(archive) {}

  absl::Status ReadSheets() {
    absl::StatusOr<std::unique_ptr<XmlPart>> part = XmlPart::Open(archive_.get(), "xl/workbook.xml");
    if (!part.ok())
      return absl::InvalidArgumentError("it is not an Excel workbook: it has no list of sheets");
    (*part)->on_begin = [this](std::string_view name, const XML_Char** attributes) {
      if (name == "workbookPr") {
        const std::string_view from = Attribute(attributes, "date1904");
        from_1904_ = from == "1" || from == "true";
      }
      // "id" is that of the relation, "sheetId" another one.
      if (name == "sheet") sheets_.emplace_back(Attribute(attributes, "name"), Attribute(attributes, "id"));
    };
    return (*part)->ReadAll(kSmallPartMax);
  }

  absl::Status ReadRelations() {
    absl::StatusOr<std::unique_ptr<XmlPart>> part =
        XmlPart::Open(archive_.get(), "xl/_rels/workbook.xml.rels");
    if (!part.ok()) return part.status();
    (*part)->on_begin = [this](std::string_view name, const XML_Char** attributes) {
      if (name != "Relationship") return;
      const std::string target(Attribute(attributes, "Target"));
      relations_[std::string(Attribute(attributes, "Id"))] =
          target.starts_with('/') ? target.substr(1) : absl::StrCat("xl/", target);
    };
    return (*part)->ReadAll(kSmallPartMax);
  }

  absl::Status ReadStyles() {
    absl::StatusOr<std::unique_ptr<XmlPart>> part = XmlPart::Open(archive_.get(), "xl/styles.xml");
    if (!part.ok()) return absl::OkStatus();  // Then nothing is a date.
    std::map<int, Shown> formats;
    bool in_cells = false;
    const auto number = [](std::string_view text) {
      int value = 0;
      std::from_chars(text.data(), text.data() + text.size(), value);
      return value;
    };
    (*part)->on_begin = [&](std::string_view name, const XML_Char** attributes) {
      if (name == "numFmt") {
        formats[number(Attribute(attributes, "numFmtId"))] = ShownBy(Attribute(attributes, "formatCode"));
      } else if (name == "cellXfs") {
        in_cells = true;
      } else if (name == "xf" && in_cells) {
        const int id = number(Attribute(attributes, "numFmtId"));
        const auto own = formats.find(id);
        styles_.push_back(own != formats.end() ? own->second : ShownByNumber(id));
      }
    };
    (*part)->on_end = [&](std::string_view name) { in_cells = in_cells && name != "cellXfs"; };
    return (*part)->ReadAll(kSmallPartMax);
  }

  absl::Status ReadSharedTexts() {
    text_ends_ = {0};
    absl::StatusOr<std::unique_ptr<XmlPart>> part = XmlPart::Open(archive_.get(), "xl/sharedStrings.xml");
    if (!part.ok()) return absl::OkStatus();
    bool in_text = false, in_phonetic = false;
    (*part)->on_begin = [&](std::string_view name, const XML_Char** /*attributes*/) {
      if (name == "t") in_text = true;
      if (name == "rPh") in_phonetic = true;  // How it is pronounced.
    };
    (*part)->on_text = [&](std::string_view text) {
      if (in_text && !in_phonetic) texts_.append(text);
    };
    (*part)->on_end = [&](std::string_view name) {
      if (name == "t") in_text = false;
      if (name == "rPh") in_phonetic = false;
      if (name == "si") text_ends_.push_back(texts_.size());
    };
    for (;;) {
      const absl::StatusOr<bool> more = (*part)->Step();
      if (!more.ok()) return more.status();
      if (texts_.size() > kSharedTextsMax || text_ends_.size() > kSharedTextsMax / sizeof(std::size_t)) {
        return absl::ResourceExhaustedError(
            absl::StrCat("its shared texts have more than ", kSharedTextsMax >> 20, " MB: save it as CSV"));
      }
      if (!*more) return absl::OkStatus();
    }
  }

  /// For a message.
  std::string NameSheets() const {
    constexpr std::size_t kNamed = 10;
    std::string names;
    for (std::size_t i = 0; i < std::min(sheets_.size(), kNamed); ++i) {
      absl::StrAppend(&names, i > 0 ? ", '" : "'", sheets_[i].first, "'");
    }
    return sheets_.size() > kNamed ? absl::StrCat(names, " and ", sheets_.size() - kNamed, " more") : names;
  }

  struct Discard {
    void operator()(zip_t* archive) const { zip_discard(archive); }
  };
  std::unique_ptr<zip_t, Discard> archive_;
  std::vector<std::pair<std::string, std::string>> sheets_;  ///< Name, relation.
  std::map<std::string, std::string> relations_;             ///< To the parts.
  std::vector<Shown> styles_;
  bool from_1904_ = false;
  std::string texts_;
  std::vector<std::size_t> text_ends_;
};

class XlsxRows : public FileRows {
 public:
  XlsxRows(std::string path, std::unique_ptr<Workbook> book, std::unique_ptr<XmlPart> sheet)
      : path_(std::move(path)), book_(std::move(book)), sheet_(std::move(sheet)) {
    sheet_->on_begin = [this](std::string_view name, const XML_Char** attributes) {
      Begin(name, attributes);
    };
    sheet_->on_end = [this](std::string_view name) { End(name); };
    sheet_->on_text = [this](std::string_view text) {
      if (!in_value_ || in_phonetic_) return;
      row_bytes_ += text.size();
      if (row_bytes_ <= kFileRowBytesMax) value_.append(text);
    };
  }

  const std::vector<std::string>& header() const override { return header_; }
  const std::string& raw_header() const override { return raw_header_; }

  absl::Status ReadHeader() {
    const absl::StatusOr<bool> there = Fill();
    if (!there.ok()) return there.status();
    if (!*there) {
      return absl::InvalidArgumentError(
          absl::StrCat("'", path_, "': the sheet is empty: its first row names the columns"));
    }
    for (const std::optional<std::string>& cell : rows_.front().cells) header_.push_back(cell.value_or(""));
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
    std::vector<bool> texts;  ///< Of each cell, whether it is typed so.
    std::string wrong;
  };

  /// False: there is no further row.
  absl::StatusOr<bool> Fill() {
    while (rows_.empty() && !at_end_) {
      const absl::StatusOr<bool> more = sheet_->Step();
      if (!more.ok()) {
        return absl::Status(more.status().code(), absl::StrCat("'", path_, "': ", more.status().message()));
      }
      at_end_ = !*more;
    }
    return !rows_.empty();
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
    } else if (name == "c") {
      type_ = Attribute(attributes, "t");
      style_ = 0;
      const std::string_view style = Attribute(attributes, "s");
      std::from_chars(style.data(), style.data() + style.size(), style_);
      column_ = ColumnOf(Attribute(attributes, "r")).value_or(next_column_);
      next_column_ = column_ + 1;
      value_.clear();
      has_value_ = has_formula_ = false;
    } else if (name == "f") {
      has_formula_ = true;
    } else if (name == "v" || name == "t") {
      in_value_ = has_value_ = true;
    } else if (name == "rPh") {
      in_phonetic_ = true;  // How it is pronounced.
    }
  }

  void End(std::string_view name) {
    if (name == "v" || name == "t") in_value_ = false;
    if (name == "rPh") in_phonetic_ = false;
    if (name == "c" && (has_value_ || has_formula_) && column_ < kColumnsMax) EndCell();
    if (name != "row") return;
    const bool empty =
        std::none_of(row_.cells.begin(), row_.cells.end(), [](const auto& cell) { return cell.has_value(); });
    if (!empty || !row_.wrong.empty()) rows_.push_back(std::move(row_));
  }

  void EndCell() {
    const auto wrong = [&](const char* why) {
      if (row_.wrong.empty()) row_.wrong = absl::StrCat("column ", NameOf(column_), ": ", why);
    };
    if (row_bytes_ > kFileRowBytesMax) return wrong("the row has more than 64 MB up to there");
    // Far to the right of the header nothing is kept: a few bytes of a file could ask for gigabytes.
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
    if (type_ == "s") {
      std::size_t at = 0;
      const char* const end = value_.data() + value_.size();
      const auto index = std::from_chars(value_.data(), end, at);
      const bool well = index.ec == std::errc() && index.ptr == end;
      const std::optional<std::string_view> text = well ? book_->SharedText(at) : std::nullopt;
      if (!text) return wrong("its text is not in the workbook");
      cell = Unescaped(*text);
      return;
    }
    if (!type_.empty() && type_ != "n") {
      cell = Unescaped(value_);  // Texts, formulas' texts, ISO dates, 1 and 0.
      return;
    }
    if (value_.empty()) return;
    double number = 0;
    const auto read = std::from_chars(value_.data(), value_.data() + value_.size(), number);
    const bool whole = read.ec == std::errc() && read.ptr == value_.data() + value_.size();
    if (!whole || !std::isfinite(number)) return wrong("not a number");
    std::optional<std::string> shown = book_->Show(number, style_);
    if (!shown) return wrong("not a date of the calendar");
    cell = std::move(shown);
  }

  /// "C5" is 2.
  static std::optional<std::uint32_t> ColumnOf(std::string_view reference) {
    std::uint32_t column = 0;
    for (const char c : reference) {
      if (c < 'A' || c > 'Z') break;
      column = column * 26 + static_cast<std::uint32_t>(c - 'A') + 1;
      if (column > kColumnsMax) return kColumnsMax;
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
      for (const char c : *row.cells[i]) line.append(c == '"' ? "\"\"" : std::string(1, c));
      line.push_back('"');
    }
    return line + "\n";
  }

  const std::string path_;
  const std::unique_ptr<Workbook> book_;
  const std::unique_ptr<XmlPart> sheet_;
  std::vector<std::string> header_;
  std::string raw_header_, raw_;
  std::deque<Row> rows_;
  Row row_, present_;
  std::uint64_t last_number_ = 0;
  std::string type_, value_;
  std::size_t style_ = 0;
  std::uint32_t column_ = 0;
  std::uint32_t next_column_ = 0;  ///< Of a cell that does not say where it stands.
  std::size_t row_bytes_ = 0;      ///< Of the row's values.
  bool in_value_ = false, in_phonetic_ = false, has_value_ = false, has_formula_ = false, at_end_ = false;
};

}  // namespace

absl::StatusOr<std::unique_ptr<FileRows>> OpenXlsx(const std::string& path, const std::string& sheet) {
  const auto named = [&path](const absl::Status& status) {
    return absl::Status(status.code(), absl::StrCat("'", path, "': ", status.message()));
  };
  absl::StatusOr<std::unique_ptr<Workbook>> book = Workbook::Open(path);
  if (!book.ok()) return named(book.status());
  absl::StatusOr<std::unique_ptr<XmlPart>> part = (*book)->OpenSheet(sheet);
  if (!part.ok()) return named(part.status());
  auto rows = std::make_unique<XlsxRows>(path, *std::move(book), *std::move(part));
  if (absl::Status header = rows->ReadHeader(); !header.ok()) return header;
  return rows;
}

}  // namespace mirror
