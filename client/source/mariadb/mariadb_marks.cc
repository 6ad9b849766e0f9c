#include "client/source/mariadb/mariadb_marks.h"

#include <memory>

#include "absl/strings/str_cat.h"

namespace mirror {

absl::StatusOr<bool> MariadbMarks::AreIn(mariadb::Connection& connection) {
  const absl::StatusOr<std::int64_t> there = connection.Number(
      "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = "
      "'_mirror_exchange'",
      "looking for the exchange's tables");
  if (!there.ok()) return there.status();
  return *there > 0;
}

absl::StatusOr<CycleMarks::Cycles> MariadbMarks::Read() {
  const auto connection = mariadb::Connection::Open(ConnectToChange(access_));
  if (!connection.ok()) return connection.status();
  const absl::StatusOr<mariadb::Rows> row =
      (*connection)
          ->Query("SELECT completing, completed FROM _mirror_exchange", "asking which cycles it knows");
  if (!row.ok()) return row.status();
  if (row->rows() == 1) return Cycles{row->Int(0, 0), row->Int(0, 1)};
  return absl::FailedPreconditionError(
      "the source's _mirror_exchange has lost its row: run 'mirror-agent uninstall', then 'install'");
}

absl::Status MariadbMarks::Set(const char* column, std::int64_t cycle) const {
  const auto connection = mariadb::Connection::Open(ConnectToChange(access_));
  if (!connection.ok()) return connection.status();
  return (*connection)
      ->Execute(absl::StrCat("UPDATE _mirror_exchange SET ", column, " = ", cycle, " WHERE ", column, " <> ",
                             cycle),
                "noting which cycles it knows");
}

}  // namespace mirror
