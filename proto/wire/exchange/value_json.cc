#include "proto/wire/exchange/value_json.h"

#include <cmath>
#include <limits>
#include <optional>
#include <utility>
#include <variant>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/base64url.h"
#include "base/status_macros.h"
#include "base/utf8.h"
#include "proto/wire/json_rows.h"

namespace mirror {
namespace {

void AppendNumber(double value, std::string* json) {
  if (std::isnan(value) || std::isinf(value)) {
    absl::StrAppend(json, R"({"real":")", std::isnan(value) ? "nan" : value < 0 ? "-inf" : "inf", "\"}");
    return;
  }
  std::string text;
  AppendReal(value, &text);
  absl::StrAppend(json, text, text.find_first_of(".e") == std::string::npos ? ".0" : "");
}

void AppendPacked(std::string_view name, std::string_view bytes, std::string* json) {
  absl::StrAppend(json, "{\"", std::string(name), "\":\"", EncodeBase64Url(bytes), "\"}");
}

absl::StatusOr<Literal> PackedOf(const JsonView& json) {
  const auto members = json.Members();
  if (members.size() == 1 && members[0].second.Is(JsonKind::kString)) {
    const auto& [name, value] = members[0];
    if (name == "real") {
      if (value.text() == "nan") return Literal(std::numeric_limits<double>::quiet_NaN());
      const double infinity = std::numeric_limits<double>::infinity();
      return Literal(value.text() == "-inf" ? -infinity : infinity);
    }
    if (std::optional<std::string> bytes = DecodeBase64Url(value.text())) {
      if (name == "bytes") return Literal(Bytes{*std::move(bytes)});
      if (name == "raw") return Literal(*std::move(bytes));
    }
  }
  return absl::InvalidArgumentError("an object that is not a value");
}

}  // namespace

void AppendValue(const Literal& value, std::string* json) {
  if (std::holds_alternative<Null>(value)) {
    json->append("null");
  } else if (const auto* integer = std::get_if<std::int64_t>(&value)) {
    absl::StrAppend(json, *integer);
  } else if (const auto* real = std::get_if<double>(&value)) {
    AppendNumber(*real, json);
  } else if (const auto* text = std::get_if<std::string>(&value)) {
    if (CountUtf8(*text)) {
      AppendJsonString(*text, json);
    } else {
      AppendPacked("raw", *text, json);
    }
  } else {
    AppendPacked("bytes", std::get<Bytes>(value).value, json);
  }
}

std::string ValueJson(const Literal& value) {
  std::string json;
  AppendValue(value, &json);
  return json;
}

absl::StatusOr<Literal> ValueOf(const JsonView& json) {
  switch (json.kind()) {
    case JsonKind::kNull:
      return Literal(Null{});
    case JsonKind::kString:
      return Literal(std::string(json.text()));
    case JsonKind::kNumber: {
      const std::string text(json.text());
      std::int64_t integer = 0;
      double real = 0;
      if (absl::SimpleAtoi(text, &integer)) return Literal(integer);
      if (absl::SimpleAtod(text, &real)) return Literal(real);
      break;
    }
    case JsonKind::kObject:
      return PackedOf(json);
    default:
      break;
  }
  return absl::InvalidArgumentError("neither a number nor a text, nor null");
}

std::string KeyJson(const std::vector<Literal>& key) {
  std::string json = "[";
  for (const Literal& value : key) {
    if (json.size() > 1) json.push_back(',');
    AppendValue(value, &json);
  }
  return json + "]";
}

std::string KeyJson(const Key& key) {
  std::vector<Literal> values;
  values.reserve(key.size());
  for (const KeyPart& part : key) values.push_back(LiteralOf(part));
  return KeyJson(values);
}

absl::StatusOr<std::vector<Literal>> KeyOfJson(std::string_view json) {
  ASSIGN_OR_RETURN(JsonDocument document, JsonDocument::Parse(json));
  if (!document.root().Is(JsonKind::kArray)) return absl::InvalidArgumentError("a key that is not an array");
  std::vector<Literal> key;
  for (const JsonView& value : document.root().Elements()) {
    ASSIGN_OR_RETURN(Literal part, ValueOf(value));
    key.push_back(std::move(part));
  }
  return key;
}

Literal LiteralOf(const KeyPart& part) {
  switch (part.kind) {
    case Kind::kInteger:
      return part.integer;
    case Kind::kReal:
      return part.real;
    case Kind::kText:
    case Kind::kRawText:
      return part.bytes;
    case Kind::kBlob:
      return Bytes{part.bytes};
    default:
      return Null{};
  }
}

}  // namespace mirror
