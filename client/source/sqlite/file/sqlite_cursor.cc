#include "client/source/sqlite/file/sqlite_cursor.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "proto/wire/limits.h"

namespace mirror {
namespace {

std::string OrderBy(const std::vector<OrderTerm>& order) {
  if (order.empty()) return "";
  return absl::StrCat(" ORDER BY ", absl::StrJoin(order, ", ", [](std::string* out, const OrderTerm& term) {
                        absl::StrAppend(out, term.expression, term.descending ? " DESC" : "");
                      }));
}

/// Maximum number of nested terms. SQLite's parser accepts 100 nested elements.
constexpr std::size_t kNestedTermsMax = 8;

/// Returns Behind() for keys of many columns: not nested further for each column, but longer SQL.
std::string BehindFlat(const std::vector<OrderTerm>& order, std::size_t from) {
  std::string same;
  std::vector<std::string> ways;
  for (std::size_t i = from; i < order.size(); ++i) {
    const std::string parameter = absl::StrCat("?", i + 1);
    ways.push_back(
        absl::StrCat("(", same, order[i].expression, order[i].descending ? " < " : " > ", parameter, ")"));
    absl::StrAppend(&same, order[i].expression, " = ", parameter, " AND ");
  }
  return absl::StrCat("(", absl::StrJoin(ways, " OR "), ")");
}

/// Returns the condition for rows after the one whose terms are the parameters ?1, ?2, ...
std::string Behind(const std::vector<OrderTerm>& order, std::size_t from) {
  const OrderTerm& term = order[from];
  const std::string parameter = absl::StrCat("?", from + 1);
  const std::string strict = absl::StrCat(term.expression, term.descending ? " < " : " > ", parameter);
  if (from + 1 == order.size()) return strict;
  if (from == kNestedTermsMax) return BehindFlat(order, from);
  // The implied first part lets SQLite begin at the right place of the index.
  return absl::StrCat(term.expression, term.descending ? " <= " : " >= ", parameter, " AND (", strict,
                      " OR (", term.expression, " = ", parameter, " AND ", Behind(order, from + 1), "))");
}

}  // namespace

absl::StatusOr<SqliteCursor> SqliteCursor::Open(std::shared_ptr<const SqliteFile> file,
                                                std::shared_ptr<const SourcePlan> plan,
                                                const std::vector<OrderTerm>& order,
                                                const std::vector<std::uint32_t>& columns) {
  SqliteCursor cursor(file, plan);
  cursor.order_ = order;
  std::vector<std::string>& expressions = cursor.expressions_;
  for (const std::uint32_t column : columns) {
    expressions.push_back(plan->ValueOf(column));
  }
  std::vector<std::string> order_expressions;
  for (const OrderTerm& term : order) {
    order_expressions.push_back(
        term.column < 0 ? term.expression
                        : QuoteName(plan->schema.columns[static_cast<std::size_t>(term.column)].name));
    const auto found = std::find(columns.begin(), columns.end(), static_cast<std::uint32_t>(term.column));
    if (term.column >= 0 && found != columns.end()) {
      cursor.order_at_.push_back(static_cast<int>(found - columns.begin()));
    } else {
      cursor.order_at_.push_back(static_cast<int>(expressions.size()));
      expressions.push_back(order_expressions.back());
    }
  }
  if (expressions.empty()) expressions.emplace_back("1");
  cursor.from_ = absl::StrCat(" FROM main.", QuoteName(plan->schema.name));
  if (!plan->rowid.empty()) order_expressions.push_back(plan->rowid);
  if (!order_expressions.empty()) {
    cursor.heavy_select_ = absl::StrCat("SELECT ", absl::StrJoin(order_expressions, ", "), cursor.from_);
  }

  RETURN_IF_ERROR(cursor.Prepare());
  return cursor;
}

absl::Status SqliteCursor::Prepare() {
  const std::string values = absl::StrJoin(expressions_, ", ");
  const std::string call = absl::StrCat(RowCall::kName, "(", values, ")");
  const std::string& filter = plan_->filter;
  std::string first =
      absl::StrCat("SELECT 1", from_, " WHERE ",
                   filter.empty() ? call : absl::StrCat("CASE WHEN ", filter, " THEN ", call, " ELSE 0 END"),
                   OrderBy(order_));
  // SQLite may evaluate the terms of a WHERE in any order, but not those of a CASE.
  const std::string behind = order_.empty() ? "1" : Behind(order_, 0);
  std::string next =
      absl::StrCat("SELECT 1", from_, " WHERE ", behind, " AND CASE WHEN ", behind,
                   filter.empty() ? "" : " AND ", filter, " THEN ", call, " ELSE 0 END", OrderBy(order_));
  // In a view, SQLite may call the function before it filters rows out.
  by_call_ = !plan_->view && static_cast<int>(expressions_.size()) <=
                                 sqlite3_limit(file_->handle(), SQLITE_LIMIT_FUNCTION_ARG, -1);
  for (const std::string* sql : {&first, &next}) {
    if (!by_call_) break;
    // If SQLite sorts, it calls the function before the sort.
    ASSIGN_OR_RETURN(const bool sorts, Sorts(*sql));
    by_call_ = !sorts;
  }
  if (!by_call_) {
    first = absl::StrCat("SELECT ", values, plan_->FromWhere(), OrderBy(order_));
    if (!order_.empty()) next = absl::StrCat("SELECT ", values, from_, After());
  }
  absl::StatusOr<sqlite::Statement> statement = file_->Prepare(first);
  if (!statement.ok()) return statement.status();
  first_ = *std::move(statement);
  if (order_.empty()) return absl::OkStatus();
  statement = file_->Prepare(next);
  if (!statement.ok()) return statement.status();
  next_ = *std::move(statement);
  return absl::OkStatus();
}

absl::StatusOr<bool> SqliteCursor::Sorts(const std::string& sql) const {
  constexpr int kDetail = 3;
  ASSIGN_OR_RETURN(sqlite::Statement plan, file_->Prepare("EXPLAIN QUERY PLAN " + sql));
  plan.SetDoing(absl::StrCat("reading table '", plan_->schema.name, "'"));
  absl::StatusOr<bool> row = plan.Step();
  for (; row.ok() && *row; row = plan.Step()) {
    if (plan.View(kDetail).find("TEMP B-TREE") != std::string_view::npos) return true;
  }
  return row;
}

std::string SqliteCursor::After() const {
  return absl::StrCat(" WHERE ", Behind(order_, 0), plan_->filter.empty() ? "" : " AND ", plan_->filter,
                      OrderBy(order_));
}

absl::Status SqliteCursor::Fail(int code) const {
  return file_->Error(code, absl::StrCat("reading table '", plan_->schema.name, "'"));
}

absl::StatusOr<SqliteCursor::Stop> SqliteCursor::Take(const TakeRow& take) {
  if (running_ == nullptr) {
    running_ = started_ ? next_.get() : first_.get();
    for (std::size_t i = 0; i < last_.size(); ++i) last_[i].Bind(running_, static_cast<int>(i + 1));
  }
  last_.resize(order_.size());
  const int code = StepOver([&](sqlite3_value** values) {
    for (std::size_t i = 0; i < order_.size(); ++i) last_[i].Keep(values[order_at_[i]]);
    started_ = true;
    return take(values);
  });
  if (code == SQLITE_ROW) return Stop::kEnough;
  Leave();
  if (code == SQLITE_DONE) return Stop::kEnd;
  if (code != SQLITE_TOOBIG) return Fail(code);
  if (order_.empty()) {
    return absl::UnimplementedError(absl::StrCat("table '", plan_->schema.name, "' has a value over ",
                                                 kPartBytesMax / (1 << 20),
                                                 " MB, no key, and columns that are called rowid, _rowid_ "
                                                 "and oid: such rows cannot be found again. Rename ",
                                                 "one of the columns, or leave the table out with 'skip'"));
  }
  RETURN_IF_ERROR(LocateHeavy());
  last_ = heavy_key_;
  started_ = true;
  return Stop::kHeavy;
}

void SqliteCursor::StartBehind(std::vector<sqlite::Value> terms) {
  Leave();
  started_ = !terms.empty();
  last_ = std::move(terms);
}

int SqliteCursor::StepOver(const TakeRow& take) {
  if (by_call_) return file_->row_call().Step(running_, take);
  int code = SQLITE_ROW;
  do {
    code = sqlite3_step(running_);
  } while (code == SQLITE_ROW && take(values_.Of(running_)));
  return code;
}

void SqliteCursor::Leave() {
  if (running_ != nullptr) sqlite3_reset(running_);
  running_ = nullptr;
}

absl::Status SqliteCursor::LocateHeavy() {
  ForgetHeavy();
  const std::string all = plan_->filter.empty() ? "" : absl::StrCat(" WHERE ", plan_->filter);
  const std::string where = started_ ? After() : absl::StrCat(all, OrderBy(order_));
  ASSIGN_OR_RETURN(const sqlite::Statement statement,
                   file_->Prepare(absl::StrCat(heavy_select_, where, " LIMIT 1")));
  for (std::size_t i = 0; i < last_.size(); ++i) last_[i].Bind(statement.get(), static_cast<int>(i + 1));
  const int code = sqlite3_step(statement.get());
  if (code == SQLITE_TOOBIG) {
    return absl::InvalidArgumentError(absl::StrCat("table '", plan_->schema.name, "' has a key value over ",
                                                   kPartBytesMax / (1 << 20),
                                                   " MB, which no mirror takes: leave it out with 'skip'"));
  }
  if (code != SQLITE_ROW) return Fail(code);
  heavy_key_.resize(order_.size());
  for (std::size_t i = 0; i < order_.size(); ++i)
    heavy_key_[i].Keep(sqlite3_column_value(statement.get(), static_cast<int>(i)));
  heavy_rowid_.reset();
  if (!plan_->rowid.empty())
    heavy_rowid_ = sqlite3_column_int64(statement.get(), static_cast<int>(order_.size()));
  return absl::OkStatus();
}

absl::StatusOr<bool> SqliteCursor::Locate(std::vector<sqlite::Value> key) {
  ForgetHeavy();
  heavy_key_ = std::move(key);
  heavy_rowid_.reset();
  // The row is read column by column from now on. So the filter is evaluated now.
  ASSIGN_OR_RETURN(const sqlite::Statement statement,
                   OfHeavyRow(plan_->rowid.empty() ? "NULL" : plan_->rowid, plan_->filter));
  const int code = sqlite3_step(statement.get());
  if (code == SQLITE_DONE) return false;
  if (code != SQLITE_ROW) return Fail(code);
  if (!plan_->rowid.empty()) heavy_rowid_ = sqlite3_column_int64(statement.get(), 0);
  return true;
}

void SqliteCursor::ForgetHeavy() {
  whole_.clear();
  whole_.shrink_to_fit();
  whole_column_.reset();
  blob_.reset();
}

absl::StatusOr<sqlite::Statement> SqliteCursor::OfHeavyRow(const std::string& expression,
                                                           const std::string& filter) {
  std::vector<std::string> terms;
  if (!filter.empty()) terms.push_back(filter);
  for (std::size_t i = 0; i < order_.size(); ++i)
    terms.push_back(absl::StrCat(order_[i].expression, " = ?", i + 1));
  absl::StatusOr<sqlite::Statement> statement =
      file_->Prepare(absl::StrCat("SELECT ", expression, " FROM main.", QuoteName(plan_->schema.name),
                                  " WHERE ", absl::StrJoin(terms, " AND ")));
  if (!statement.ok()) return statement.status();
  for (std::size_t i = 0; i < heavy_key_.size(); ++i)
    heavy_key_[i].Bind(statement->get(), static_cast<int>(i + 1));
  return statement;
}

absl::StatusOr<bool> SqliteCursor::HeavyValue(std::uint32_t column,
                                              const std::function<absl::Status(sqlite3_value*)>& value) {
  ASSIGN_OR_RETURN(const sqlite::Statement statement, OfHeavyRow(plan_->ValueOf(column)));
  const int code = sqlite3_step(statement.get());
  if (code == SQLITE_TOOBIG && plan_->IsTurned(column)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "table '", plan_->schema.name, "', column '", plan_->schema.columns[column].name, "': a value over ",
        kPartBytesMax / (1 << 20),
        " MB cannot be hashed or masked, and must not be sent unchanged. Nothing of the table is committed; "
        "leave such rows out with 'where', or the column with 'columns'"));
  }
  if (code == SQLITE_TOOBIG) return false;
  if (code == SQLITE_DONE) return Moved();
  if (code != SQLITE_ROW) return Fail(code);
  RETURN_IF_ERROR(value(sqlite3_column_value(statement.get(), 0)));
  return true;
}

