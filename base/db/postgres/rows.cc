#include "base/db/postgres/rows.h"

#include <libpq-fe.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace mirror::postgres {

int Rows::rows() const { return PQntuples(result_.get()); }

int Rows::columns() const { return PQnfields(result_.get()); }

std::int64_t Rows::affected() const {
  std::int64_t rows = 0;
  return absl::SimpleAtoi(PQcmdTuples(result_.get()), &rows) ? rows : 0;
}

std::string_view Rows::tag() const {
  // libpq's function takes no const result.
  const char* const tag = PQcmdStatus(result_.get());
  return tag == nullptr ? std::string_view() : tag;
}

std::string_view Rows::NameOf(int column) const {
  const char* const name = PQfname(result_.get(), column);
  return name == nullptr ? std::string_view() : name;
}

Type Rows::TypeOf(int column) const { return static_cast<Type>(PQftype(result_.get(), column)); }

std::vector<Type> Rows::Types() const {
  std::vector<Type> types;
  for (int column = 0; column < columns(); ++column) types.push_back(TypeOf(column));
  return types;
}

absl::Status Rows::Require(std::initializer_list<Type> types) const {
  if (columns() != static_cast<int>(types.size())) {
    return absl::InternalError(
        absl::StrCat("a result has ", columns(), " columns where ", types.size(), " were asked for"));
  }
  int column = 0;
  for (const Type type : types) {
    if (TypeOf(column) != type) {
      return absl::InternalError(absl::StrCat(
          "column '", std::string(NameOf(column)), "' of a result is of type ",
          static_cast<std::uint32_t>(TypeOf(column)), ", not ", static_cast<std::uint32_t>(type)));
    }
    ++column;
  }
  return absl::OkStatus();
}

bool Rows::IsNull(int row, int column) const { return PQgetisnull(result_.get(), row, column) == 1; }

std::string_view Rows::View(int row, int column) const {
  const int size = PQgetlength(result_.get(), row, column);
  if (size <= 0) return {};
  return {PQgetvalue(result_.get(), row, column), static_cast<std::size_t>(size)};
}

std::vector<std::string> Rows::Texts(int column) const {
  std::vector<std::string> texts;
  for (int row = 0; row < rows(); ++row) texts.push_back(Text(row, column));
  return texts;
}

std::int64_t Rows::Int(int row, int column) const {
  switch (TypeOf(column)) {
    case Type::kBool:
    case Type::kInt2:
    case Type::kInt4:
    case Type::kInt8:
      return ReadInt(View(row, column));
    case Type::kOid:
      return static_cast<std::uint32_t>(ReadInt(View(row, column)));
    default:
      return 0;
  }
}

void Rows::ViewRow(int row, std::vector<std::string_view>* fields) const {
  fields->resize(static_cast<std::size_t>(columns()));
  int column = 0;
  for (std::string_view& field : *fields) {
    field = {};
    if (!IsNull(row, column)) {
      field = {PQgetvalue(result_.get(), row, column),
               static_cast<std::size_t>(PQgetlength(result_.get(), row, column))};
    }
    ++column;
  }
}

double Rows::Real(int row, int column) const {
  const Type type = TypeOf(column);
  return type == Type::kFloat4 || type == Type::kFloat8 ? ReadReal(View(row, column)) : 0;
}

}  // namespace mirror::postgres
