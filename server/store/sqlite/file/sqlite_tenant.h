#ifndef MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_TENANT_H_
#define MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_TENANT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/plan/plan.h"
#include "server/store/sqlite/file/sqlite_connection.h"
#include "server/store/store_transaction.h"

// The tenant's own row, the nonces that it used, and the answers to its last TableSchema call. All writes run
// inside the caller's transaction.

namespace mirror {

/// Reads the tenant's row. Absent: the row is missing.
absl::StatusOr<std::optional<TenantRecord>> SelectTenant(SqliteConnection& connection);
/// Inserts the row if there is none.
absl::Status InsertTenant(SqliteConnection& connection, const std::string& context_id);
absl::Status UpdateTenant(SqliteConnection& connection, const TenantRecord& tenant);

absl::StatusOr<std::vector<Nonce>> SelectNonces(SqliteConnection& connection);
absl::Status ForgetNonces(SqliteConnection& connection, std::int64_t before_ms);
/// Counts the nonces that expire at `from_ms` or later, in Unix milliseconds.
absl::StatusOr<TenantVerbs::NonceCount> CountNonces(SqliteConnection& connection, const std::string& value,
                                                    std::int64_t from_ms = 0);
absl::Status InsertNonce(SqliteConnection& connection, const Nonce& nonce);

absl::StatusOr<std::vector<SchemaAnswer>> SelectAnswers(SqliteConnection& connection);
/// Returns what SelectAnswers() would return after `answers` were written: one for each name, sorted by name.
std::vector<SchemaAnswer> AsSelected(std::vector<SchemaAnswer> answers);
/// Replaces all stored answers. Writes nothing if they are equal to the stored ones.
absl::Status WriteAnswers(SqliteConnection& connection, const std::vector<SchemaAnswer>& answers);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_TENANT_H_
