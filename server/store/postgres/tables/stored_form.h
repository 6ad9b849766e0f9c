#ifndef MIRROR_SERVER_STORE_POSTGRES_TABLES_STORED_FORM_H_
#define MIRROR_SERVER_STORE_POSTGRES_TABLES_STORED_FORM_H_

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "proto/wire/table.h"
#include "server/store/postgres/records/metadata_rows.h"
#include "server/store/postgres/tables/present_table.h"

namespace mirror {

/// A table as it stands, by which all of its rows are read, live or not.
struct PostgresStored {
  TableSchema schema;  ///< See ContentsTable::stored.
  /// What it says of the columns is what stands there: the rows are of an older definition, or somebody
  /// changed the table. Texts without a kind are of a column that was TEXT once.
  bool is_older = false;
};

/// `is_older`: the rows are not of the agreed definition yet. `emptied`: folded names of columns whose values
/// a rule keeps out, and that are not emptied yet. What cannot be read, or is not to be, goes into
/// `left_out`; absent: that is the whole table.
std::optional<PostgresStored> StoredFormOf(const PostgresAgreed& agreed, const PresentTable& present,
                                           bool is_older, const std::set<std::string>& emptied,
                                           std::vector<std::string>* left_out);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_TABLES_STORED_FORM_H_
