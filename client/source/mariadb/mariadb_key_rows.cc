#include "client/source/mariadb/mariadb_rows.h"

#include <cstddef>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/source/mariadb/mariadb_types.h"

namespace mirror {
namespace {

/// Of one statement: a server takes a megabyte at least.
constexpr std::size_t kKeysBytes = 256 * 1024;
constexpr std::size_t kKeysMax = 1'000;

std::string KeyLiterals(const KnownMariadbTable& known, const std::vector<std::uint32_t>& columns,
                        const Key& key) {
  std::vector<std::string> literals;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    literals.push_back(
        MariadbKeyLiteral(known.table.columns[columns[i]], known.schema.columns[columns[i]], key[i]));
  }
  return absl::StrJoin(literals, ", ");
}

}  // namespace

MariadbAsk AskForMariadbKeys(const KnownMariadbTable& known, std::vector<std::uint32_t> columns,
                             const std::vector<Key>& keys) {
  const std::vector<std::uint32_t> key_columns = known.schema.Key();
  std::vector<std::string> names, terms;
  for (std::size_t i = 0; i < key_columns.size(); ++i) {
    names.push_back(absl::StrCat("k", i));
    terms.push_back(absl::StrCat(
        MariadbKeyTerm(known.table.columns[key_columns[i]], known.schema.columns[key_columns[i]]), " = k.k",
        i));
  }
  MariadbAsk ask{std::move(columns)};
  ask.where = absl::StrJoin(terms, " AND ");
  const std::string begin = absl::StrCat("WITH k(", absl::StrJoin(names, ", "), ") AS (VALUES ");
  std::string with = begin;
  std::size_t count = 0;
  for (const Key& key : keys) {
    if (count == kKeysMax || with.size() > kKeysBytes) {
      ask.with.push_back(with + ")");
      with = begin;
      count = 0;
    }
    absl::StrAppend(&with, count++ == 0 ? "" : ", ", "(", KeyLiterals(known, key_columns, key), ")");
  }
  if (count > 0) ask.with.push_back(with + ")");
  return ask;
}

std::unique_ptr<ValueRows> RowsOfMariadbKeys(std::shared_ptr<const MariadbLook> look,
                                             std::shared_ptr<const KnownMariadbTable> known,
                                             std::vector<std::uint32_t> read, WantedKeys keys) {
  if (keys->empty()) return nullptr;
  MariadbAsk ask = AskForMariadbKeys(*known, std::move(read), *keys);
  return std::make_unique<MariadbSourceRows>(std::move(look), std::move(known), std::move(ask));
}

}  // namespace mirror
