#include "client/source/odbc/odbc_rows.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/db/odbc/failure.h"
#include "base/status_macros.h"
#include "base/utf8.h"
#include "client/source/postgres/postgres_types.h"
#include "client/source/server/server_words.h"
#include "proto/wire/text_form.h"

namespace mirror {
namespace {

// The protocol counts units of 100 nanoseconds from 0001-01-01.
constexpr std::int64_t kUnitsOfSecond = 10'000'000;
constexpr std::int64_t kSecondsOfDay = 86'400;
constexpr int kUnitDigits = 7;

void SetOdbcText(std::string_view text, Value* value) {
  value->kind = Kind::kText;
  value->bytes = text;
}

void SetOdbcInteger(std::int64_t integer, Value* value) {
  value->kind = Kind::kInteger;
  value->integer = integer;
}

template <typename Number>
std::optional<Number> ReadWhole(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// Takes exactly this many digits from the front of `text`.
std::optional<std::int64_t> TakeDigits(std::size_t count, std::string_view* text) {
  if (text->size() < count) return std::nullopt;
  std::int64_t number = 0;
  for (const char digit : text->substr(0, count)) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(digit))) return std::nullopt;
    number = number * 10 + (digit - '0');
  }
  text->remove_prefix(count);
  return number;
}

bool TakeSign(char sign, std::string_view* text) {
  if (text->empty() || text->front() != sign) return false;
  text->remove_prefix(1);
  return true;
}

/// Returns days since 0001-01-01. Absent: it is no day of the years 1 to 9999.
std::optional<std::int64_t> TakeDays(std::string_view* text) {
  const auto year = TakeDigits(4, text);
  if (!year || !TakeSign('-', text)) return std::nullopt;
  const auto month = TakeDigits(2, text);
  if (!month || !TakeSign('-', text)) return std::nullopt;
  const auto day = TakeDigits(2, text);
  if (!day || *year < 1 || *month < 1 || *month > 12 || *day < 1) return std::nullopt;
  const bool is_leap = *year % 4 == 0 && (*year % 100 != 0 || *year % 400 == 0);
  constexpr int kDaysBefore[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365};
  const auto at = static_cast<std::size_t>(*month);
  const int length = kDaysBefore[at] - kDaysBefore[at - 1] + (*month == 2 && is_leap ? 1 : 0);
  if (*day > length) return std::nullopt;
  const std::int64_t past = *year - 1;
  return past * 365 + past / 4 - past / 100 + past / 400 + kDaysBefore[at - 1] +
         (*month > 2 && is_leap ? 1 : 0) + *day - 1;
}

/// Returns units of a time of the day. Absent: it is none, such as 24:00:00 and 23:59:60.
std::optional<std::int64_t> TakeTime(std::string_view* text) {
  const auto hour = TakeDigits(2, text);
  if (!hour || !TakeSign(':', text)) return std::nullopt;
  const auto minute = TakeDigits(2, text);
  if (!minute) return std::nullopt;
  std::optional<std::int64_t> second = 0;
  if (TakeSign(':', text)) second = TakeDigits(2, text);
  if (!second || *hour > 23 || *minute > 59 || *second > 59) return std::nullopt;
  std::int64_t units = ((*hour * 60 + *minute) * 60 + *second) * kUnitsOfSecond;
  if (!TakeSign('.', text)) return units;
  std::int64_t unit = kUnitsOfSecond / 10;
  int digits = 0;
  for (; !text->empty() && absl::ascii_isdigit(static_cast<unsigned char>(text->front())); ++digits) {
    const int digit = text->front() - '0';
    // Digits below one unit would be lost.
    if (digits >= kUnitDigits && digit != 0) return std::nullopt;
    units += digit * unit;
    unit /= 10;
    text->remove_prefix(1);
  }
  return digits == 0 ? std::nullopt : std::optional<std::int64_t>(units);
}

