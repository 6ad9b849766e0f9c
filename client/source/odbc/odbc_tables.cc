#include "client/source/odbc/odbc_tables.h"

namespace mirror {

MarkedColumn<std::int64_t, std::uint32_t> OdbcTableKind::Mark(const OdbcColumn& column) {
  return {column.number, column.type, column.type_name};
}

Column OdbcTableKind::WireOf(const OdbcColumn& column, const Place& /*place*/, bool wide) {
  Column wire = column.wire;
  if (!wide || wire.type == Type::kAny) return wire;
  wire.type = Type::kAny;
  wire.affinity = column.wide_affinity;
  wire.length = wire.precision = wire.scale = 0;
  return wire;
}

}  // namespace mirror
