#include "server/store/postgres/tables/stored_form.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "server/store/live_rows.h"
#include "server/store/postgres/place/names.h"
#include "server/store/postgres/tables/kept_kinds.h"

namespace mirror {
namespace {

constexpr std::uint32_t kDigitsOfSecond = 6;
/// As wide as PostgreSQL's numeric: the definition is not known any more.
constexpr std::uint32_t kDecimalDigits = 200'000, kDecimalScale = 20'000;

/// Whether a text of that name may have a kind.
std::set<std::string> NamesWithKinds(const PresentTable& present, std::string_view kinds) {
  TableSchema texts;
  for (const PresentColumn& column : present.columns) {
    texts.columns.push_back(Column{.name = column.name, .type = Type::kAny});
  }
  const PostgresKinds places = KindsOf(texts, kinds);
  std::set<std::string> names;
  for (std::size_t i = 0; i < texts.columns.size(); ++i) {
    if (places.of_column[i] != PostgresKinds::kNone) names.insert(texts.columns[i].name);
  }
  return names;
}

/// By what PostgreSQL has of it. Absent: it is of a type that the mirror never gives.
std::optional<Column> ColumnOf(const PresentColumn& present, bool may_have_kind) {
  static const std::map<std::string_view, Type> kTypes = {
      {"boolean", Type::kBool},
      {"bigint", Type::kInt64},
      {"double precision", Type::kDouble},
      {"numeric", Type::kDecimal},
      {"text", Type::kText},
      {"text COLLATE \"C\"", Type::kText},
      {"bytea", Type::kBytes},
      {"date", Type::kDate},
      {"time", Type::kTime},
      {"timestamp", Type::kTimestamp},
      {"timestamptz", Type::kTimestampTz},
      {"uuid", Type::kUuid},
  };
  const auto type = kTypes.find(present.type);
  if (type == kTypes.end()) return std::nullopt;
  Column column{.name = present.name, .type = type->second};
  column.key_position = static_cast<std::uint32_t>(present.key_position);
  column.nullable = present.key_position == 0;
  if (column.type == Type::kDecimal) {
    // One of the mirror's keys is a text there.
    if (column.key_position != 0) return std::nullopt;
    column.precision = kDecimalDigits;
    column.scale = kDecimalScale;
  } else if (column.type == Type::kTime || column.type == Type::kTimestamp ||
             column.type == Type::kTimestampTz) {
    column.precision = kDigitsOfSecond;
  } else if (column.type == Type::kText && may_have_kind) {
    column.type = Type::kAny;
    column.affinity = Affinity::kBlob;
  }
  return column;
}

}  // namespace

std::optional<PostgresStored> StoredFormOf(const PostgresAgreed& agreed, const PresentTable& present,
                                           bool is_older, const std::set<std::string>& emptied,
                                           std::vector<std::string>* left_out) {
  const std::string& table = agreed.schema.name;
  const TableSchema kept = KeptForm(agreed.schema), wanted = WithOwnColumns(kept);
  PostgresStored stored{wanted, is_older || !WhyNotWritten(kept, present).empty()};
  stored.schema.columns.clear();
  const bool has_kinds = present.Find(kKindsColumn) != nullptr;
  const std::set<std::string> with_kinds =
      has_kinds ? NamesWithKinds(present, agreed.kinds) : std::set<std::string>();
  for (const PresentColumn& column : present.columns) {
    if (column.name == kKindsColumn) continue;
    const std::optional<std::uint32_t> at = wanted.Find(column.name);
    std::optional<Column> read;
    if (stored.is_older && !column.is_generated) {
      read = ColumnOf(column, with_kinds.contains(column.name));
    } else if (!stored.is_older && at && wanted.columns[*at].name == column.name) {
      read = wanted.columns[*at];
    }
    // Elsewhere names do not differ in case alone.
    if (read && !emptied.contains(FoldName(column.name)) && !stored.schema.Find(column.name)) {
      stored.schema.columns.push_back(*std::move(read));
      continue;
    }
    if (column.key_position != 0) {
      left_out->push_back(
          absl::StrCat("table '", table, "', whose key '", column.name, "' is ", column.type));
      return std::nullopt;
    }
    left_out->push_back(absl::StrCat("column '", column.name, "' of table '", table, "'"));
  }
  return stored;
}

}  // namespace mirror