std::optional<std::int64_t> UnitsOf(OdbcForm form, std::string_view text) {
  std::optional<std::int64_t> units;
  if (form == OdbcForm::kTime) {
    units = TakeTime(&text);
    return text.empty() ? units : std::nullopt;
  }
  const std::optional<std::int64_t> days = TakeDays(&text);
  if (!days) return std::nullopt;
  units = *days * kSecondsOfDay * kUnitsOfSecond;
  // Drivers give a day in the form of its first midnight.
  if (form == OdbcForm::kTimestamp || !text.empty()) {
    if (text.empty()) return units;
    if (!TakeSign(' ', &text) && !TakeSign('T', &text)) return std::nullopt;
    const std::optional<std::int64_t> time = TakeTime(&text);
    if (!time || (form == OdbcForm::kDate && *time != 0)) return std::nullopt;
    *units += *time;
    // All sessions are in UTC.
    if (text == "+00" || text == "Z") text = {};
  }
  return text.empty() ? units : std::nullopt;
}

bool IsDecimal(std::string_view text) {
  if (!text.empty() && text.front() == '-') text.remove_prefix(1);
  const std::size_t dot = text.find('.');
  const auto is_digits = [](std::string_view part) {
    return !part.empty() && part.find_first_not_of("0123456789") == std::string_view::npos;
  };
  if (dot == std::string_view::npos) return is_digits(text);
  return is_digits(text.substr(0, dot)) && is_digits(text.substr(dot + 1));
}

/// False: it is no UUID.
bool SetUuid(std::string_view text, std::string* bytes, Value* value) {
  std::string digits;
  for (const char sign : text) {
    if (sign != '-' && sign != '{' && sign != '}') digits += sign;
  }
  if (digits.size() != 32 || digits.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos)
    return false;
  *bytes = absl::HexStringToBytes(digits);
  value->kind = Kind::kBlob;
  value->bytes = *bytes;
  return true;
}

bool SetReal(std::string_view text, bool is_single, bool is_any, Value* value) {
  std::optional<double> real;
  if (is_single) {
    const std::optional<float> single = ReadWhole<float>(text);
    if (single) real = *single;
  } else {
    real = ReadWhole<double>(text);
  }
  if (!real || !std::isfinite(*real)) {
    SetOdbcText(text, value);
    return is_any;
  }
  value->kind = Kind::kReal;
  value->real = *real == 0 ? 0.0 : *real;  // No mirror keeps the sign of a zero.
  return true;
}

bool SetPlain(std::string_view text, bool is_any, Value* value) {
  SetOdbcText(text, value);
  if (IsText(text)) return true;
  value->kind = Kind::kRawText;
  return is_any;
}

/// Sets a value that carries its own type. False: the announced type cannot hold it.
bool SetTagged(std::string_view text, const Column& announced, std::string* bytes, Value* value) {
  const Type type = announced.type;
  const bool is_any = type == Type::kAny;
  const char tag = text.empty() ? '?' : text.front();
  if (!text.empty()) text.remove_prefix(1);
  switch (tag) {
    case 'i': {
      const std::optional<std::int64_t> integer = ReadWhole<std::int64_t>(text);
      SetOdbcInteger(integer.value_or(0), value);
      return integer && (is_any || type == Type::kInt64);
    }
    case 'r':
      return SetReal(text, false, false, value) && (is_any || type == Type::kDouble);
    case 't':
      return SetPlain(text, is_any, value) && (is_any || type == Type::kText);
    case 'b':
    case 'x':
      *bytes = absl::HexStringToBytes(absl::string_view(text.data(), text.size()));
      value->bytes = *bytes;
      value->kind = tag == 'b' ? Kind::kBlob : Kind::kRawText;
      return is_any;
    default:
      return false;
  }
}

/// Limits per statement: databases limit the number of parameters, and the depth of conditions.
constexpr std::size_t kSingleKeysAtOnce = 500;
constexpr std::size_t kKeysAtOnce = 100;

/// Rows of keys, and rows whose keys the source considers equal.
class OdbcRowsOfKeys : public ValueRows {
 public:
  OdbcRowsOfKeys(std::shared_ptr<const OdbcLook> look, std::shared_ptr<const KnownOdbcTable> known,
                 std::vector<std::uint32_t> columns, WantedKeys keys)
      : look_(std::move(look)),
        known_(std::move(known)),
        key_(known_->schema.Key()),
        read_(std::move(columns)),
        keys_(std::move(keys)) {}

