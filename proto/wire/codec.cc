#include "proto/wire/codec.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "proto/wire/column_check.h"
#include "proto/wire/receipt.h"
#include "proto/wire/table_pack.h"
#include "proto/wire/value_rules.h"

namespace mirror {
namespace {

// Converts an enumeration by number; a number from a later version becomes kUnspecified.
template <typename E>
E Known(int number, E last) {
  return number >= 0 && number <= static_cast<int>(last) ? static_cast<E>(number) : E{};
}

// --- Tables ---

Literal DecodeLiteral(const v1::Literal& message) {
  switch (message.value_case()) {
    case v1::Literal::kIntValue:
      return std::int64_t{message.int_value()};
    case v1::Literal::kDoubleValue:
      return message.double_value();
    case v1::Literal::kTextValue:
      return message.text_value();
    case v1::Literal::kBytesValue:
      return Bytes{message.bytes_value()};
    case v1::Literal::kRawTextValue:  // DecodeTable refuses it.
    case v1::Literal::kNullValue:
    case v1::Literal::VALUE_NOT_SET:
      break;
  }
  return Null{};
}

struct LiteralEncoder {
  v1::Literal* message;
  void operator()(Null) const { message->set_null_value(true); }
  void operator()(std::int64_t value) const { message->set_int_value(value); }
  void operator()(double value) const { message->set_double_value(value); }
  void operator()(const std::string& value) const { message->set_text_value(value); }
  void operator()(const Bytes& bytes) const { message->set_bytes_value(bytes.value); }
};

Column DecodeColumn(const v1::Column& message) {
  Column column;
  column.name = message.name();
  column.type = Known(message.type(), Type::kAny);
  column.length = message.length();
  column.precision = message.precision();
  column.scale = message.scale();
  column.affinity = Known(message.affinity(), Affinity::kReal);
  column.nullable = message.nullable();
  if (message.has_default_value()) column.default_value = DecodeLiteral(message.default_value());
  column.key_position = message.key_position();
  column.column_id = message.column_id();
  column.backfill = Known(message.backfill(), Backfill::kUnknown);  // An unknown number counts as UNKNOWN.
  return column;
}

TableSchema TableOf(const v1::Table& message) {
  TableSchema table;
  table.name = message.name();
  table.columns.reserve(static_cast<std::size_t>(message.columns_size()));
  for (const v1::Column& column : message.columns()) table.columns.push_back(DecodeColumn(column));
  table.table_id = message.table_id();
  table.preserve_target = message.preserve_target();
  table.deletes = static_cast<Deletes>(message.deletes());
  return table;
}

// --- Batches ---

constexpr std::string_view kAsAgreed = "send it as the protocol says";

absl::Status CheckPosition(const Place& place, const std::string& what, const v1::Position& position) {
  if (position.lsn() < 0) return place.Refuse(absl::StrCat(what, " has an LSN below 0"), kAsAgreed);
  if (position.lineage().size() > kLineageBytesMax) {
    return place.Refuse(absl::StrCat("the lineage of ", what, " is over ", kLineageBytesMax, " bytes"),
                        kAsAgreed);
  }
  return absl::OkStatus();
}

// Checks the fields of the batch other than the rows.
absl::Status CheckFrame(const v1::ChangeBatch& message, const Place& place) {
  if (!SameName(message.table(), place.table.name)) {
    return place.Refuse("the batch is for another table", "send it under the table's own name");
  }
  if (message.seq() < 1) return place.Refuse("'seq' begins with 1", kAsAgreed);
  if (message.base_lsn() < -1) return place.Refuse("'base_lsn' is below -1", kAsAgreed);
  if (message.seq() == 1 && !message.has_target()) {
    return place.Refuse("the first batch has no 'target'", kAsAgreed);
  }
  RETURN_IF_ERROR(CheckPosition(place, "'target'", message.target()));
  if (message.seq() != 1 && (message.has_planned() || message.populate() != 0)) {
    return place.Refuse("'planned' and 'populate' belong to the batch with seq 1", kAsAgreed);
  }
  if (!v1::PopulateReason_IsValid(message.populate())) {
    return place.Refuse("a reason of 'populate' that is not known here", kAsAgreed);
  }
  if (message.has_commit()) {
    if (!message.commit().has_position()) return place.Refuse("'commit' has no position", kAsAgreed);
    const std::int64_t time = message.commit().source_time_ms();
    if (time < 0 || time > kSourceTimeMsMax) {
      return place.Refuse("'source_time_ms' is not a time in unix milliseconds", kAsAgreed);
    }
    return CheckPosition(place, "the position of 'commit'", message.commit().position());
  }
  return absl::OkStatus();
}

absl::Status CheckSize(const v1::ChangeBatch& message, const Place& place, const WireLimits& limits) {
  const std::uint64_t rows = message.row_count();
  const auto columns = static_cast<std::uint64_t>(message.columns_size());
  if (rows == 0 && !message.has_commit() && message.populate() == 0) {
    return place.Refuse("a batch without rows, 'commit' and 'populate'", "leave it out");
  }
  if (rows > limits.batch_rows_max) {
    return place.TooMuch(absl::StrCat(rows, " rows; the limit is ", limits.batch_rows_max),
                         "send smaller batches");
  }
  if (rows * columns > limits.batch_cells_max) {
    return place.TooMuch(absl::StrCat(rows, " rows of ", columns, " columns; the limit is ",
                                      limits.batch_cells_max, " values"),
                         "send smaller batches");
  }
  return absl::OkStatus();
}

// Returns for each column of the table whether it is present. Errors: an index that the table does not have,
// or a column that is present twice.
absl::StatusOr<std::vector<bool>> GivenColumns(
    const google::protobuf::RepeatedPtrField<v1::ColumnData>& columns, const Place& place) {
  const TableSchema& table = place.table;
  std::vector<bool> given(table.columns.size());
  for (const v1::ColumnData& data : columns) {
    if (data.column() >= table.columns.size()) {
      return place.Refuse(
          absl::StrCat("column index ", data.column(), "; the table has ", table.columns.size(), " columns"),
          kAsAgreed);
    }
    if (given[data.column()]) {
      return Place{table, &table.columns[data.column()]}.Refuse("the column is given twice", kAsAgreed);
    }
    given[data.column()] = true;
  }
  return given;
}

// Checks that the columns required by the operation are present, each once.
absl::Status CheckColumns(const v1::ChangeBatch& message, const Place& place) {
  const TableSchema& table = place.table;
  ASSIGN_OR_RETURN(const std::vector<bool> given, GivenColumns(message.columns(), place));
  std::size_t keys_given = 0;
  for (const v1::ColumnData& data : message.columns()) {
    if (table.columns[data.column()].key_position != 0) ++keys_given;
  }
  const auto missing = [&](bool key_only) -> const Column* {
    for (std::size_t i = 0; i < given.size(); ++i) {
      if (given[i] || table.columns[i].rule == Rule::kLeftOut) continue;
      if (!key_only || table.columns[i].key_position != 0) return &table.columns[i];
    }
    return nullptr;
  };
  const auto others = static_cast<std::size_t>(message.columns_size()) - keys_given;
  switch (message.operation()) {
    case v1::OPERATION_INSERT:
      if (const Column* column = missing(false); column != nullptr) {
        return Place{table, column}.Refuse("an INSERT without the column",
                                           "send all columns that are wanted");
      }
      return absl::OkStatus();
    case v1::OPERATION_UPDATE:
      if (others == 0) return place.Refuse("an UPDATE with only the key", "send at least one other column");
      break;
    case v1::OPERATION_DELETE:
      if (others != 0) return place.Refuse("a DELETE with columns other than the key", "send only the key");
      break;
    default:
      return place.Refuse("an operation that is not known here", kAsAgreed);
  }
  if (const Column* column = missing(true); column != nullptr) {
    return Place{table, column}.Refuse("a key column is missing", "send all columns of the key");
  }
  return absl::OkStatus();
}

absl::Status CheckOperation(const v1::ChangeBatch& message, const Place& place) {
  const bool changes =
      message.operation() == v1::OPERATION_UPDATE || message.operation() == v1::OPERATION_DELETE;
  if (changes && place.table.Key().empty()) {
    return place.Refuse("UPDATE and DELETE need a key, and the table has none", "populate it whole");
  }
  const bool nothing = message.row_count() == 0 && message.columns_size() == 0;
  if (!nothing) return CheckColumns(message, place);
  return v1::Operation_IsValid(message.operation())
             ? absl::OkStatus()
             : place.Refuse("an operation that is not known here", kAsAgreed);
}

ColumnView ViewOf(const v1::ColumnData& data) {
  ColumnView view;
  view.column = data.column();
  view.ints = {data.ints().data(), static_cast<std::size_t>(data.ints_size())};
  view.doubles = {data.doubles().data(), static_cast<std::size_t>(data.doubles_size())};
  view.data = data.data();
  view.nulls = data.nulls();
  view.kinds = data.kinds();
  view.large.reserve(static_cast<std::size_t>(data.large_size()));
  for (const v1::LargeValue& large : data.large()) {
    view.large.push_back({large.row(), large.value_id(), large.size()});
  }
  return view;
}

// Checks the values of columns that GivenColumns() has checked before, and makes views of them.
absl::Status DecodeColumns(const google::protobuf::RepeatedPtrField<v1::ColumnData>& columns,
                           std::uint32_t row_count, const TableSchema& table, const WireLimits& limits,
                           std::vector<ColumnView>* views) {
  views->reserve(static_cast<std::size_t>(columns.size()));
  for (const v1::ColumnData& data : columns) {
    ColumnView& view = views->emplace_back(ViewOf(data));
    const std::span<const std::uint32_t> lengths(data.lengths().data(),
                                                 static_cast<std::size_t>(data.lengths_size()));
    RETURN_IF_ERROR(CheckColumn(table, row_count, limits, lengths, &view));
  }
  return absl::OkStatus();
}

// --- Rows and keys that an endpoint returns ---

template <typename Message>
void EncodeBlock(const RowBlock& block, Message* message) {
  message->clear_columns();
  message->set_row_count(static_cast<std::uint32_t>(block.rows()));
  for (const ColumnBuffer& column : block.columns) {
    v1::ColumnData* data = message->add_columns();
    data->set_column(column.column());
    data->mutable_ints()->Assign(column.ints().begin(), column.ints().end());
    data->mutable_doubles()->Assign(column.doubles().begin(), column.doubles().end());
    data->set_data(column.data());
    data->mutable_lengths()->Assign(column.lengths().begin(), column.lengths().end());
    if (!column.nulls().empty()) {
      data->set_nulls(column.nulls());
      data->mutable_nulls()->resize((block.rows() + 7) / 8, '\0');
    }
    data->set_kinds(column.kinds());
    for (const LargeValue& large : column.large()) {
      v1::LargeValue* out = data->add_large();
      out->set_row(large.row);
      out->set_value_id(large.value_id);
      out->set_size(large.size);
    }
  }
}

void EncodeKeyPart(const KeyPart& part, v1::Literal* message) {
  switch (part.kind) {
    case Kind::kInteger:
      message->set_int_value(part.integer);
      break;
    case Kind::kReal:
      message->set_double_value(part.real);
      break;
    case Kind::kText:
      message->set_text_value(part.bytes);
      break;
    case Kind::kBlob:
      message->set_bytes_value(part.bytes);
      break;
    case Kind::kRawText:
      message->set_raw_text_value(part.bytes);
      break;
    case Kind::kNull:
      message->set_null_value(true);
      break;
  }
}

KeyPart PartOf(const v1::Literal& message) {
  KeyPart part;
  switch (message.value_case()) {
    case v1::Literal::kIntValue:
      part.kind = Kind::kInteger;
      part.integer = message.int_value();
      break;
    case v1::Literal::kDoubleValue:
      part.kind = Kind::kReal;
      part.real = message.double_value();
      break;
    case v1::Literal::kTextValue:
      part.kind = Kind::kText;
      part.bytes = message.text_value();
      break;
    case v1::Literal::kBytesValue:
      part.kind = Kind::kBlob;
      part.bytes = message.bytes_value();
      break;
    case v1::Literal::kRawTextValue:
      part.kind = Kind::kRawText;
      part.bytes = message.raw_text_value();
      break;
    case v1::Literal::kNullValue:
    case v1::Literal::VALUE_NOT_SET:
      break;
  }
  return part;
}

/// Returns true if a value can be a bound for keys of this column: the column need not be able to hold it.
bool CanBound(const Column& column, const KeyPart& part) {
  switch (StorageOf(column.type)) {
    case Storage::kInts:
      return part.kind == Kind::kInteger && IntRuleOf(column).Holds(part.integer);
    case Storage::kDoubles:
      return part.kind == Kind::kReal && HoldsReal(Type::kDouble, part.real);
    case Storage::kBytes:
      if (column.type == Type::kUuid) return part.kind == Kind::kBlob && part.bytes.size() == 16;
      if (column.type == Type::kBytes) return part.kind == Kind::kBlob;
      return part.kind == Kind::kText;
    case Storage::kAny:
      return part.kind != Kind::kNull && (part.kind != Kind::kReal || HoldsReal(Type::kDouble, part.real));
  }
  return false;
}

absl::StatusOr<Key> DecodeKey(const google::protobuf::RepeatedPtrField<v1::Literal>& values,
                              const TableSchema& table) {
  Key key;
  if (values.empty()) return key;
  const std::vector<std::uint32_t> columns = table.Key();
  if (static_cast<std::size_t>(values.size()) != columns.size()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "table '", table.name, "': a range has ", values.size(), " values and the key ", columns.size(),
        " columns. Nothing was read. Give all of the key, or none for no bound."));
  }
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const Column& column = table.columns[columns[i]];
    key.push_back(PartOf(values[static_cast<int>(i)]));
    if (CanBound(column, key.back())) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "table '", table.name, "', column '", column.name, "': the bound of a range is not a value of type ",
        std::string(ToString(column.type)), ". Nothing was read. Send values of the key."));
  }
  return key;
}

}  // namespace

