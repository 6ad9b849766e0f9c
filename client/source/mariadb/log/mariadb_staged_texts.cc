#include "client/source/mariadb/log/mariadb_staged_texts.h"

#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "client/source/mariadb/log/value_text.h"
#include "client/source/mariadb/mariadb_types.h"
#include "client/source/values/value_digest.h"
#include "proto/wire/text_form.h"

namespace mirror {
namespace {

/// With as many digits behind the dot as the column has.
std::string DecimalText(std::string text, std::uint32_t scale) {
  const std::size_t dot = text.find('.');
  const std::size_t digits = dot == std::string::npos ? 0 : text.size() - dot - 1;
  if (scale == 0) return text;
  if (dot == std::string::npos) text.push_back('.');
  if (digits < scale) text.append(scale - digits, '0');
  return text;
}

/// As MariaDB writes it.
std::string TextOfPart(const Column& announced, const KeyPart& part) {
  std::string text;
  switch (part.kind) {
    case Kind::kInteger:
      if (announced.type == Type::kDate) return DateText(part.integer);
      if (announced.type == Type::kTimestamp || announced.type == Type::kTimestampTz)
        return TimestampText(part.integer, announced.precision, /*utc=*/false);
      text = absl::StrCat(part.integer);
      break;
    case Kind::kReal:
      binlog::AppendReal(part.real, &text);
      break;
    default:
      if (announced.type == Type::kUuid) return UuidText(part.bytes);
      text = part.bytes;
  }
  return announced.type == Type::kDecimal ? DecimalText(std::move(text), announced.scale) : text;
}

/// What ZEROFILL adds is not in the binlog.
std::string_view WithoutFill(const MariadbColumn& column, std::string_view text) {
  if (!column.is_zerofill()) return text;
  const std::size_t first = text.find_first_not_of('0');
  if (first == std::string_view::npos) return text.substr(text.empty() ? 0 : text.size() - 1);
  return text[first] == '.' ? text : text.substr(first);
}

}  // namespace

std::optional<Key> KeyOfStagedMariadb(const TableSchema& schema, const StagedKey& key) {
  const std::vector<std::uint32_t> columns = schema.Key();
  const std::vector<std::string> texts = UnpackStagedKey(key);
  if (texts.size() != columns.size()) return std::nullopt;
  std::vector<Column> announced;
  for (const std::uint32_t column : columns) announced.push_back(schema.columns[column]);
  MariadbRowDecoder decoder(std::move(announced));
  if (!decoder.Decode({texts.begin(), texts.end()})) return std::nullopt;
  Key parts;
  for (const Value& value : decoder.values()) parts.push_back(KeyPartOf(value));
  return parts;
}

StagedKey StagedKeyOfMariadb(const TableSchema& schema, const Key& key) {
  const std::vector<std::uint32_t> columns = schema.Key();
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < columns.size() && i < key.size(); ++i)
    texts.push_back(TextOfPart(schema.columns[columns[i]], key[i]));
  return PackStagedKey(texts);
}

std::vector<Value> MariadbStagedTexts::Take(const std::vector<std::uint32_t>& columns,
                                            const std::vector<SourceText>& texts,
                                            std::vector<Misfit>* misfits) {
  if (!decoder_ || decoded_ != columns) {
    decoder_.emplace(known_->Announced(columns));
    decoded_ = columns;
  }
  fields_.clear();
  for (const SourceText& text : texts) fields_.push_back(text ? std::string_view(*text) : std::string_view());
  if (!decoder_->Decode(fields_)) {
    for (const Misfit& misfit : decoder_->misfits())
      misfits->push_back({columns[misfit.column], misfit.is_null});
  }
  return decoder_->values();
}

absl::StatusOr<std::vector<Key>> MariadbStagedTexts::KeysOf(const std::vector<StagedKey>& keys) {
  const std::vector<std::uint32_t> columns = known_->schema.Key();
  std::vector<Key> all;
  for (const StagedKey& key : keys) {
    const std::vector<std::string> texts = UnpackStagedKey(key);
    if (texts.size() != columns.size()) return MisfitsIn(known_->table.name);
    // The values are views into it.
    const std::vector<SourceText> decoded(texts.begin(), texts.end());
    ASSIGN_OR_RETURN(const std::vector<Value> values, Decode(columns, decoded));
    Key& parts = all.emplace_back();
    for (const Value& value : values) parts.push_back(KeyPartOf(value));
  }
  return all;
}

StagedTexts::BaseRow MariadbStagedTexts::BaseRowOf(const std::vector<std::string_view>& texts) const {
  BaseRow row;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const MariadbColumn& column = known_->table.columns[i];
    StagedValue& value = row.values.emplace_back();
    value.column = column.place;
    if (texts[i].data() != nullptr) value.text = std::string(WithoutFill(column, texts[i]));
  }
  std::vector<std::string> key;
  for (const std::uint32_t column : known_->schema.Key()) key.push_back(row.values[column].text.value_or(""));
  row.key = PackStagedKey(key);
  return row;
}

absl::StatusOr<std::vector<StagedTexts::BaseRow>> MariadbStagedTexts::ReadRows(
    const std::vector<StagedKey>& keys, std::string* snapshot) {
  ASSIGN_OR_RETURN(const std::vector<Key> wanted, KeysOf(keys));
  // Steps are taken when they are put together with what is staged.
  auto plain = std::make_shared<KnownMariadbTable>(*known_);
  plain->steps.reset();
  plain->given = plain->schema;
  std::vector<std::uint32_t> columns(known_->table.columns.size());
  std::iota(columns.begin(), columns.end(), 0U);
  MariadbSourceRows rows(look_, plain, AskForMariadbKeys(*plain, std::move(columns), wanted));
  std::vector<BaseRow> read;
  absl::StatusOr<bool> more = rows.Next();
  for (; more.ok() && *more; more = rows.Next()) read.push_back(BaseRowOf(rows.texts()));
  if (!more.ok()) return more.status();
  *snapshot = rows.snapshot();
  return read;
}

}  // namespace mirror
