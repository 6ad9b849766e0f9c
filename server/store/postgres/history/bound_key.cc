#include "server/store/postgres/history/bound_key.h"

#include <cstddef>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "base/db/postgres/name.h"
#include "server/store/postgres/rows/columns_in.h"
#include "server/store/postgres/rows/columns_out.h"

namespace mirror {

BoundKey::BoundKey(const TableSchema& table, const Key& key, std::string_view alias) {
  const std::vector<std::uint32_t> columns = table.Key();
  turned_.resize(key.size());
  for (std::size_t i = 0; i < key.size() && i < columns.size(); ++i) {
    const KeyPart& part = key[i];
    // No text in PostgreSQL has a NUL.
    can_be_there_ &=
        part.kind != Kind::kNull && !(part.kind == Kind::kText && part.bytes.find('\0') != std::string::npos);
    const Value value = {.kind = part.kind, .integer = part.integer, .real = part.real, .bytes = part.bytes};
    values_.push_back(can_be_there_ ? PostgresValue(table.columns[columns[i]], value, &turned_[i])
                                    : postgres::Value(nullptr));
    absl::StrAppend(&same_, i == 0 ? "" : " AND ", std::string(alias), ".",
                    QuoteName(table.columns[columns[i]].name), " = $", i + 1);
  }
}

}  // namespace mirror