  absl::StatusOr<bool> Next() override {
    for (;;) {
      if (!rows_) {
        if (to_ == keys_->size()) return false;
        from_ = to_;
        to_ = std::min(keys_->size(), from_ + (key_.size() == 1 ? kSingleKeysAtOnce : kKeysAtOnce));
        Ask(/*by_text=*/false);
      }
      absl::StatusOr<bool> more = rows_->Next();
      // A key of the mirror need not be a valid value in the source, for example a renamed label of an
      // enum.
      const bool is_none = odbc::TroubleOf(more.status()) == odbc::Trouble::kValue;
      if (is_none && !by_text_) {
        // Rows that were already found are given again.
        Ask(/*by_text=*/true);
        more = rows_->Next();
      }
      if (!more.ok() || *more) return more;
      rows_.reset();
    }
  }
  const std::vector<Value>& values() const override { return rows_->values(); }

 private:
  /// Selects the keys from `from_` to `to_`. `by_text`: compares the text of a key, whatever it is, with the
  /// row's text.
  void Ask(bool by_text) {
    by_text_ = by_text;
    OdbcAsk ask{read_};
    static const std::string kText = "?";
    std::vector<std::string> ways;
    for (std::size_t k = from_; k < to_; ++k) {
      std::vector<std::string> terms;
      for (std::size_t i = 0; i < key_.size(); ++i) {
        const OdbcColumn& column = known_->table.columns[key_[i]];
        const bool as_text = by_text && known_->FormOf(key_[i]) == OdbcForm::kText;
        const bool is_wide = known_->IsWide(key_[i]);
        const std::string& name = as_text ? column.wide_value : is_wide ? column.wide_name : column.name;
        const std::string& place = as_text ? kText : is_wide ? column.wide_place : column.place;
        ask.parameters.push_back(OdbcKeyParameter(column, known_->schema.columns[key_[i]], (*keys_)[k][i]));
        terms.push_back(key_.size() == 1 ? place : absl::StrCat(name, " = ", place));
        if (key_.size() == 1) one_name_ = name;
      }
      ways.push_back(key_.size() == 1 ? terms.front()
                                      : absl::StrCat("(", absl::StrJoin(terms, " AND "), ")"));
    }
    ask.where = key_.size() == 1 ? absl::StrCat(one_name_, " IN (", absl::StrJoin(ways, ", "), ")")
                                 : absl::StrJoin(ways, " OR ");
    // One row per key, plus rows whose keys the source considers equal.
    ask.rows_max = kNoPages;
    rows_.reset();
    rows_.emplace(look_, known_, std::move(ask));
  }

  /// A statement for some keys is not read in pages.
  static constexpr std::size_t kNoPages = 1'000'000;

  const std::shared_ptr<const OdbcLook> look_;
  const std::shared_ptr<const KnownOdbcTable> known_;
  const std::vector<std::uint32_t> key_, read_;
  const WantedKeys keys_;
  std::optional<OdbcSourceRows> rows_;
  std::size_t from_ = 0, to_ = 0;  ///< The keys of the present statement.
  std::string one_name_;
  bool by_text_ = false;
};

}  // namespace

odbc::Parameter OdbcKeyParameter(const OdbcColumn& column, const Column& announced, const KeyPart& part) {
  if (column.form == OdbcForm::kTagged) {
    switch (part.kind) {
      case Kind::kInteger:
        return part.integer;
      case Kind::kReal:
        return part.real;
      case Kind::kBlob:
        return odbc::Blob{part.bytes};
      default:
        return part.bytes;
    }
  }
  if (part.kind == Kind::kBlob && announced.type != Type::kUuid) {
    if (column.place == "?") return odbc::Blob{part.bytes};
    return absl::BytesToHexString(part.bytes);
  }
  if (part.kind == Kind::kInteger && column.form == OdbcForm::kInteger && column.place == "?")
    return part.integer;
  if (part.kind == Kind::kInteger && column.form == OdbcForm::kBool) return absl::StrCat(part.integer);
  return TextOfKeyPart(announced, part);
}