absl::StatusOr<TableSchema> DecodeTable(const v1::Table& message, const WireLimits& limits) {
  RETURN_IF_ERROR(CheckName(message.name(), "table"));
  const auto columns = static_cast<std::uint64_t>(message.columns_size());
  if (columns > limits.columns_max) {
    return absl::ResourceExhaustedError(absl::StrCat("table '", message.name(), "': ", columns,
                                                     " columns; the limit is ", limits.columns_max,
                                                     ". Leave columns out and announce the table again."));
  }
  if (!v1::Deletes_IsValid(message.deletes())) {
    return absl::InvalidArgumentError(
        absl::StrCat("table '", message.name(),
                     "': its rule for deletes is not known here. Announce the table with another."));
  }
  for (const v1::Column& column : message.columns()) {
    if (!column.default_value().has_raw_text_value()) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("table '", message.name(), "', column '", column.name(),
                     "': its default is text that is not UTF-8. Leave it out."));
  }
  TableSchema table = TableOf(message);
  RETURN_IF_ERROR(CheckTable(table));
  return table;
}

std::string AnnouncementSha256(const v1::TableSchemaRequest& announcement) {
  return HexOf(HashOf(announcement.SerializeAsString()));
}

void EncodeTable(const TableSchema& table, v1::Table* message) {
  message->Clear();
  message->set_name(table.name);
  message->set_table_id(table.table_id);
  message->set_preserve_target(table.preserve_target);
  message->set_deletes(static_cast<v1::Deletes>(table.deletes));
  message->mutable_columns()->Reserve(static_cast<int>(table.columns.size()));
  for (const Column& column : table.columns) {
    v1::Column* out = message->add_columns();
    out->set_name(column.name);
    out->set_type(static_cast<v1::Type>(column.type));
    out->set_length(column.length);
    out->set_precision(column.precision);
    out->set_scale(column.scale);
    out->set_affinity(static_cast<v1::Affinity>(column.affinity));
    out->set_nullable(column.nullable);
    if (column.default_value) std::visit(LiteralEncoder{out->mutable_default_value()}, *column.default_value);
    out->set_key_position(column.key_position);
    out->set_column_id(column.column_id);
    out->set_backfill(static_cast<v1::Backfill>(column.backfill));
  }
}

