#include "client/source/postgres/log/postgres_staged_texts.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/db/postgres/failure.h"
#include "base/db/postgres/name.h"
#include "base/db/postgres/value.h"
#include "base/status_macros.h"
#include "client/source/postgres/postgres_types.h"
#include "client/source/postgres/postgres_words.h"

namespace mirror {
namespace {

constexpr char kReadingBase[] = "reading rows of it by their keys";

/// As the type's output function writes it: a cast to text does not, for char(n), inet and others.
std::string OutputSql(const PostgresColumn& column) {
  const std::string name = absl::StrCat("t.", QuoteName(column.name));
  return absl::StrCat("CASE WHEN ", name, " IS DISTINCT FROM NULL THEN format('%s', ", name, ") END");
}

}  // namespace

PostgresStagedTexts::PostgresStagedTexts(std::shared_ptr<const PostgresLook> look,
                                         std::shared_ptr<const KnownPostgresTable> known,
                                         PositionOf position_of)
    : ServerStagedTexts(std::move(look), std::move(known), std::move(position_of)),
      key_(known_->schema.Key()) {
  for (std::size_t i = 0; i < known_->table.columns.size(); ++i)
    columns_.push_back(TextColumnOf(known_->table.columns[i], known_->schema.columns[i]));
}

std::vector<Value> PostgresStagedTexts::Take(const std::vector<std::uint32_t>& columns,
                                             const std::vector<SourceText>& texts,
                                             std::vector<Misfit>* misfits) {
  values_.Clear();
  std::vector<Value> values(columns.size());
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const PostgresTextColumn& column = columns_[columns[i]];
    if (!texts[i]) {
      if (!column.announced.nullable) misfits->push_back({columns[i], /*is_null=*/true});
      continue;
    }
    const std::optional<Value> value = values_.Decode(column, *texts[i]);
    if (value) {
      values[i] = *value;
    } else {
      misfits->push_back({columns[i], /*is_null=*/false});
    }
  }
  return values;
}

std::string PostgresStagedTexts::BaseSql(bool by_text) const {
  const PostgresTable& table = known_->table;
  std::vector<std::string> outputs, arrays, names, terms;
  for (const PostgresColumn& column : table.columns) outputs.push_back(OutputSql(column));
  for (std::size_t i = 0; i < key_.size(); ++i) {
    const PostgresColumn& column = table.columns[key_[i]];
    const std::string part = absl::StrCat("k.k", i);
    names.push_back(absl::StrCat("k", i));
    arrays.push_back(absl::StrCat("$", i + 1, "::text[]"));
    // As the key's own index has it, so that it leads there.
    terms.push_back(by_text ? absl::StrCat("format('%s', t.", QuoteName(column.name), ") = ", part)
                            : absl::StrCat("t.", QuoteName(column.name), " ",
                                           i < table.key_operators.size() ? table.key_operators[i] : "=", " ",
                                           part, "::", column.type_name));
  }
  return absl::StrCat("SELECT ", absl::StrJoin(outputs, ", "), " FROM unnest(", absl::StrJoin(arrays, ", "),
                      ") AS k(", absl::StrJoin(names, ", "), ") JOIN ", table.Rows(), " ON ",
                      absl::StrJoin(terms, " AND "));
}

absl::Status PostgresStagedTexts::ReadInto(const std::vector<StagedKey>& keys, bool by_text,
                                           std::string* snapshot, std::vector<BaseRow>* rows) const {
  const auto explain = [this](const absl::Status& status) {
    return ExplainReading(status, known_->table, look_->place.role);
  };
  ASSIGN_OR_RETURN(const std::unique_ptr<SourceReading> reading,
                   BeginPostgresReading(*look_, *known_, snapshot));
  std::vector<postgres::Array> arrays;
  for (std::size_t i = 0; i < key_.size(); ++i) arrays.emplace_back(postgres::Type::kText);
  for (const StagedKey& key : keys) {
    const std::vector<std::string> texts = UnpackStagedKey(key);
    if (texts.size() != key_.size()) return absl::DataLossError("a staged key is not one of its table");
    for (std::size_t i = 0; i < key_.size(); ++i) arrays[i].Add(texts[i]);
  }
  std::vector<postgres::Value> values;
  for (postgres::Array& array : arrays) values.push_back(array.value());
  ASSIGN_OR_RETURN(postgres::RowStream stream,
                   reading->connection().Stream(BaseSql(by_text), values, kReadingBase));
  absl::StatusOr<bool> more = stream.Step();
  for (; more.ok() && *more; more = stream.Step()) {
    BaseRow& row = rows->emplace_back();
    const postgres::Rows& read = stream.row();
    for (std::size_t i = 0; i < known_->table.columns.size(); ++i) {
      StagedValue& value = row.values.emplace_back();
      value.column = known_->table.columns[i].number;
      if (!read.IsNull(0, static_cast<int>(i))) value.text = read.Text(0, static_cast<int>(i));
    }
    std::vector<std::string> texts;
    for (const std::uint32_t column : key_) texts.push_back(row.values[column].text.value_or(""));
    row.key = PackStagedKey(texts);
  }
  const bool is_no_value = postgres::TroubleOf(more.status()) == postgres::Trouble::kValue;
  return is_no_value && !by_text ? more.status() : explain(more.status());
}

absl::StatusOr<std::vector<StagedTexts::BaseRow>> PostgresStagedTexts::ReadRows(
    const std::vector<StagedKey>& keys, std::string* snapshot) {
  std::vector<BaseRow> read;
  absl::Status status = ReadInto(keys, /*by_text=*/false, snapshot, &read);
  // A label of an enum that was renamed since.
  if (postgres::TroubleOf(status) == postgres::Trouble::kValue) {
    read.clear();
    status = ReadInto(keys, /*by_text=*/true, snapshot, &read);
  }
  if (!status.ok()) return status;
  return read;
}

}  // namespace mirror