bool SqliteCursor::InPieces(std::uint32_t column, bool text) const {
  return heavy_rowid_.has_value() && !plan_->generated[column] && !(text && file_->utf16());
}

absl::Status SqliteCursor::LoadWhole(std::uint32_t column) {
  if (whole_column_ == column) return absl::OkStatus();
  const int limit = sqlite3_limit(file_->handle(), SQLITE_LIMIT_LENGTH, -1);
  sqlite3_limit(file_->handle(), SQLITE_LIMIT_LENGTH, static_cast<int>(WireLimits{}.value_bytes_max));
  const absl::StatusOr<bool> loaded = HeavyValue(column, [this](sqlite3_value* value) {
    sqlite::Value kept;
    kept.Keep(value);
    whole_ = std::move(kept.bytes);
    return absl::OkStatus();
  });
  sqlite3_limit(file_->handle(), SQLITE_LIMIT_LENGTH, limit);
  if (!loaded.ok()) return loaded.status();
  if (!*loaded) return Fail(SQLITE_TOOBIG);
  whole_column_ = column;
  return absl::OkStatus();
}

absl::StatusOr<SqliteCursor::Heavy> SqliteCursor::HeavySize(std::uint32_t column) {
  ASSIGN_OR_RETURN(
      const sqlite::Statement kind,
      OfHeavyRow(absl::StrCat("typeof(", QuoteName(plan_->schema.columns[column].name), ") = 'text'")));
  Heavy heavy;
  const int code = sqlite3_step(kind.get());
  if (code == SQLITE_ROW) {
    heavy.text = sqlite3_column_int(kind.get(), 0) != 0;
  } else if (code != SQLITE_TOOBIG) {  // SQLite computes a generated value before it knows the type.
    return Fail(code);
  }
  if (!InPieces(column, heavy.text)) {
    RETURN_IF_ERROR(LoadWhole(column));
    heavy.size = whole_.size();
    return heavy;
  }
  RETURN_IF_ERROR(OpenBlob(column));
  heavy.size = static_cast<std::uint64_t>(sqlite3_blob_bytes(blob_.get()));
  if (file_->access() == Access::kChunks) blob_.reset();
  return heavy;
}