absl::StatusOr<ChangeBatch> DecodeBatch(const v1::ChangeBatch& message, const TableSchema& table,
                                        const WireLimits& limits) {
  const Place place{table};
  RETURN_IF_ERROR(CheckFrame(message, place));
  RETURN_IF_ERROR(CheckSize(message, place, limits));
  RETURN_IF_ERROR(CheckOperation(message, place));

  ChangeBatch batch;
  batch.row_count = message.row_count();
  RETURN_IF_ERROR(DecodeColumns(message.columns(), batch.row_count, table, limits, &batch.columns));
  if (batch.row_count > 1) {
    ASSIGN_OR_RETURN(batch.key_order, KeyOrder(table, batch));
  }
  batch.table = table.name;
  batch.schema_hash = message.schema_hash();
  batch.seq = message.seq();
  batch.base_lsn = Lsn{message.base_lsn()};
  if (message.has_target()) batch.target = DecodePosition(message.target());
  if (message.has_planned()) {
    const v1::Planned& planned = message.planned();
    batch.planned =
        Planned{planned.inserts(), planned.updates(), planned.deletes(), planned.expected_deletes()};
  }
  batch.populate = static_cast<PopulateReason>(message.populate());
  batch.operation = static_cast<Operation>(message.operation());
  if (message.has_commit()) {
    batch.commit = CommitMark{message.commit().batches(), DecodePosition(message.commit().position()),
                              message.commit().source_time_ms()};
  }
  return batch;
}

