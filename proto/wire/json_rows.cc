#include "proto/wire/json_rows.h"

#include <array>
#include <charconv>
#include <cmath>

#include "absl/strings/escaping.h"
#include "base/json_document.h"
#include "proto/wire/text_form.h"

namespace mirror {
namespace {

void AppendJsonReal(double value, std::string* json) {
  const std::string_view quote = std::isfinite(value) ? "" : "\"";
  json->append(quote);
  AppendReal(value, json);
  json->append(quote);
}

void AppendBase64(std::string_view bytes, std::string* json) {
  json->push_back('"');
  json->append(Base64(bytes));
  json->push_back('"');
}

void AppendAny(const Value& value, std::string* json) {
  switch (value.kind) {
    case Kind::kNull:
      json->append("null");
      return;
    case Kind::kInteger:
      json->push_back('"');
      AppendInteger(value.integer, json);
      json->push_back('"');
      return;
    case Kind::kReal:
      AppendJsonReal(value.real, json);
      return;
    case Kind::kText:
      AppendJsonString(value.bytes, json);
      return;
    case Kind::kBlob:
    case Kind::kRawText:
      AppendBase64(value.bytes, json);
      return;
  }
}

}  // namespace

void AppendInteger(std::int64_t value, std::string* text) {
  std::array<char, 24> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  text->append(digits.data(), end);
}

void AppendReal(double value, std::string* text) {
  if (std::isnan(value)) {
    text->append("NaN");
  } else if (std::isinf(value)) {
    text->append(value > 0 ? "Infinity" : "-Infinity");
  } else {
    std::array<char, 32> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    text->append(digits.data(), end);
  }
}

std::string Base64(std::string_view bytes) {
  return absl::Base64Escape(absl::string_view(bytes.data(), bytes.size()));
}

void AppendJsonValue(const Column& column, const Value& value, std::string* json) {
  if (value.kind == Kind::kNull) {
    json->append("null");
    return;
  }
  switch (column.type) {
    case Type::kBool:
      json->append(value.integer != 0 ? "true" : "false");
      return;
    case Type::kInt16:
    case Type::kInt32:
      AppendInteger(value.integer, json);
      return;
    case Type::kInt64:
      json->push_back('"');
      AppendInteger(value.integer, json);
      json->push_back('"');
      return;
    case Type::kFloat:
    case Type::kDouble:
      AppendJsonReal(value.real, json);
      return;
    case Type::kDecimal:
    case Type::kText:
      AppendJsonString(value.bytes, json);
      return;
    case Type::kBytes:
      AppendBase64(value.bytes, json);
      return;
    case Type::kAny:
      AppendAny(value, json);
      return;
    default: {
      std::array<char, kTextFormBytesMax> text{};
      const std::size_t length = WriteTextForm(column, value.integer, value.bytes, text.data());
      json->push_back('"');
      json->append(text.data(), length);
      json->push_back('"');
    }
  }
}

JsonRows::JsonRows(const TableSchema& table, const std::vector<std::uint32_t>& columns) : table_(table) {
  for (const std::uint32_t column : columns) {
    std::string& name = names_.emplace_back(names_.empty() ? "{" : ",");
    AppendJsonString(table.columns[column].name, &name);
    name.push_back(':');
  }
}

void JsonRows::Append(std::span<const ColumnView> views, std::uint32_t row, std::string* json) const {
  for (std::size_t i = 0; i < names_.size(); ++i) {
    const ColumnView& view = views[i];
    json->append(names_[i]);
    AppendJsonValue(table_.columns[view.column], view.At(row), json);
  }
  json->push_back('}');
}

}  // namespace mirror
