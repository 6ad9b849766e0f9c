#include "client/exchange/delivery_task.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "proto/wire/exchange/value_json.h"

namespace mirror {
namespace {

bool Accepts(const ExchangeRules& rules, v1::Operation operation) {
  switch (operation) {
    case v1::OPERATION_INSERT:
      return rules.inserts;
    case v1::OPERATION_UPDATE:
      return rules.updates;
    case v1::OPERATION_DELETE:
      return rules.deletes;
    default:
      return false;
  }
}

bool IsKey(const MemberTable& table, std::uint32_t column) {
  return std::find(table.key.begin(), table.key.end(), column) != table.key.end();
}

std::string NoColumn(const MemberTable& table, const std::string& column) {
  return absl::StrCat("table '", table.sent_name, "' has no column '", column, "'");
}

/// SQLite writes a number into a text column with 15 digits, but some numbers need 17.
sqlite::Value WholeInText(const Column& column, sqlite::Value value) {
  if (column.type != Type::kText || value.type != sqlite::Type::kReal) return value;
  double kept = 0;
  if (absl::SimpleAtod(absl::StrFormat("%.15g", value.real), &kept) && kept == value.real) return value;
  return {.type = sqlite::Type::kText, .bytes = absl::StrFormat("%.17g", value.real)};
}

/// Adds a column to write; returns why it cannot be written.
std::string AddWritten(const ExchangeRules& rules, std::uint32_t column, sqlite::Value value,
                       DeliveryTask* task) {
  const MemberTable& table = *task->table;
  const std::string& own = table.plan.schema.columns[column].name;
  if (std::string obstacle = table.Obstacle(column); !obstacle.empty()) return obstacle;
  if (!rules.AcceptsColumn(table.name(), own)) {
    return absl::StrCat("'accept_columns' does not include '", table.name(), ".", own, "'");
  }
  if (task->delivery->operation() == v1::OPERATION_UPDATE && IsKey(table, column)) {
    return absl::StrCat("column '", own, "' is in the key of table '", table.name(),
                        "', and a delivery cannot change a key");
  }
  task->written.emplace_back(column, WholeInText(table.plan.schema.columns[column], std::move(value)));
  return "";
}

std::string TakeKey(const ExchangeRules& rules, DeliveryTask* task) {
  const MemberTable& table = *task->table;
  const bool inserts = task->delivery->operation() == v1::OPERATION_INSERT;
  for (const v1::Literal& part : task->delivery->key()) {
    const std::size_t place = task->key.size();
    task->key.push_back(place < table.key.size() ? table.ShownPart(table.key[place], ToValue(part))
                                                 : ToValue(part));
  }
  if (task->key.size() != table.key.size() && !(inserts && task->key.empty())) {
    return absl::StrCat("the key of table '", table.sent_name, "' has ", table.key.size(),
                        " columns, but the key in the delivery has ", task->key.size());
  }
  if (!inserts) return "";
  const auto value_of = [task](std::uint32_t column) {
    return std::find_if(task->written.begin(), task->written.end(),
                        [column](const auto& one) { return one.first == column; });
  };
  if (task->key.empty()) {
    for (const std::uint32_t column : table.key) {
      const auto given = value_of(column);
      // Then the database makes the rest of the key.
      if (given == task->written.end()) return task->key.clear(), "";
      task->key.push_back(given->second);
    }
    return "";
  }
  for (std::size_t i = 0; i < table.key.size(); ++i) {
    if (value_of(table.key[i]) != task->written.end()) continue;
    if (std::string why = AddWritten(rules, table.key[i], task->key[i], task); !why.empty()) return why;
  }
  return "";
}

std::string TakeMapped(DeliveryTask* task) {
  const MemberTable& table = *task->table;
  for (const std::string& name : task->delivery->row_columns()) {
    const std::optional<std::uint32_t> column = table.FindSent(name);
    if (!column) return NoColumn(table, name);
    if (std::string obstacle = table.Obstacle(*column); !obstacle.empty()) return obstacle;
    task->mapped.push_back(*column);
  }
  // A new row is not compared, but all values that the database puts there are reported.
  const bool inserts = task->delivery->operation() == v1::OPERATION_INSERT;
  if (inserts && task->mapped.empty()) task->mapped = table.PlainColumns();
  for (const auto& [column, value] : task->written) {
    const auto known = std::find(task->mapped.begin(), task->mapped.end(), column);
    if (inserts && known == task->mapped.end()) task->mapped.push_back(column);
    if (!inserts && known == task->mapped.end()) {
      return absl::StrCat("the delivery writes column '", table.SentColumn(column),
                          "', but does not compare its old value");
    }
  }
  return "";
}

}  // namespace

sqlite::Value ToValue(const v1::Literal& literal) {
  switch (literal.value_case()) {
    case v1::Literal::kIntValue:
      return {.type = sqlite::Type::kInteger, .integer = literal.int_value()};
    case v1::Literal::kDoubleValue:
      return {.type = sqlite::Type::kReal, .real = literal.double_value()};
    case v1::Literal::kTextValue:
      return {.type = sqlite::Type::kText, .bytes = literal.text_value()};
    case v1::Literal::kRawTextValue:
      return {.type = sqlite::Type::kText, .bytes = literal.raw_text_value()};
    case v1::Literal::kBytesValue:
      return {.type = sqlite::Type::kBlob, .bytes = literal.bytes_value()};
    default:
      return {};
  }
}

std::string OperationName(v1::Operation operation) {
  switch (operation) {
    case v1::OPERATION_INSERT:
      return "INSERT";
    case v1::OPERATION_UPDATE:
      return "UPDATE";
    case v1::OPERATION_DELETE:
      return "DELETE";
    default:
      return "";
  }
}

std::string MakeTask(const v1::Delivery& delivery, const MemberTable* table, const ExchangeRules& rules,
                     DeliveryTask* task) {
  if (!Accepts(rules, delivery.operation())) {
    return absl::StrCat("'accept' of its [[source]] does not include ", OperationName(delivery.operation()));
  }
  if (table == nullptr) {
    return absl::StrCat("the source has no table '", delivery.table(), "' with a change log");
  }
  if (!rules.AcceptsTable(table->name())) {
    return absl::StrCat("'accept_tables' does not include '", table->name(), "'");
  }
  if (table->key.empty()) return absl::StrCat("table '", table->name(), "' has no key");
  if (!table->steps.where.empty()) {
    return absl::StrCat(
        "table '", table->name(),
        "' has a 'where' in its [[source.table]], so it may have rows that the hub cannot see");
  }
  task->delivery = &delivery;
  task->table = table;
  for (const v1::DeliveredValue& value : delivery.columns()) {
    const std::optional<std::uint32_t> column = table->FindSent(value.column());
    if (!column) return NoColumn(*table, value.column());
    if (std::string why = AddWritten(rules, *column, ToValue(value.value()), task); !why.empty()) return why;
  }
  if (delivery.operation() == v1::OPERATION_UPDATE && task->written.empty())
    return "the delivery is an update that sets no column";
  if (std::string why = TakeKey(rules, task); !why.empty()) return why;
  return TakeMapped(task);
}

std::string MakeMatchRule(const v1::MatchKey& key, const MemberTable* table, MatchRule* rule) {
  if (table == nullptr) return absl::StrCat("the source has no table '", key.table(), "' with a change log");
  if (table->key.empty()) return absl::StrCat("table '", table->name(), "' has no key");
  if (key.columns_size() == 0 || key.normalise_size() != key.columns_size() ||
      key.values_size() != key.columns_size()) {
    return "a match key of the delivery is incomplete";
  }
  for (int i = 0; i < key.columns_size(); ++i) {
    const std::optional<std::uint32_t> column = table->FindSent(key.columns(i));
    if (!column) return NoColumn(*table, key.columns(i));
    if (std::string obstacle = table->Obstacle(*column); !obstacle.empty()) return obstacle;
    if (key.normalise(i) > v1::NORMALISE_ALNUM) {
      return "a match key has a normalisation that this version does not know: update mirror-agent";
    }
    rule->columns.push_back(*column);
    rule->normalise.push_back(static_cast<Normalise>(key.normalise(i)));
  }
  return "";
}

absl::StatusOr<sqlite::Statement> PrepareTask(const SqliteFile& file, const DeliveryTask& task) {
  const MemberTable& table = *task.table;
  const auto quoted = [&table](std::uint32_t column) {
    return QuoteName(table.plan.schema.columns[column].name);
  };
  const std::string name = absl::StrCat("main.", QuoteName(table.name()));
  std::vector<std::string> columns, places, sets;
  for (const auto& [column, value] : task.written) {
    columns.push_back(quoted(column));
    places.push_back(absl::StrCat("?", columns.size()));
    sets.push_back(absl::StrCat(columns.back(), " = ", places.back()));
  }
  const std::string where = absl::StrCat(" WHERE ", table.KeyIs(static_cast<int>(columns.size() + 1)));
  std::string sql;
  // OR ABORT: no other row is replaced, whatever the table's constraints say.
  if (task.delivery->operation() == v1::OPERATION_INSERT) {
    std::vector<std::string> key;
    for (const std::uint32_t column : table.key) key.push_back(quoted(column));
    sql = absl::StrCat("INSERT OR ABORT INTO ", name,
                       columns.empty() ? " DEFAULT VALUES"
                                       : absl::StrCat(" (", absl::StrJoin(columns, ", "), ") VALUES (",
                                                      absl::StrJoin(places, ", "), ")"),
                       " RETURNING ", absl::StrJoin(key, ", "));
  } else if (task.delivery->operation() == v1::OPERATION_UPDATE) {
    sql = absl::StrCat("UPDATE OR ABORT ", name, " SET ", absl::StrJoin(sets, ", "), where);
  } else {
    sql = absl::StrCat("DELETE FROM ", name, where);
  }
  absl::StatusOr<sqlite::Statement> statement = file.Prepare(sql);
  if (!statement.ok()) return statement;
  int place = 0;
  for (const auto& [column, value] : task.written) statement->Bind(++place, value);
  if (task.delivery->operation() != v1::OPERATION_INSERT) {
    for (const sqlite::Value& part : task.key) statement->Bind(++place, part);
  }
  return statement;
}

std::string KeyText(const RowOf& key) {
  std::vector<Literal> values;
  for (const sqlite::Value& value : key) values.push_back(ToLiteral(value));
  return KeyJson(values);
}

std::string WhyNotAsKnown(const v1::Delivery& delivery, const std::optional<RowOf>& row) {
  if (!row) return "the row no longer exists";
  return DigestOf(*row) == delivery.row_digest() ? "" : "the row differs from what the hub knew";
}

LedgerRow RefusedRow(const v1::Delivery& delivery, const std::optional<LedgerState>& known,
                     const std::string& reason, std::int64_t now_ms) {
  LedgerRow row;
  row.delivery_id = delivery.delivery_id();
  row.operation = OperationName(delivery.operation());
  row.table_name = delivery.table();
  RowOf key;
  for (const v1::Literal& part : delivery.key()) key.push_back(ToValue(part));
  if (!key.empty()) row.key = KeyText(key);
  row.reason = reason;
  row.at = now_ms;
  row.attempts = (known ? known->attempts : 0) + 1;
  row.next_at = TriedAgainAt(row.attempts, row.at);
  return row;
}

Wrote WroteOf(const DeliveryTask& task, const RowOf& before, const RowOf& behind) {
  Wrote wrote;
  for (std::size_t i = 0; i < task.mapped.size(); ++i) {
    const std::uint32_t column = task.mapped[i];
    WroteColumn entry;
    entry.result = ToLiteral(behind[i]);
    bool told = false;
    for (const v1::DeliveredValue& value : task.delivery->columns()) {
      if (task.table->FindSent(value.column()) != column) continue;
      entry.version_ms = value.version_ms();
      entry.wish = ToLiteral(ToValue(value.value()));
      told = true;
    }
    const Literal former = before.empty() ? Literal(Null{}) : ToLiteral(before[i]);
    if (told || entry.result != former) wrote.emplace(task.table->SentColumn(column), std::move(entry));
  }
  return wrote;
}

}  // namespace mirror