absl::Status SqliteCursor::OpenBlob(std::uint32_t column) {
  if (blob_ != nullptr && blob_column_ == column) return absl::OkStatus();
  sqlite3_blob* blob = nullptr;
  const int code = sqlite3_blob_open(file_->handle(), "main", plan_->schema.name.c_str(),
                                     plan_->schema.columns[column].name.c_str(), *heavy_rowid_, 0, &blob);
  blob_.reset(blob);
  blob_column_ = column;
  // The row is gone, or its value is neither text nor blob.
  if (code == SQLITE_ERROR) return Moved();
  if (code != SQLITE_OK) return Fail(code);
  return absl::OkStatus();
}

absl::Status SqliteCursor::Moved() const {
  return absl::AbortedError(absl::StrCat("table '", plan_->schema.name, "' changed while it was read"));
}

absl::StatusOr<std::string> SqliteCursor::HeavyPiece(std::uint32_t column, std::uint64_t offset,
                                                     std::size_t bytes) {
  if (whole_column_ == column) return whole_.substr(static_cast<std::size_t>(offset), bytes);
  std::string piece(bytes, '\0');
  RETURN_IF_ERROR(OpenBlob(column));
  // Another program may have shortened the value between two looks.
  if (offset + bytes > static_cast<std::uint64_t>(sqlite3_blob_bytes(blob_.get()))) return Moved();
  const int code =
      sqlite3_blob_read(blob_.get(), piece.data(), static_cast<int>(bytes), static_cast<int>(offset));
  if (file_->access() == Access::kChunks) blob_.reset();
  if (code != SQLITE_OK) return Fail(code);
  return piece;
}

}  // namespace mirror