std::string OdbcFromSql(const OdbcColumn& column, const Column& announced, const KeyPart& from,
                        std::vector<odbc::Parameter>* parameters) {
  const bool by_number = column.numbers_sort && from.kind == Kind::kInteger &&
                         (column.form == OdbcForm::kInteger || column.form == OdbcForm::kDate ||
                          column.form == OdbcForm::kTime || column.form == OdbcForm::kTimestamp);
  // DECIMAL counts as a number; its bound may be an integer.
  const bool by_decimal =
      column.numbers_sort && announced.type == Type::kDecimal &&
      (from.kind == Kind::kInteger ||
       (from.kind == Kind::kText && from.bytes.find_first_not_of("-.0123456789") == std::string::npos));
  const bool by_text =
      !column.sorted_name.empty() && from.kind == Kind::kText && announced.type == Type::kText;
  if (announced.type == Type::kAny || (!by_number && !by_decimal && !by_text)) return "";
  parameters->push_back(OdbcKeyParameter(column, announced, from));
  if (by_text) return absl::StrCat(column.sorted_name, " >= ", column.sorted_place);
  return absl::StrCat(column.name, " >= ", column.place);
}

bool OdbcRowDecoder::DecodeValue(std::size_t i, std::string_view data, std::string* text,
                                 Value* value) const {
  const Column& announced = announced_[i];
  const OdbcForm form = forms_[i];
  const bool is_any = announced.type == Type::kAny;
  switch (form) {
    case OdbcForm::kBool: {
      const bool is_true = data == "1" || data == "t" || data == "true";
      SetOdbcInteger(is_true ? 1 : 0, value);
      return is_true || data == "0" || data == "f" || data == "false";
    }
    case OdbcForm::kInteger: {
      const std::optional<std::int64_t> integer = ReadWhole<std::int64_t>(data);
      SetOdbcInteger(integer.value_or(0), value);
      return integer.has_value();
    }
    case OdbcForm::kReal:
    case OdbcForm::kSingle:
      return SetReal(data, form == OdbcForm::kSingle, is_any, value);
    case OdbcForm::kDecimal:
      SetOdbcText(data, value);
      return announced.type == Type::kText || IsDecimal(data);
    case OdbcForm::kDate:
    case OdbcForm::kTime:
    case OdbcForm::kTimestamp: {
      const std::optional<std::int64_t> units = UnitsOf(form, data);
      SetOdbcInteger(units.value_or(0), value);
      return units.has_value();
    }
    case OdbcForm::kUuid:
      return SetUuid(data, text, value);
    case OdbcForm::kBytes:
      value->kind = Kind::kBlob;
      value->bytes = data;
      return true;
    case OdbcForm::kTagged:
      return SetTagged(data, announced, text, value);
    case OdbcForm::kText:
      break;
  }
  return SetPlain(data, is_any, value);
}

namespace {

using OdbcTrouble = odbc::Trouble;

/// Another session wrote while the table's pages were read.
absl::Status WrittenOdbcTable(const std::string& table) {
  return absl::AbortedError(absl::StrCat("another session wrote to the source while table '", table,
                                         "' was read, so its pages are from different moments"));
}

/// Turns an error of reading a table into one for people, with the code that SourceReader promises: kAborted
/// if a new look helps.
absl::Status ExplainOdbcReading(const absl::Status& status, const std::string& table,
                                const std::string& user) {
  const OdbcTrouble trouble = odbc::TroubleOf(status);
  switch (trouble) {
    case OdbcTrouble::kNone:
      return status;
    case OdbcTrouble::kUndefined:
      return MovedTable(table);
    case OdbcTrouble::kLocked:
      return absl::UnavailableError(absl::StrCat("table '", table, "' is locked by another session. ",
                                                 kNothingCommitted,
                                                 "; the next run reads it when the lock is released"));
    case OdbcTrouble::kDenied:
      return absl::PermissionDeniedError(absl::StrCat(
          "the user '", user, "' may not read table '", table, "': ", std::string(status.message()), ". ",
          kNothingCommitted, ". Give it the right to SELECT, or leave the table out with 'skip'"));
    case OdbcTrouble::kLost:
    case OdbcTrouble::kTimedOut:
    case OdbcTrouble::kNotReached:
    case OdbcTrouble::kNotLetIn:
      return LostWhileReading(table, status);
    default:
      break;
  }
  return WhileReading(table, status);
}

constexpr char kReadingRows[] = "reading it";

OdbcRowDecoder OdbcDecoderOf(const KnownOdbcTable& known, const std::vector<std::uint32_t>& columns) {
  std::vector<OdbcForm> forms;
  for (const std::uint32_t column : columns) forms.push_back(known.FormOf(column));
  return {std::move(forms), known.Announced(columns)};
}

}  // namespace

