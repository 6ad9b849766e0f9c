#include "server/store/sqlite/sqlite_mirror_check.h"

#include <filesystem>
#include <optional>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "base/db/sqlite/file_layout.h"
#include "base/status_macros.h"
#include "server/store/sqlite/file/sqlite_files.h"
#include "server/store/sqlite/file/sqlite_tenant.h"
#include "server/store/sqlite/rows/sqlite_schema.h"

namespace mirror {
namespace {

/// The layout of a mirror, of one that is being built, and of its claim. A file with this layout has all
/// tables that CreateOwnTables() makes. If one is missing, somebody dropped it by hand, and it is not created
/// again. So a change that adds a table, or changes what a table contains, needs a higher number.
const KnownLayout kLayout = {"the mirror file", 3};
constexpr std::int64_t kUnnumbered = 1;

absl::Status Emptied() { return absl::DataLossError("it is empty: it was cut off, or emptied by hand"); }

bool IsEmpty(SqliteConnection& connection) {
  std::error_code error;
  const bool has_no_bytes = std::filesystem::file_size(connection.path(), error) == 0 && !error;
  // A mirror that is being built may be in memory only.
  if (has_no_bytes && !connection.building()) return true;
  absl::StatusOr<Query> query = connection.Prepare("SELECT 1 FROM sqlite_schema LIMIT 1");
  if (!query.ok()) return false;
  const absl::StatusOr<bool> row = query->Step();
  return row.ok() && !*row;
}

/// Returns the error for a file that lacks the tenant's table and therefore is no mirror.
absl::Status WhyNoTenant(SqliteConnection& connection, const std::string& context_id, absl::Status status) {
  // For an empty file the contents of the log are useless, whatever SQLite reports about it.
  if (IsEmpty(connection)) return Emptied();
  if (!absl::IsFailedPrecondition(status)) return status;
  RETURN_IF_ERROR(CheckOwnTablesAndColumns(connection, context_id));
  // Only the first sentence, because the caller adds what to do.
  const absl::string_view message = status.message();
  return absl::DataLossError(message.substr(0, message.find(". ")));
}

absl::Status CheckOwner(SqliteConnection& connection, const std::string& context_id) {
  ASSIGN_OR_RETURN(
      Query there,
      connection.Prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = '_mirror_tenant'"));
  absl::StatusOr<bool> row = there.Step();
  if (!row.ok() || !*row) return row.status();
  ASSIGN_OR_RETURN(Query query,
                   connection.Prepare("SELECT context_id FROM _mirror_tenant WHERE context_id <> ?1"));
  ASSIGN_OR_RETURN(bool other, query.Bind(1, context_id).Step());
  if (!other) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("the file '", connection.path(), "' is the mirror of '", query.Text(0), "', not of '",
                   context_id, "'. It was left as it is. Put the right file there, or move this one away."));
}

absl::Status CheckWholeLayout(SqliteConnection& connection, const std::string& context_id) {
  ASSIGN_OR_RETURN(const std::optional<FileLayout> layout, ReadLayout(connection.handle()));
  const bool present = layout && layout->number == kLayout.present;
  return present ? CheckOwnTables(connection, context_id) : absl::OkStatus();
}

}  // namespace

absl::Status TakeOverFile(SqliteConnection& connection, const std::string& context_id) {
  RETURN_IF_ERROR(CheckOwner(connection, context_id));
  RETURN_IF_ERROR(CheckWholeLayout(connection, context_id));
  return TakeOver(connection.handle(), kLayout, kUnnumbered, connection.path());
}

bool HasOtherLayout(SqliteConnection& connection) {
  absl::StatusOr<Query> query = connection.Prepare("SELECT layout FROM _mirror_layout");
  // SQLite has one code for a missing table and for an error in the statement. A file that lost all its
  // tables was truncated, not replaced.
  if (!query.ok()) return absl::IsFailedPrecondition(query.status()) && !IsEmpty(connection);
  const absl::StatusOr<bool> row = query->Step();
  if (!row.ok()) return absl::IsFailedPrecondition(row.status()) && !IsEmpty(connection);
  return !*row || query->Int(0) != kLayout.present;
}

absl::StatusOr<TenantRecord> ReadTenantOf(SqliteConnection& connection, const std::string& context_id) {
  absl::StatusOr<std::optional<TenantRecord>> tenant = SelectTenant(connection);
  if (!tenant.ok()) return WhyNoTenant(connection, context_id, tenant.status());
  if (!*tenant) return absl::DataLossError("its own row in _mirror_tenant is missing");
  return **std::move(tenant);
}

absl::Status CheckOwnTables(SqliteConnection& connection, const std::string& context_id) {
  ASSIGN_OR_RETURN(const std::string dropped, FindDroppedOwnTable(connection, context_id));
  if (dropped.empty()) return absl::OkStatus();
  if (IsEmpty(connection)) return Emptied();
  return absl::DataLossError(
      absl::StrCat("its own table '", dropped, "' was dropped by hand, and its contents are lost"));
}

absl::Status CheckOwnColumns(SqliteConnection& connection, const std::string& context_id) {
  ASSIGN_OR_RETURN(const std::string lost, FindLostOwnColumn(connection, context_id));
  if (lost.empty()) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat("column '", lost, "' of its own tables was dropped or renamed by hand"));
}

absl::Status CheckOwnTablesAndColumns(SqliteConnection& connection, const std::string& context_id) {
  absl::Status status = CheckOwnTables(connection, context_id);
  return status.ok() ? CheckOwnColumns(connection, context_id) : status;
}

absl::Status CheckLogSize(SqliteConnection& connection, std::uint64_t bytes_max) {
  if (connection.WalBytes() <= bytes_max) return absl::OkStatus();
  if (connection.EmptyLog(SqliteConnection::kBusyTimeoutMs)) return absl::OkStatus();
  if (connection.WalBytes() <= bytes_max) return absl::OkStatus();
  if (connection.LostPages()) return LostPages(connection);
  const LogStays stays = WhyLogStays(connection);
  return absl::UnavailableError(absl::StrCat(
      "the log of '", connection.path(), "' is over its limit of ", bytes_max, " bytes, because ", stays.why,
      ". Nothing was applied. ", stays.remedy, "; the same call again is safe."));
}

}  // namespace mirror
