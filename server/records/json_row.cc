#include "server/records/json_row.h"

#include <optional>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/json_document.h"
#include "proto/wire/json_rows.h"
#include "proto/wire/text_form.h"

namespace mirror {
namespace {

absl::Status NoKey(const TableSchema& table) {
  return absl::InvalidArgumentError(absl::StrCat(
      "that is not a key of table '", table.name,
      "'. Nothing was read. Give the text of the key's column, or a JSON array of all its columns."));
}

/// For ANY, the kind of the JSON value and a prefix give the type: the text "i:7" is the integer 7.
std::optional<KeyPart> AnyPartOf(const JsonView& value) {
  KeyPart part;
  if (value.Is(JsonKind::kNumber)) {
    part.kind = Kind::kReal;
    return absl::SimpleAtod(absl::string_view(value.text().data(), value.text().size()), &part.real)
               ? std::optional(part)
               : std::nullopt;
  }
  std::string_view text = value.text();
  if (!value.Is(JsonKind::kString) || text.size() < 2 || text[1] != ':') return std::nullopt;
  const char kind = text[0];
  text.remove_prefix(2);
  const absl::string_view rest(text.data(), text.size());
  switch (kind) {
    case 'i':
      part.kind = Kind::kInteger;
      return absl::SimpleAtoi(rest, &part.integer) ? std::optional(part) : std::nullopt;
    case 't':
      part.kind = Kind::kText;
      part.bytes = text;
      return part;
    case 'r':
    case 'b':
      part.kind = kind == 'r' ? Kind::kRawText : Kind::kBlob;
      return absl::Base64Unescape(rest, &part.bytes) ? std::optional(part) : std::nullopt;
    default:
      return std::nullopt;
  }
}

void AppendAnyKey(const Value& value, std::string* json) {
  switch (value.kind) {
    case Kind::kReal:
      AppendReal(value.real, json);
      return;
    case Kind::kInteger:
      AppendJsonString(absl::StrCat("i:", value.integer), json);
      return;
    case Kind::kText:
      AppendJsonString(absl::StrCat("t:", std::string(value.bytes)), json);
      return;
    default:
      AppendJsonString(absl::StrCat(value.kind == Kind::kRawText ? "r:" : "b:", Base64(value.bytes)), json);
  }
}

bool IsOneText(const TableSchema& table, const std::vector<std::uint32_t>& key) {
  return key.size() == 1 && table.columns[key.front()].type == Type::kText;
}

}  // namespace

std::optional<KeyPart> KeyPartOf(const Column& column, std::string_view text) {
  KeyPart part;
  switch (column.type) {
    case Type::kBool:
      part.kind = Kind::kInteger;
      part.integer = text == "true" ? 1 : 0;
      return text == "true" || text == "false" ? std::optional(part) : std::nullopt;
    case Type::kInt16:
    case Type::kInt32:
    case Type::kInt64:
      part.kind = Kind::kInteger;
      return absl::SimpleAtoi(absl::string_view(text.data(), text.size()), &part.integer)
                 ? std::optional(part)
                 : std::nullopt;
    case Type::kFloat:
    case Type::kDouble:
      part.kind = Kind::kReal;
      return absl::SimpleAtod(absl::string_view(text.data(), text.size()), &part.real) ? std::optional(part)
                                                                                       : std::nullopt;
    case Type::kDecimal:
    case Type::kText:
      part.kind = Kind::kText;
      part.bytes = text;
      return part;
    case Type::kBytes:
      part.kind = Kind::kBlob;
      return absl::Base64Unescape(absl::string_view(text.data(), text.size()), &part.bytes)
                 ? std::optional(part)
                 : std::nullopt;
    case Type::kUuid: {
      std::optional<std::string> bytes = ParseUuid(text);
      if (!bytes) return std::nullopt;
      part.kind = Kind::kBlob;
      part.bytes = *std::move(bytes);
      return part;
    }
    case Type::kAny:
      return std::nullopt;
    default: {
      const std::optional<std::int64_t> number = ParseTextForm(column, text);
      if (!number) return std::nullopt;
      part.kind = Kind::kInteger;
      part.integer = *number;
      return part;
    }
  }
}

Value ValueOf(const KeyPart& part) {
  return {.kind = part.kind, .integer = part.integer, .real = part.real, .bytes = part.bytes};
}

void AppendJsonKey(const std::vector<Column>& columns, const Key& key, std::string* json) {
  json->push_back('[');
  for (std::size_t i = 0; i < key.size(); ++i) {
    if (i > 0) json->push_back(',');
    if (columns[i].type == Type::kAny) {
      AppendAnyKey(ValueOf(key[i]), json);
    } else {
      AppendJsonValue(columns[i], ValueOf(key[i]), json);
    }
  }
  json->push_back(']');
}

std::string PageKey(const TableSchema& table, const ChangeBatch& batch, std::uint32_t row) {
  const std::vector<std::uint32_t> key = table.Key();
  if (IsOneText(table, key)) return std::string(batch.Find(key.front())->At(row).bytes);
  std::string json = "[";
  for (const std::uint32_t column : key) {
    if (json.size() > 1) json.push_back(',');
    const Value value = batch.Find(column)->At(row);
    if (table.columns[column].type == Type::kAny) {
      AppendAnyKey(value, &json);
    } else {
      AppendJsonValue(table.columns[column], value, &json);
    }
  }
  json.push_back(']');
  return json;
}

absl::StatusOr<Key> KeyOfPage(const TableSchema& table, const std::string& text) {
  const std::vector<std::uint32_t> columns = table.Key();
  if (IsOneText(table, columns)) return Key{{.kind = Kind::kText, .bytes = text}};
  const absl::StatusOr<JsonDocument> document = JsonDocument::Parse(text);
  const bool is_array = document.ok() && document->root().Is(JsonKind::kArray);
  if (!is_array && columns.size() == 1) {
    std::optional<KeyPart> part = KeyPartOf(table.columns[columns.front()], text);
    if (!part) return NoKey(table);
    return Key{*std::move(part)};
  }
  if (!is_array) return NoKey(table);
  const std::vector<JsonView> values = document->root().Elements();
  if (values.size() != columns.size()) return NoKey(table);
  Key key;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const Column& column = table.columns[columns[i]];
    const std::string_view value =
        values[i].Is(JsonKind::kBool) ? (values[i].IsTrue() ? "true" : "false") : values[i].text();
    std::optional<KeyPart> part = column.type == Type::kAny ? AnyPartOf(values[i]) : KeyPartOf(column, value);
    if (!part) return NoKey(table);
    key.push_back(*std::move(part));
  }
  return key;
}

}  // namespace mirror
