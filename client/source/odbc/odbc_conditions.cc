#include "client/source/odbc/odbc_conditions.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "client/source/postgres/postgres_types.h"
#include "proto/wire/text_form.h"

namespace mirror {

odbc::Parameter OdbcKeyParameter(const OdbcColumn& column, const Column& announced, const KeyPart& part) {
  if (column.form == OdbcForm::kTagged) {
    switch (part.kind) {
      case Kind::kInteger:
        return part.integer;
      case Kind::kReal:
        return part.real;
      case Kind::kBlob:
        return odbc::Blob{part.bytes};
      default:
        return part.bytes;
    }
  }
  if (part.kind == Kind::kBlob && announced.type != Type::kUuid) {
    if (column.place == "?") return odbc::Blob{part.bytes};
    return absl::BytesToHexString(part.bytes);
  }
  if (part.kind == Kind::kInteger && column.form == OdbcForm::kInteger && column.place == "?")
    return part.integer;
  if (part.kind == Kind::kInteger && column.form == OdbcForm::kBool) return absl::StrCat(part.integer);
  return TextOfKeyPart(announced, part);
}

std::string OdbcFromSql(const OdbcColumn& column, const Column& announced, const KeyPart& from,
                        std::vector<odbc::Parameter>* parameters) {
  const bool by_number = column.numbers_sort && from.kind == Kind::kInteger &&
                         (column.form == OdbcForm::kInteger || column.form == OdbcForm::kDate ||
                          column.form == OdbcForm::kTime || column.form == OdbcForm::kTimestamp);
  // DECIMAL counts as the number that it is; its bound may be a whole one.
  const bool by_decimal =
      column.numbers_sort && announced.type == Type::kDecimal &&
      (from.kind == Kind::kInteger ||
       (from.kind == Kind::kText && from.bytes.find_first_not_of("-.0123456789") == std::string::npos));
  const bool by_text =
      !column.sorted_name.empty() && from.kind == Kind::kText && announced.type == Type::kText;
  if (announced.type == Type::kAny || (!by_number && !by_decimal && !by_text)) return "";
  parameters->push_back(OdbcKeyParameter(column, announced, from));
  if (by_text) return absl::StrCat(column.sorted_name, " >= ", column.sorted_place);
  return absl::StrCat(column.name, " >= ", column.place);
}

}  // namespace mirror
