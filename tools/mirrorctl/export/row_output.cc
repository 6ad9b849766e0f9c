#include "tools/mirrorctl/export/row_output.h"

#include "absl/strings/str_cat.h"
#include "proto/wire/json/json_rows.h"
#include "proto/wire/text_form.h"

namespace mirror {

std::string KindColumn(const TableSchema& table, const Column& column) {
  std::string name = absl::StrCat(column.name, "_kind");
  while (table.Find(name)) name.push_back('_');
  return name;
}

std::string_view KindWord(Kind kind) {
  switch (kind) {
    case Kind::kInteger:
      return "integer";
    case Kind::kReal:
      return "real";
    case Kind::kText:
      return "text";
    case Kind::kBlob:
      return "blob";
    case Kind::kRawText:
      return "raw_text";
    case Kind::kNull:
      break;
  }
  return "";
}

void AppendText(const Column& column, const Value& value, std::string* text) {
  if (column.type == Type::kBool) {
    text->append(value.integer != 0 ? "true" : "false");
    return;
  }
  if (HasTextForm(column.type)) {
    text->append(TextForm(column, value.integer, value.bytes));
    return;
  }
  switch (value.kind) {
    case Kind::kNull:
      return;
    case Kind::kInteger:
      AppendInteger(value.integer, text);
      return;
    case Kind::kReal:
      AppendReal(value.real, text);
      return;
    case Kind::kText:
      text->append(value.bytes);
      return;
    case Kind::kBlob:
    case Kind::kRawText:
      text->append(Base64(value.bytes));
      return;
  }
}

}  // namespace mirror
