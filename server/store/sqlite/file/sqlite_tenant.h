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

// The tenant's own row, the nonces that it used, and what its last TableSchema was answered. All writing runs
// inside the caller's transaction.

namespace mirror {

/// Absent: its row is gone.
absl::StatusOr<std::optional<TenantRecord>> SelectTenant(SqliteConnection& connection);
/// Where there is none.
absl::Status InsertTenant(SqliteConnection& connection, const std::string& context_id);
absl::Status UpdateTenant(SqliteConnection& connection, const TenantRecord& tenant);

absl::StatusOr<std::vector<Nonce>> SelectNonces(SqliteConnection& connection);
absl::Status ForgetNonces(SqliteConnection& connection, std::int64_t before_ms);
/// Of those that do not expire before `from_ms`.
absl::StatusOr<TenantVerbs::NonceCount> CountNonces(SqliteConnection& connection, const std::string& value,
                                                    std::int64_t from_ms = 0);
absl::Status InsertNonce(SqliteConnection& connection, const Nonce& nonce);

absl::StatusOr<std::vector<SchemaAnswer>> SelectAnswers(SqliteConnection& connection);
/// As SelectAnswers() gives them once they are written: one for each name, sorted by it.
std::vector<SchemaAnswer> AsSelected(std::vector<SchemaAnswer> answers);
/// In place of all that are there; nothing is written where they are these.
absl::Status WriteAnswers(SqliteConnection& connection, const std::vector<SchemaAnswer>& answers);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_TENANT_H_
