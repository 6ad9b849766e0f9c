#include "client/exchange/mirrored_value.h"

#include "proto/wire/text_form.h"

namespace mirror {

sqlite::Value AsMirrored(const Column& column, const Value& value) {
  sqlite::Value kept;
  if (value.kind == Kind::kNull) return kept;
  if (HasTextForm(column.type)) {
    kept.type = sqlite::Type::kText;
    kept.bytes = TextForm(column, value.integer, value.bytes);
    return kept;
  }
  switch (value.kind) {
    case Kind::kInteger:
      kept.type = sqlite::Type::kInteger;
      kept.integer = value.integer;
      break;
    case Kind::kReal:
      kept.type = sqlite::Type::kReal;
      kept.real = value.real;
      break;
    case Kind::kBlob:
      kept.type = sqlite::Type::kBlob;
      kept.bytes = value.bytes;
      break;
    default:
      kept.type = sqlite::Type::kText;
      kept.bytes = value.bytes;
  }
  return kept;
}

}  // namespace mirror