void EncodeRows(const RowBlock& block, v1::ChangeBatch* message) { EncodeBlock(block, message); }

void EncodeRows(const RowBlock& block, v1::ReadRowsResponse* message) { EncodeBlock(block, message); }

absl::StatusOr<ReadRowsView> DecodeRows(const v1::ReadRowsResponse& message, const TableSchema& table,
                                        const WireLimits& limits) {
  const Place place{table};
  RETURN_IF_ERROR(GivenColumns(message.columns(), place).status());
  // Without columns, nothing bounds the number of rows.
  if (message.row_count() > 0 && message.columns().empty())
    return place.Refuse("rows without a column", kAsAgreed);
  ReadRowsView rows;
  rows.row_count = message.row_count();
  RETURN_IF_ERROR(DecodeColumns(message.columns(), rows.row_count, table, limits, &rows.columns));
  return rows;
}

absl::StatusOr<KeyRange> DecodeKeyRange(const v1::KeyRange& message, const TableSchema& table) {
  KeyRange range;
  ASSIGN_OR_RETURN(range.first, DecodeKey(message.first(), table));
  ASSIGN_OR_RETURN(range.last, DecodeKey(message.last(), table));
  return range;
}

void EncodeKeyRange(const KeyRange& range, v1::KeyRange* message) {
  for (const KeyPart& part : range.first) EncodeKeyPart(part, message->add_first());
  for (const KeyPart& part : range.last) EncodeKeyPart(part, message->add_last());
}