OdbcSourceRows::OdbcSourceRows(std::shared_ptr<const OdbcLook> look,
                               std::shared_ptr<const KnownOdbcTable> known, OdbcAsk ask)
    : ServerRows(std::move(look), known, ask, OdbcDecoderOf(*known, known->ToRead(ask.columns))) {}

OdbcSourceRows::~OdbcSourceRows() { OdbcSourceRows::Close(); }

/// Closes in this order: the rows, then their session.
void OdbcSourceRows::Close() {
  stream_.reset();
  reading_.reset();
}

absl::Status OdbcSourceRows::Explain(const absl::Status& status) const {
  return ExplainOdbcReading(status, known_->table.name, look_->place.user);
}

/// Returns the condition for rows after these values in the order of the pages, with the values of its "?".
std::string OdbcSourceRows::Behind(std::vector<odbc::Parameter>* parameters) const {
  const std::vector<OdbcPageTerm>& terms = known_->table.pages;
  std::vector<std::string> ways;
  for (std::size_t last = 0; last < terms.size(); ++last) {
    std::vector<std::string> conditions;
    for (std::size_t i = 0; i <= last; ++i) {
      conditions.push_back(absl::StrCat(terms[i].name, i < last ? " = " : " > ", terms[i].place));
      parameters->push_back(behind_[i]);
    }
    ways.push_back(absl::StrCat("(", absl::StrJoin(conditions, " AND "), ")"));
  }
  return absl::StrCat("(", absl::StrJoin(ways, " OR "), ")");
}

std::string OdbcSourceRows::Sql(std::vector<odbc::Parameter>* parameters) const {
  std::vector<std::string> values, conditions, order;
  for (const std::uint32_t column : read_) values.push_back(known_->ValueSql(column));
  if (IsPaged()) {
    for (const OdbcPageTerm& term : known_->table.pages) {
      values.push_back(term.value);
      order.push_back(term.name);
    }
  }
  if (!ask_.where.empty()) conditions.push_back(absl::StrCat("(", ask_.where, ")"));
  *parameters = ask_.parameters;
  if (IsPaged() && !behind_.empty()) conditions.push_back(Behind(parameters));
  std::string sql = absl::StrCat("SELECT ", known_->table.select_words, absl::StrJoin(values, ", "), " FROM ",
                                 known_->table.from);
  if (!conditions.empty()) absl::StrAppend(&sql, " WHERE ", absl::StrJoin(conditions, " AND "));
  if (!order.empty()) absl::StrAppend(&sql, " ORDER BY ", absl::StrJoin(order, ", "));
  if (!ask_.order.empty()) absl::StrAppend(&sql, " ", ask_.order);
  const std::size_t limit = IsPaged() ? look_->sessions->access().page_rows : ask_.rows_max;
  if (limit > 0) absl::StrAppend(&sql, look_->sessions->dialect().Limit(limit));
  return sql;
}

absl::Status OdbcSourceRows::Send() {
  std::vector<odbc::Parameter> parameters;
  const std::string sql = Sql(&parameters);
  std::vector<odbc::Fetch> fetches;
  for (const std::uint32_t column : read_) {
    fetches.push_back(known_->FormOf(column) == OdbcForm::kBytes ? odbc::Fetch::kBytes : odbc::Fetch::kText);
  }
  const std::size_t limit = IsPaged() ? look_->sessions->access().page_rows : ask_.rows_max;
  const bool driver_limits = limit > 0 && look_->sessions->dialect().Limit(limit).empty();
  stream_.reset();
  page_rows_ = 0;
  ASSIGN_OR_RETURN(stream_, reading_->connection().Query(sql, parameters, fetches, kReadingRows,
                                                         driver_limits ? limit : 0));
  return absl::OkStatus();
}

/// Checks that the table still matches its look.
absl::Status OdbcSourceRows::CheckDefinition() {
  ASSIGN_OR_RETURN(const std::vector<OdbcTable> now,
                   look_->sessions->dialect().Tables(reading_->connection(), &known_->table.name));
  if (now.size() != 1 || now.front() != known_->table) return MovedTable(known_->table.name);
  return absl::OkStatus();
}

