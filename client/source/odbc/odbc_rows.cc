#include "client/source/odbc/odbc_rows.h"

#include <numeric>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "client/source/odbc/odbc_words.h"

namespace mirror {
namespace {

constexpr char kReadingRows[] = "reading it";

std::vector<OdbcRowDecoder::Field> OdbcFieldsOf(const KnownOdbcTable& known,
                                                const std::vector<std::uint32_t>& columns) {
  std::vector<OdbcRowDecoder::Field> fields;
  for (const std::uint32_t column : columns)
    fields.push_back({known.FormOf(column), known.schema.columns[column]});
  return fields;
}

std::vector<std::uint32_t> OdbcColumnsToRead(const KnownOdbcTable& known,
                                             const std::vector<std::uint32_t>& asked) {
  if (!known.steps) return asked;
  std::vector<std::uint32_t> all(known.schema.columns.size());
  std::iota(all.begin(), all.end(), 0U);
  return all;
}

}  // namespace

OdbcSourceRows::OdbcSourceRows(std::shared_ptr<const OdbcLook> look,
                               std::shared_ptr<const KnownOdbcTable> known, OdbcAsk ask)
    : look_(std::move(look)),
      known_(std::move(known)),
      ask_(std::move(ask)),
      read_(OdbcColumnsToRead(*known_, ask_.columns)),
      decoder_(OdbcFieldsOf(*known_, read_)) {}

OdbcSourceRows::~OdbcSourceRows() { End(); }

/// In this order: what is read, its session.
void OdbcSourceRows::End() {
  has_ended_ = true;
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
  if (now.size() != 1 || now.front() != known_->table) return MovedOdbcTable(known_->table.name);
  return absl::OkStatus();
}

absl::Status OdbcSourceRows::Start() {
  has_begun_ = true;
  ASSIGN_OR_RETURN(reading_, OdbcReading::Make(look_->sessions));
  RETURN_IF_ERROR(reading_->Begin(known_->table));
  RETURN_IF_ERROR(CheckDefinition());
  if (known_->steps) {
    ASSIGN_OR_RETURN(RowSteps steps, RowSteps::Make(known_->schema, *known_->steps, look_->hash_key));
    steps_.emplace(std::move(steps));
  }
  if (IsPaged()) {
    ASSIGN_OR_RETURN(mark_, look_->sessions->dialect().WriteMark(reading_->connection()));
  }
  return Send();
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

absl::StatusOr<bool> OdbcSourceRows::Step() { return IsPaged() ? StepInPages() : stream_->Step(); }

absl::StatusOr<bool> OdbcSourceRows::Next() {
  for (;;) {
    const absl::StatusOr<bool> more = NextOfTable();
    if (!more.ok() || !*more || !steps_) return more;
    const absl::StatusOr<bool> wanted = TakeSteps();
    if (!wanted.ok() || *wanted) return wanted;
  }
}

absl::StatusOr<bool> OdbcSourceRows::NextOfTable() {
  if (has_ended_) return false;
  if (look_->is_over) {
    End();
    return MovedOdbcTable(known_->table.name);
  }
  absl::Status started;
  if (!has_begun_) started = Start();
  const absl::StatusOr<bool> more = started.ok() ? Step() : absl::StatusOr<bool>(started);
  if (!more.ok() || !*more) {
    End();
    if (more.ok()) return more;
    return Explain(more.status());
  }
  if (decoder_.Decode(stream_->fields())) return true;
  return Misfit();
}

/// Whether the row is one of those that are asked for.
absl::StatusOr<bool> OdbcSourceRows::TakeSteps() {
  const absl::StatusOr<bool> matches = steps_->Matches(decoder_.values());
  if (!matches.ok()) return matches;
  if (*matches == ask_.left_out) return false;
  row_ = decoder_.values();
  RETURN_IF_ERROR(steps_->Turn(&row_));
  values_.clear();
  for (const std::uint32_t column : ask_.columns) values_.push_back(row_[column]);
  return true;
}

/// The rows that are left are looked at, too: one more announcement is to do for all.
absl::StatusOr<bool> OdbcSourceRows::Misfit() {
  std::vector<OdbcMisfit> misfits;
  absl::StatusOr<bool> more = true;
  for (; more.ok() && *more; more = Step()) {
    if (decoder_.Decode(stream_->fields())) continue;
    for (const OdbcMisfit& misfit : decoder_.misfits())
      misfits.push_back({read_[misfit.column], misfit.is_null});
    if (misfits.size() < read_.size() * 64) continue;
    look_->keep(*known_, misfits);
    misfits.clear();
  }
  look_->keep(*known_, misfits);
  End();
  if (!more.ok()) return Explain(more.status());
  return absl::AbortedError(absl::StrCat("table '", known_->table.name,
                                         "' has values that do not fit the types that were announced"));
}

absl::StatusOr<std::uint64_t> CountOdbcRows(const OdbcLook& look, const KnownOdbcTable& known,
                                            const std::string& where) {
  if (look.is_over) return MovedOdbcTable(known.table.name);
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
