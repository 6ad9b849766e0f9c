#ifndef MIRROR_SERVER_STORE_POSTGRES_TABLES_LONG_VALUES_H_
#define MIRROR_SERVER_STORE_POSTGRES_TABLES_LONG_VALUES_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/failure.h"
#include "server/plan/plan.h"
#include "server/store/postgres/records/state_rows.h"
#include "server/store/postgres/tables/table_work.h"

// An index takes 2,704 bytes of a row, and sources have no such limit. No row of theirs is refused for an
// index that the mirror made itself: it goes. Who makes it again finds whether the values fit by then, and
// where they do not it is noted in kTooLong, and not tried again before the table is populated anew.

namespace mirror {

/// What refuses the row may be an index of the mirror's own: PostgreSQL names it, or none.
bool MayBeOwnIndex(const postgres::Failure& failure);
/// Drops those of the mirror's own that have a column of any length. Gives how many. Errors: as LockTable().
absl::StatusOr<std::size_t> DropIndexesOfAnyLength(TableWork& work, const std::string& table);

/// A value of its table is too long for the index.
absl::Status NoteTooLong(TableWork& work, const OwnIndex& index);
/// Of all indexes of the table, or of one.
void ForgetTooLong(TableWork& work, const std::string& table,
                   const std::optional<std::string>& index = std::nullopt);
/// `rows`: of kTooLong. What cannot be read is not told.
std::vector<OwnIndex> ReadTooLong(const std::vector<StateRow>& rows);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_TABLES_LONG_VALUES_H_
