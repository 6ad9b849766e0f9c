#include "client/source/odbc/odbc_rows.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "client/source/odbc/odbc_words.h"

namespace mirror {
namespace {

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

/// In this order: what is read, its session.
void OdbcSourceRows::Close() {
  stream_.reset();
  reading_.reset();
}

absl::Status OdbcSourceRows::Explain(const absl::Status& status) const {
  return ExplainOdbcReading(status, known_->table.name, look_->place.user);
}

/// Behind the row with these values in the order of the pages: a condition, and what its "?" stand for.
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

/// The table as it was looked at.
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

/// Whether what was read so far, and what comes, are of one moment.
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
    // One statement alone is of one moment.
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

}  // namespace mirror