absl::Status OdbcSourceRows::Begin() {
  ASSIGN_OR_RETURN(reading_, OdbcReading::Make(look_->sessions));
  RETURN_IF_ERROR(reading_->Begin(known_->table));
  RETURN_IF_ERROR(CheckDefinition());
  if (IsPaged()) {
    ASSIGN_OR_RETURN(mark_, look_->sessions->dialect().WriteMark(reading_->connection()));
  }
  return absl::OkStatus();
}

/// Checks that all rows, those read and those to come, are of one moment.
absl::Status OdbcSourceRows::CheckUnwritten() {
  ASSIGN_OR_RETURN(const std::string now, look_->sessions->dialect().WriteMark(reading_->connection()));
  return now == mark_ ? absl::OkStatus() : WrittenOdbcTable(known_->table.name);
}

void OdbcSourceRows::KeepPlace() {
  behind_.clear();
  for (std::size_t i = 0; i < known_->table.pages.size(); ++i) {
    std::string text = stream_->Text(read_.size() + i);
    std::int64_t integer = 0;
    if (known_->table.pages[i].is_integer && absl::SimpleAtoi(text, &integer)) {
      behind_.emplace_back(integer);
    } else {
      behind_.emplace_back(std::move(text));
    }
  }
}

absl::StatusOr<bool> OdbcSourceRows::StepInPages() {
  for (;;) {
    const absl::StatusOr<bool> more = stream_->Step();
    if (!more.ok()) return more;
    if (*more) {
      // The place is that of the page's last row.
      if (++page_rows_ == look_->sessions->access().page_rows) KeepPlace();
      return true;
    }
    const bool was_full = page_rows_ >= look_->sessions->access().page_rows;
    stream_.reset();
    // A single statement is of one moment.
    if (!was_full && behind_.empty()) return false;
    RETURN_IF_ERROR(CheckUnwritten());
    if (!was_full) return false;
    RETURN_IF_ERROR(Send());
  }
}

absl::StatusOr<std::uint64_t> CountOdbcRows(const OdbcLook& look, const KnownOdbcTable& known,
                                            const std::string& where) {
  if (look.is_over) return MovedTable(known.table.name);
  const auto explain = [&](const absl::Status& status) {
    return ExplainOdbcReading(status, known.table.name, look.place.user);
  };
  const absl::StatusOr<std::unique_ptr<OdbcReading>> reading = OdbcReading::Make(look.sessions);
  if (!reading.ok()) return explain(reading.status());
  if (absl::Status begun = (*reading)->Begin(known.table); !begun.ok()) return explain(begun);
  const absl::StatusOr<std::string> count = (*reading)->connection().Text(
      absl::StrCat("SELECT count(*) FROM ", known.table.from, where.empty() ? "" : " WHERE ", where),
      "counting its rows");
  if (!count.ok()) return explain(count.status());
  std::uint64_t rows = 0;
  if (!absl::SimpleAtoi(*count, &rows)) return absl::InternalError("the driver gave no number of rows");
  return rows;
}

absl::StatusOr<SourceReader::ColumnFacts> LookAtOdbcColumn(const std::shared_ptr<const OdbcLook>& look,
                                                           const std::shared_ptr<const KnownOdbcTable>& known,
                                                           std::uint32_t column) {
  const OdbcColumn& its = known->table.columns[column];
  const bool by_order = !known->steps && known->schema.columns[column].type != Type::kAny && its.numbers_sort;
  if (!by_order) return FactsByValues<OdbcSourceRows>(look, known, column);
  return FactsByOrder<OdbcSourceRows>(
      look, known, column,
      [&](const char* direction) {
        OdbcAsk ask{{column}, absl::StrCat("NOT (", its.is_null, ")")};
        ask.order = absl::StrCat("ORDER BY ", its.name, " ", direction);
        ask.rows_max = 1;
        return ask;
      },
      [&] { return CountOdbcRows(*look, *known, its.is_null); });
}

std::unique_ptr<ValueRows> RowsOfOdbcKeys(std::shared_ptr<const OdbcLook> look,
                                          std::shared_ptr<const KnownOdbcTable> known,
                                          std::vector<std::uint32_t> read, WantedKeys keys) {
  return std::make_unique<OdbcRowsOfKeys>(std::move(look), std::move(known), std::move(read),
                                          std::move(keys));
}

}  // namespace mirror
