#include "proto/wire/table.h"

#include <algorithm>
#include <array>
#include <bit>
#include <numeric>
#include <type_traits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "base/digest.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "base/utf8.h"
#include "proto/wire/limits.h"
#include "proto/wire/value_rules.h"

namespace mirror {
namespace {

constexpr std::array<std::string_view, 16> kTypeNames = {
    "UNSPECIFIED", "BOOL",  "INT16", "INT32", "INT64",     "FLOAT",        "DOUBLE", "DECIMAL",
    "TEXT",        "BYTES", "DATE",  "TIME",  "TIMESTAMP", "TIMESTAMP_TZ", "UUID",   "ANY"};

bool IsKnown(Type type) { return type > Type::kUnspecified && type <= Type::kAny; }

bool HasSecondDigits(Type type) { return type >= Type::kDate && type <= Type::kTimestampTz; }

absl::Status WrongDefinition(const std::string& where, const std::string& reason) {
  return absl::InvalidArgumentError(
      absl::StrCat(where, ": ", reason, ". Correct the definition and announce the table again."));
}

// Returns the fault in the attributes of one column; empty if there is none.
std::string AttributeFault(const Column& column) {
  const std::string type(ToString(column.type));
  if (!IsKnown(column.type)) return "its type is not known here";
  if (column.length != 0 && column.type != Type::kText && column.type != Type::kBytes) {
    return absl::StrCat(type, " has no length");
  }
  if (column.type == Type::kDecimal) {
    if (column.precision < 1 || column.precision > kDecimalDigitsMax) {
      return absl::StrCat("the precision of DECIMAL is 1 to ", kDecimalDigitsMax, ", not ", column.precision);
    }
    if (column.scale > column.precision) {
      return absl::StrCat("scale ", column.scale, " is over precision ", column.precision);
    }
  } else {
    if (column.scale != 0) return absl::StrCat(type, " has no scale");
    if (!HasSecondDigits(column.type) && column.precision != 0)
      return absl::StrCat(type, " has no precision");
    if (column.precision > 7) {
      return absl::StrCat("the precision of ", type, " is 0 to 7 digits of a second, not ", column.precision);
    }
  }
  const bool has_affinity = column.affinity != Affinity::kUnspecified;
  if (has_affinity && column.type != Type::kAny) return absl::StrCat(type, " has no affinity");
  if (column.type == Type::kAny && (!has_affinity || column.affinity > Affinity::kReal)) {
    return "ANY needs one of the five affinities";
  }
  if (column.key_position != 0 && column.nullable) return "a key column cannot be nullable";
  return {};
}

// Checks that the key has positions 1 to n, each once.
absl::Status CheckKey(const TableSchema& table) {
  std::vector<std::pair<std::uint32_t, const Column*>> key;
  for (const Column& column : table.columns) {
    if (column.key_position != 0) key.emplace_back(column.key_position, &column);
  }
  std::sort(key.begin(), key.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  for (std::size_t i = 0; i < key.size(); ++i) {
    if (key[i].first != i + 1) {
      return WrongDefinition(absl::StrCat("table '", table.name, "', column '", key[i].second->name, "'"),
                             absl::StrCat("key position ", key[i].first, " is given where ", i + 1,
                                          " is expected; the positions of a key are 1 to n, each once"));
    }
  }
  return absl::OkStatus();
}

// Finds two columns with the same name or the same id.
absl::Status CheckDistinct(const TableSchema& table) {
  std::vector<std::pair<std::string, std::size_t>> names;
  std::vector<std::pair<std::uint64_t, std::size_t>> ids;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    names.emplace_back(FoldName(table.columns[i].name), i);
    if (table.columns[i].column_id != 0) ids.emplace_back(table.columns[i].column_id, i);
  }
  std::sort(names.begin(), names.end());
  std::sort(ids.begin(), ids.end());
  const auto same = [](const auto& a, const auto& b) { return a.first == b.first; };
  const auto where = [&table](std::size_t column) {
    return absl::StrCat("table '", table.name, "', column '", table.columns[column].name, "'");
  };
  if (const auto twin = std::adjacent_find(names.begin(), names.end(), same); twin != names.end()) {
    return WrongDefinition(where(std::next(twin)->second),
                           absl::StrCat("the name is the same as that of column '",
                                        table.columns[twin->second].name, "', apart from ASCII case"));
  }
  if (const auto twin = std::adjacent_find(ids.begin(), ids.end(), same); twin != ids.end()) {
    return WrongDefinition(where(std::next(twin)->second),
                           absl::StrCat("column_id ", twin->first, " is used by column '",
                                        table.columns[twin->second].name, "', too"));
  }
  return absl::OkStatus();
}

// Writes the input of a hash: numbers as 8 bytes, lowest first; texts after their length.
class HashInput {
 public:
  void Add(std::uint64_t number) {
    for (int shift = 0; shift < 64; shift += 8)
      bytes_.push_back(static_cast<char>((number >> shift) & 0xFFU));
  }
  void Add(std::string_view text) {
    Add(static_cast<std::uint64_t>(text.size()));
    bytes_.append(text);
  }
  void Add(const Literal& literal) {
    Add(static_cast<std::uint64_t>(literal.index()));
    std::visit(
        [this](const auto& value) {
          using T = std::decay_t<decltype(value)>;
          if constexpr (std::is_same_v<T, std::int64_t>) Add(static_cast<std::uint64_t>(value));
          if constexpr (std::is_same_v<T, double>) Add(std::bit_cast<std::uint64_t>(value));
          if constexpr (std::is_same_v<T, std::string>) Add(std::string_view(value));
          if constexpr (std::is_same_v<T, Bytes>) Add(std::string_view(value.value));
        },
        literal);
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

template <typename E>
std::uint64_t Number(E value) {
  return static_cast<std::uint64_t>(value);
}

}  // namespace

Storage StorageOf(Type type) {
  switch (type) {
    case Type::kFloat:
    case Type::kDouble:
      return Storage::kDoubles;
    case Type::kDecimal:
    case Type::kText:
    case Type::kBytes:
    case Type::kUuid:
      return Storage::kBytes;
    case Type::kAny:
      return Storage::kAny;
    default:
      return Storage::kInts;
  }
}

std::string_view ToString(Type type) {
  const auto number = static_cast<std::size_t>(type);
  return kTypeNames[number < kTypeNames.size() ? number : 0];
}

std::vector<std::uint32_t> TableSchema::Key() const {
  std::vector<std::uint32_t> key;
  for (std::uint32_t i = 0; i < columns.size(); ++i) {
    if (columns[i].key_position != 0) key.push_back(i);
  }
  std::sort(key.begin(), key.end(), [this](std::uint32_t a, std::uint32_t b) {
    return columns[a].key_position < columns[b].key_position;
  });
  return key;
}

std::vector<std::uint32_t> TableSchema::AllColumns() const {
  std::vector<std::uint32_t> all(columns.size());
  std::iota(all.begin(), all.end(), 0U);
  return all;
}

std::optional<std::uint32_t> TableSchema::Find(std::string_view column_name) const {
  for (std::uint32_t i = 0; i < columns.size(); ++i) {
    if (SameName(columns[i].name, column_name)) return i;
  }
  return std::nullopt;
}

std::string QuoteName(std::string_view name) {
  return absl::StrCat(
      "\"", absl::StrReplaceAll(absl::string_view(name.data(), name.size()), {{"\"", "\"\""}}), "\"");
}

std::string ListNames(const std::vector<std::string>& names, std::size_t most) {
  const std::size_t shown = std::min(names.size(), most);
  std::string list = absl::StrJoin(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(shown), ", ");
  if (names.size() > shown) absl::StrAppend(&list, " and ", names.size() - shown, " more");
  return list;
}

absl::Status CheckName(std::string_view name, std::string_view what) {
  const auto count = CountUtf8(name);
  if (!count) {
    return absl::InvalidArgumentError(
        absl::StrCat(std::string(what), ": the name is not UTF-8 without NUL. Rename it or leave it out."));
  }
  if (count->characters < 1 || count->characters > kNameCharactersMax) {
    return absl::InvalidArgumentError(absl::StrCat(std::string(what), ": 1 to ", kNameCharactersMax,
                                                   " characters are allowed in a name, not ",
                                                   count->characters, ". Rename it or leave it out."));
  }
  return absl::OkStatus();
}

absl::Status CheckContextId(std::string_view context_id) {
  const auto allowed = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  };
  if (context_id.empty() || context_id.size() > kContextIdBytesMax ||
      !std::all_of(context_id.begin(), context_id.end(), allowed)) {
    return absl::InvalidArgumentError(absl::StrCat("a context id has 1 to ", kContextIdBytesMax,
                                                   " of A-Z a-z 0-9 _ - and nothing else. Correct it."));
  }
  return absl::OkStatus();
}

namespace {

absl::Status CheckKept(const TableSchema& table) {
  if (!KeepsPartner(table)) return absl::OkStatus();
  const std::string where = absl::StrCat("table '", table.name, "'");
  const bool apply = table.deletes != Deletes::kIgnore && table.deletes != Deletes::kMark;
  if (!apply && table.Key().empty()) {
    return WrongDefinition(
        where,
        "it has no key, so the mirror cannot know which of its rows were deleted: its deletes can only be "
        "APPLY");
  }
  for (const Column& column : table.columns) {
    if (FoldName(column.name).rfind("_mirror_", 0) != 0) continue;
    return WrongDefinition(
        absl::StrCat(where, ", column '", column.name, "'"),
        "with preserve_target, or deletes other than APPLY, names that begin with '_mirror_' "
        "are the mirror's own");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckTable(const TableSchema& table) {
  RETURN_IF_ERROR(CheckName(table.name, "table"));
  const std::string where = absl::StrCat("table '", table.name, "'");
  if (table.columns.empty()) return WrongDefinition(where, "it has no columns");
  if (table.deletes > Deletes::kMark) return WrongDefinition(where, "its rule for deletes is not known here");
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    const Column& column = table.columns[i];
    RETURN_IF_ERROR(CheckName(column.name, absl::StrCat("column ", i, " of ", where)));
    const std::string where_column = absl::StrCat(where, ", column '", column.name, "'");
    if (const std::string fault = AttributeFault(column); !fault.empty()) {
      return WrongDefinition(where_column, fault);
    }
    if (!column.default_value) continue;
    if (const absl::Status status = CheckLiteral(column, *column.default_value); !status.ok()) {
      return WrongDefinition(where_column, absl::StrCat("its default: ", status.message()));
    }
  }
  RETURN_IF_ERROR(CheckDistinct(table));
  RETURN_IF_ERROR(CheckKey(table));
  return CheckKept(table);
}

absl::Status CheckLiteral(const Column& column, const Literal& literal) {
  const bool any = column.type == Type::kAny;
  const Storage storage = StorageOf(column.type);
  const auto refuse = [](const std::string& reason) { return absl::InvalidArgumentError(reason); };
  const auto wrong_kind = [&] {
    return refuse(absl::StrCat("this kind of literal is not one of ", std::string(ToString(column.type))));
  };
  if (std::holds_alternative<Null>(literal)) {
    return column.nullable ? absl::OkStatus() : refuse("NULL, and the column is not nullable");
  }
  if (const auto* integer = std::get_if<std::int64_t>(&literal)) {
    if (any) return absl::OkStatus();
    if (storage != Storage::kInts) return wrong_kind();
    return IntRuleOf(column).Holds(*integer) ? absl::OkStatus() : refuse(WhyNotInt(column, *integer));
  }
  if (const auto* real = std::get_if<double>(&literal)) {
    if (!any && storage != Storage::kDoubles) return wrong_kind();
    return HoldsReal(column.type, *real) ? absl::OkStatus() : refuse(WhyNotReal(*real));
  }
  const auto* text = std::get_if<std::string>(&literal);
  const std::string_view bytes = text != nullptr ? *text : std::get<Bytes>(literal).value;
  if (bytes.size() > kDefaultBytesMax) return refuse(absl::StrCat("over ", kDefaultBytesMax, " bytes"));
  if (text != nullptr) {
    if (column.type == Type::kDecimal) {
      return HoldsDecimal(column, bytes) ? absl::OkStatus() : refuse(WhyNotDecimal(column));
    }
    return any || column.type == Type::kText ? CheckText(column, bytes) : wrong_kind();
  }
  if (any) return absl::OkStatus();
  if (column.type == Type::kUuid) return bytes.size() == 16 ? absl::OkStatus() : refuse(WhyNotBytes(column));
  if (column.type != Type::kBytes) return wrong_kind();
  return column.length == 0 || bytes.size() <= column.length ? absl::OkStatus() : refuse(WhyNotBytes(column));
}

absl::Status CheckText(const Column& column, std::string_view text) {
  if (HoldsText(column, text)) return absl::OkStatus();
  return absl::InvalidArgumentError(WhyNotText(column, text));
}

TableSchema KeptForm(const TableSchema& agreed, std::vector<std::uint32_t>* origin) {
  TableSchema kept = agreed;
  kept.columns.clear();
  for (std::uint32_t i = 0; i < agreed.columns.size(); ++i) {
    if (agreed.columns[i].rule == Rule::kLeftOut) continue;
    Column& column = kept.columns.emplace_back(agreed.columns[i]);
    if (origin != nullptr) origin->push_back(i);
    if (column.rule == Rule::kPlain) continue;
    column.type = Type::kText;
    column.length = column.precision = column.scale = 0;
    column.affinity = Affinity::kUnspecified;
    column.default_value.reset();
  }
  return kept;
}

std::vector<std::uint32_t> PlainColumns(const TableSchema& table) {
  std::vector<std::uint32_t> columns;
  for (std::uint32_t i = 0; i < table.columns.size(); ++i) {
    if (table.columns[i].rule == Rule::kPlain) columns.push_back(i);
  }
  return columns;
}

bool HasHashedKey(const TableSchema& table) {
  return std::any_of(table.columns.begin(), table.columns.end(), [](const Column& column) {
    return column.key_position != 0 && column.rule == Rule::kHashed;
  });
}

bool KeepsPartner(const TableSchema& table) {
  return table.preserve_target || table.deletes == Deletes::kIgnore || table.deletes == Deletes::kMark;
}

std::string SchemaHash(const TableSchema& table) {
  HashInput input;
  input.Add(std::uint64_t{1});  // Version of this format.
  input.Add(std::string_view(table.name));
  input.Add(table.table_id);
  input.Add(std::uint64_t{table.preserve_target});
  // UNSPECIFIED means the same as APPLY.
  input.Add(Number(table.deletes == Deletes::kUnspecified ? Deletes::kApply : table.deletes));
  input.Add(static_cast<std::uint64_t>(table.columns.size()));
  for (const Column& column : table.columns) {
    input.Add(std::string_view(column.name));
    input.Add(Number(column.type));
    input.Add(std::uint64_t{column.length});
    input.Add(std::uint64_t{column.precision});
    input.Add(std::uint64_t{column.scale});
    input.Add(Number(column.affinity));
    input.Add(std::uint64_t{column.nullable});
    input.Add(std::uint64_t{column.default_value.has_value()});
    if (column.default_value) input.Add(*column.default_value);
    input.Add(std::uint64_t{column.key_position});
    input.Add(column.column_id);
    if (column.rule == Rule::kPlain) continue;
    input.Add(Number(column.rule));
    input.Add(std::uint64_t{column.rule_detail});
  }
  return HexDigest(input.bytes());
}

}  // namespace mirror