Position DecodePosition(const v1::Position& message) { return {Lsn{message.lsn()}, message.lineage()}; }

void EncodePosition(const Position& position, v1::Position* message) {
  message->set_lsn(position.lsn.value);
  message->set_lineage(position.lineage);
}

std::string PackTable(const TableSchema& table) {
  v1::Table message;
  EncodeTable(table, &message);
  if (PlainColumns(table).size() < table.columns.size()) {
    for (const Column& column : table.columns) {
      message.add_kept_rules(static_cast<v1::ColumnRule>(column.rule));
      message.add_kept_rule_details(column.rule_detail);
    }
  }
  return message.SerializeAsString();
}

namespace {

/// Decodes the kept rules. Returns false if they do not fit the table.
bool DecodeRules(const v1::Table& message, TableSchema* table) {
  if (message.kept_rules().empty()) return message.kept_rule_details().empty();
  const auto count = static_cast<int>(table->columns.size());
  if (message.kept_rules_size() != count || message.kept_rule_details_size() != count) return false;
  for (int i = 0; i < count; ++i) {
    if (!v1::ColumnRule_IsValid(message.kept_rules(i)) || message.kept_rules(i) == 0) return false;
    table->columns[static_cast<std::size_t>(i)].rule = static_cast<Rule>(message.kept_rules(i));
    table->columns[static_cast<std::size_t>(i)].rule_detail = message.kept_rule_details(i);
  }
  return true;
}

}  // namespace

absl::StatusOr<TableSchema> UnpackTable(std::string_view packed) {
  v1::Table message;
  const bool whole = packed.size() <= INT32_MAX &&
                     message.ParseFromArray(packed.data(), static_cast<int>(packed.size())) &&
                     v1::Deletes_IsValid(message.deletes());
  if (whole) {
    TableSchema table = TableOf(message);
    // Earlier versions accepted a zero with a sign.
    for (Column& column : table.columns) {
      auto* const text = column.default_value ? std::get_if<std::string>(&*column.default_value) : nullptr;
      if (text != nullptr && column.type == Type::kDecimal && text->starts_with('-') &&
          !HoldsDecimal(column, *text)) {
        text->erase(0, 1);
      }
    }
    if (CheckTable(table).ok() && DecodeRules(message, &table)) return table;
  }
  return absl::DataLossError(
      "a stored table definition is damaged. Nothing was changed; restore the mirror from a backup, or reset "
      "the "
      "table with 'mirrorctl reset'.");
}

}  // namespace mirror
