#include "client/source/mariadb/mariadb_marks.h"

#include "absl/strings/str_cat.h"

#include "base/status_macros.h"

namespace mirror {

absl::StatusOr<bool> MariadbMarks::AreIn(mariadb::Connection& connection) {
  ASSIGN_OR_RETURN(
      const std::int64_t there,
      connection.Number(
          "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = "
          "'_mirror_exchange'",
          "looking for the exchange's tables"));
  return there > 0;
}

absl::StatusOr<CycleMarks::Cycles> MariadbMarks::Read() {
  ASSIGN_OR_RETURN(const auto connection, mariadb::Connection::Open(ConnectToChange(access_)));
  ASSIGN_OR_RETURN(const mariadb::Rows row,
                   connection->Query("SELECT completing, completed FROM _mirror_exchange",
                                     "asking which cycles it knows"));
  if (row.rows() == 1) return Cycles{row.Int(0, 0), row.Int(0, 1)};
  return absl::FailedPreconditionError(
      "the source's _mirror_exchange has lost its row: run 'mirror-agent uninstall', then 'install'");
}

absl::Status MariadbMarks::Set(const char* column, std::int64_t cycle) const {
  ASSIGN_OR_RETURN(const auto connection, mariadb::Connection::Open(ConnectToChange(access_)));
  return (connection)
      ->Execute(absl::StrCat("UPDATE _mirror_exchange SET ", column, " = ", cycle, " WHERE ", column, " <> ",
                             cycle),
                "noting which cycles it knows");
}

}  // namespace mirror
