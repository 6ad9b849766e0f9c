#include "client/source/mariadb/mariadb_row_decoder.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <optional>
#include <system_error>
#include <utility>

#include "base/utf8.h"
#include "client/source/mariadb/mariadb_types.h"
#include "proto/wire/text_form.h"

namespace mirror {
namespace {

template <typename Number>
bool ReadNumber(std::string_view text, Number* number) {
  const auto read = std::from_chars(text.data(), text.data() + text.size(), *number);
  return read.ec == std::errc() && read.ptr == text.data() + text.size();
}

}  // namespace

MariadbRowDecoder::MariadbRowDecoder(std::vector<Column> announced) : ServerRowDecoder(std::move(announced)) {
  // MariaDB writes moments without a zone, and those of both kinds are in UTC.
  for (Column& column : announced_) {
    if (column.type == Type::kTimestampTz) column.type = Type::kTimestamp;
  }
}

bool MariadbRowDecoder::DecodeValue(std::size_t i, std::string_view data, std::string* bytes,
                                    Value* value) const {
  const Column& announced = announced_[i];
  switch (MariadbFormOf(announced)) {
    case MariadbValueForm::kInteger:
      value->kind = Kind::kInteger;
      return ReadNumber(data, &value->integer);
    case MariadbValueForm::kReal:
      value->kind = Kind::kReal;
      if (!ReadNumber(data, &value->real) || !std::isfinite(value->real)) return false;
      if (value->real == 0) value->real = 0.0;  // No mirror keeps the sign of a zero.
      return true;
    case MariadbValueForm::kDate:
    case MariadbValueForm::kTimestamp: {
      const std::optional<std::int64_t> units = ParseTextForm(announced, data);
      value->kind = Kind::kInteger;
      value->integer = units.value_or(0);
      return units.has_value();
    }
    case MariadbValueForm::kUuid: {
      std::optional<std::string> uuid = ParseUuid(data);
      if (!uuid) return false;
      *bytes = *std::move(uuid);
      value->kind = Kind::kBlob;
      value->bytes = *bytes;
      return true;
    }
    case MariadbValueForm::kBytes:
      value->kind = Kind::kBlob;
      value->bytes = data;
      return true;
    case MariadbValueForm::kDecimal:
    case MariadbValueForm::kText:
      break;
  }
  value->bytes = data;
  value->kind = IsText(data) ? Kind::kText : Kind::kRawText;
  return value->kind == Kind::kText || announced.type == Type::kAny;
}

}  // namespace mirror
